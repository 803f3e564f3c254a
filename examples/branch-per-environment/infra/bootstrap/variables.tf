variable "project" {
  description = "The beginning of names."
  type        = string
  default     = "shop"
}

variable "region" {
  description = "The region of AWS."
  type        = string
  default     = "eu-central-1"
}

variable "account" {
  description = "The account of AWS; with credentials of another nothing is done."
  type        = string
}

variable "repository" {
  description = "The repository at GitHub, `owner/name`: its jobs take the roles without any key."
  type        = string
}

variable "refs" {
  description = "Environments of this account, and the branch or tags whose jobs deliver to each: `heads/main`, `tags/v*`."
  type        = map(string)
}

variable "holds_images" {
  description = "Whether images are kept in this account: in one of them."
  type        = bool
  default     = true
}

variable "images_for" {
  description = "Other accounts whose clusters pull these images."
  type        = list(string)
  default     = []
}
