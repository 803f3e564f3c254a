output "database_address" {
  value = aws_db_instance.products.address
}

output "cache_address" {
  value = aws_elasticache_replication_group.carts.primary_endpoint_address
}
