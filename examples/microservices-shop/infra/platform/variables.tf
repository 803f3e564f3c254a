# Given by trunkline.yaml.

variable "project" {
  description = "The project that all of this belongs to: the beginning of every name."
  type        = string
}

variable "environment" {
  description = "The environment that this is: the end of every name."
  type        = string
}

variable "database_password" {
  description = "Password of PostgreSQL: a secret of the environment."
  type        = string
  sensitive   = true

  validation {
    condition     = can(regex("^[!-~]{8,128}$", var.database_password)) && !can(regex("[/@\" ]", var.database_password))
    error_message = "RDS takes 8 to 128 characters that can be typed, and no slash, at sign, quote or space."
  }
}

variable "cache_password" {
  description = "Password of Redis: a secret of the environment."
  type        = string
  sensitive   = true

  validation {
    condition     = can(regex("^[A-Za-z0-9!&#$^<>-]{16,128}$", var.cache_password))
    error_message = "ElastiCache takes 16 to 128 letters, digits, and of the others ! & # $ ^ < > -."
  }
}

# Given by environments/<environment>.tfvars.

variable "account" {
  description = "The account of AWS; with credentials of another nothing is done."
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account))
    error_message = "An account has twelve digits."
  }
}

variable "region" {
  description = "The region of AWS."
  type        = string
  default     = "eu-central-1"
}

variable "network_cidr" {
  description = "Addresses of the VPC: networks that shall talk with each other some day must not overlap."
  type        = string

  validation {
    condition     = can(cidrsubnet(var.network_cidr, 4, 15))
    error_message = "A network such as 10.10.0.0/16."
  }
}

variable "nat_in_each_zone" {
  description = "Whether each zone has a way out of its own, so that the loss of one takes nothing from the other."
  type        = bool
  default     = false
}

variable "kubernetes_version" {
  description = "Minor version of Kubernetes. EKS goes up by one at a time."
  type        = string
  default     = "1.34"
}

variable "api_open_to" {
  description = "Networks from which the API server can be reached. Empty: from the VPC alone."
  type        = list(string)
  default     = []
}

variable "nodes" {
  description = "The managed node group."
  type = object({
    instance_types = list(string)
    capacity       = optional(string, "ON_DEMAND")
    min            = number
    max            = number
    disk_gigabytes = optional(number, 50)
  })

  validation {
    condition     = var.nodes.min >= 1 && var.nodes.max >= var.nodes.min
    error_message = "At least one node, and no more at the least than at the most."
  }
}

variable "deployers" {
  description = "Roles that deliver to this cluster, by a name for each: Trunkline's, and whoever may help by hand."
  type        = map(string)
}

variable "deletion_protected" {
  description = "Whether the cluster can be deleted only after this is taken away."
  type        = bool
  default     = true
}

variable "log_days" {
  description = "How long logs of the control plane and the network are kept."
  type        = number
  default     = 30
}

variable "database" {
  description = "Size of PostgreSQL."
  type = object({
    class           = string
    gigabytes       = number
    copies_in_zones = number
    backup_days     = number
    engine_version  = optional(string, "17")
  })
}

variable "database_port" {
  description = "Where PostgreSQL listens."
  type        = number
  default     = 5432
}

variable "cache" {
  description = "Size of Redis."
  type = object({
    class          = string
    copies         = number
    engine_version = optional(string, "8.0")
  })
}

variable "cache_port" {
  description = "Where Redis listens."
  type        = number
  default     = 6379
}

variable "encrypted_connections" {
  description = "Whether connections to the data are encrypted."
  type        = bool
  default     = true
}
