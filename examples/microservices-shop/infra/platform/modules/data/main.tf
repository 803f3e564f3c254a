# PostgreSQL for products, Redis for carts and orders: in the private subnets, for pods of the cluster alone.

terraform {
  required_providers {
    aws = {
      source = "hashicorp/aws"
    }
  }
}

# A password that is changed is written anew without a new database.
resource "aws_db_instance" "products" {
  identifier     = "${var.name}-products"
  engine         = "postgres"
  engine_version = var.database.engine_version
  instance_class = var.database.class

  db_name  = var.database_name
  username = var.database_user
  password = var.database_password
  port     = var.database_port

  allocated_storage     = var.database.gigabytes
  max_allocated_storage = var.database.gigabytes * 5
  storage_type          = "gp3"
  storage_encrypted     = true

  multi_az               = var.database.copies_in_zones > 1
  db_subnet_group_name   = aws_db_subnet_group.this.name
  vpc_security_group_ids = [aws_security_group.database.id]
  publicly_accessible    = false

  backup_retention_period         = var.database.backup_days
  copy_tags_to_snapshot           = true
  deletion_protection             = var.deletion_protected
  skip_final_snapshot             = !var.deletion_protected
  final_snapshot_identifier       = "${var.name}-products-last"
  auto_minor_version_upgrade      = true
  performance_insights_enabled    = true
  enabled_cloudwatch_logs_exports = ["postgresql", "upgrade"]
}

resource "aws_db_subnet_group" "this" {
  name       = "${var.name}-data"
  subnet_ids = var.subnets
}

resource "aws_security_group" "database" {
  name_prefix = "${var.name}-database-"
  description = "PostgreSQL of ${var.name}"
  vpc_id      = var.vpc

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_ingress_rule" "database" {
  security_group_id            = aws_security_group.database.id
  description                  = "Pods"
  referenced_security_group_id = var.reached_from
  ip_protocol                  = "tcp"
  from_port                    = var.database_port
  to_port                      = var.database_port
}

resource "aws_elasticache_replication_group" "carts" {
  replication_group_id = "${var.name}-carts"
  description          = "Carts and orders of ${var.name}"
  engine               = "valkey"
  engine_version       = var.cache.engine_version
  node_type            = var.cache.class
  port                 = var.cache_port

  num_cache_clusters         = var.cache.copies
  automatic_failover_enabled = var.cache.copies > 1
  multi_az_enabled           = var.cache.copies > 1
  subnet_group_name          = aws_elasticache_subnet_group.this.name
  security_group_ids         = [aws_security_group.cache.id]

  at_rest_encryption_enabled = true
  transit_encryption_enabled = var.encrypted_connections
  auth_token                 = var.encrypted_connections ? var.cache_password : null
  snapshot_retention_limit   = var.database.backup_days
  apply_immediately          = true
}

resource "aws_elasticache_subnet_group" "this" {
  name       = "${var.name}-data"
  subnet_ids = var.subnets
}

resource "aws_security_group" "cache" {
  name_prefix = "${var.name}-cache-"
  description = "Redis of ${var.name}"
  vpc_id      = var.vpc

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_ingress_rule" "cache" {
  security_group_id            = aws_security_group.cache.id
  description                  = "Pods"
  referenced_security_group_id = var.reached_from
  ip_protocol                  = "tcp"
  from_port                    = var.cache_port
  to_port                      = var.cache_port
}
