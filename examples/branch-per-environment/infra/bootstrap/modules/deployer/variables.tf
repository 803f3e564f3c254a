variable "project" {
  description = "The beginning of names."
  type        = string
}

variable "environment" {
  description = "The environment that it delivers to."
  type        = string
}

variable "account" {
  description = "The account of AWS."
  type        = string
}

variable "region" {
  description = "The region of AWS: elsewhere it may do nothing."
  type        = string
}

variable "states" {
  description = "ARN of the bucket of states."
  type        = string
}

variable "identity" {
  description = "ARN of the provider of identities."
  type        = string
}

variable "subject" {
  description = "Whose jobs may take the role, as the provider says it."
  type        = string
}
