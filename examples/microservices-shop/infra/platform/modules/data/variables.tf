variable "name" {
  description = "The beginning of names."
  type        = string
}

variable "vpc" {
  description = "The VPC."
  type        = string
}

variable "subnets" {
  description = "Private subnets in two zones or more."
  type        = list(string)
}

variable "reached_from" {
  description = "Security group of who may connect."
  type        = string
}

variable "deletion_protected" {
  description = "Whether the database can be deleted only after this is taken away, and leaves a snapshot."
  type        = bool
}

variable "database" {
  description = "Size of PostgreSQL."
  type = object({
    class           = string
    gigabytes       = number
    copies_in_zones = number
    backup_days     = number
    engine_version  = string
  })
}

variable "database_name" {
  description = "The database in it."
  type        = string
}

variable "database_user" {
  description = "Its user."
  type        = string
}

variable "database_password" {
  description = "The user's password."
  type        = string
  sensitive   = true
}

variable "database_port" {
  description = "Where PostgreSQL listens."
  type        = number
}

variable "cache" {
  description = "Size of Redis: Valkey, which speaks the same."
  type = object({
    class          = string
    copies         = number
    engine_version = string
  })
}

variable "cache_password" {
  description = "The password of Redis."
  type        = string
  sensitive   = true
}

variable "cache_port" {
  description = "Where Redis listens."
  type        = number
}

variable "encrypted_connections" {
  description = "Whether connections to Redis are encrypted, as PostgreSQL's are by choice of the client."
  type        = bool
}
