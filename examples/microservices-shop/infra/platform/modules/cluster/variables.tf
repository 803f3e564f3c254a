variable "name" {
  description = "Name of the cluster, and the beginning of others."
  type        = string
}

variable "kubernetes_version" {
  description = "Minor version of the control plane and of the nodes."
  type        = string
}

variable "subnets" {
  description = "Private subnets in two zones or more."
  type        = list(string)
}

variable "api_open_to" {
  description = "Networks from which the API server can be reached, beside the VPC."
  type        = list(string)
}

variable "deletion_protected" {
  description = "Whether the cluster can be deleted only after this is taken away."
  type        = bool
}

variable "log_days" {
  description = "How long logs of the control plane are kept."
  type        = number
}

variable "nodes" {
  description = "The managed node group."
  type = object({
    instance_types = list(string)
    capacity       = string
    min            = number
    max            = number
    disk_gigabytes = number
  })
}

variable "deployers" {
  description = "Roles that deliver to this cluster, by a name for each."
  type        = map(string)
}
