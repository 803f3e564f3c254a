variable "name" {
  description = "The beginning of names."
  type        = string
}

variable "cidr" {
  description = "Addresses of the VPC."
  type        = string
}

variable "private_newbits" {
  description = "How much smaller than the VPC a private subnet is: pods have addresses of it."
  type        = number
}

variable "zones" {
  description = "Availability zones, two or more."
  type        = list(string)

  validation {
    condition     = length(var.zones) >= 2
    error_message = "EKS needs subnets in two zones."
  }
}

variable "nat_in_each" {
  description = "Whether each zone has a NAT gateway of its own."
  type        = bool
}

variable "cluster_to_be" {
  description = "Name of the cluster that load balancers look for on the subnets."
  type        = string
}

variable "log_days" {
  description = "How long flow logs are kept."
  type        = number
}
