terraform {
  required_version = ">= 1.11" # locks states in S3 without a table

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.66"
    }
  }

  # Where the state is stands in trunkline.yaml: policy, which no branch can change.
  backend "s3" {}
}
