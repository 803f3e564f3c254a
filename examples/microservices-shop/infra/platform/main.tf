# One environment's network, cluster and data. What differs between environments is in environments/*.tfvars.

provider "aws" {
  region              = var.region
  allowed_account_ids = [var.account]

  default_tags {
    tags = {
      project     = var.project
      environment = var.environment
      managed-by  = "terraform"
    }
  }
}

locals {
  name = "${var.project}-${var.environment}"
}

data "aws_availability_zones" "open" {
  state = "available"

  filter {
    name   = "opt-in-status"
    values = ["opt-in-not-required"]
  }
}

module "network" {
  source = "./modules/network"

  name            = local.name
  cidr            = var.network_cidr
  zones           = slice(data.aws_availability_zones.open.names, 0, 2)
  nat_in_each     = var.nat_in_each_zone
  log_days        = var.log_days
  cluster_to_be   = local.name
  private_newbits = 4
}

module "cluster" {
  source = "./modules/cluster"

  name               = local.name
  kubernetes_version = var.kubernetes_version
  subnets            = module.network.private_subnets
  api_open_to        = var.api_open_to
  deletion_protected = var.deletion_protected
  log_days           = var.log_days
  nodes              = var.nodes
  deployers          = var.deployers
}

module "data" {
  source = "./modules/data"

  name                  = local.name
  vpc                   = module.network.vpc
  subnets               = module.network.private_subnets
  reached_from          = module.cluster.security_group
  deletion_protected    = var.deletion_protected
  database              = var.database
  database_name         = "shop"
  database_user         = "shop"
  database_password     = var.database_password
  database_port         = var.database_port
  cache                 = var.cache
  cache_password        = var.cache_password
  cache_port            = var.cache_port
  encrypted_connections = var.encrypted_connections
}
