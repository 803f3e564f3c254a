output "cluster_name" {
  description = "What `kubernetes: { eks: … }` of trunkline.yaml names."
  value       = module.cluster.name
}

output "cluster_endpoint" {
  description = "The API server."
  value       = module.cluster.endpoint
}

output "oidc_provider_arn" {
  description = "For roles of service accounts."
  value       = module.cluster.oidc_provider_arn
}

output "region" {
  description = "Services that talk to AWS are told where they are."
  value       = var.region
}

output "private_subnets" {
  description = "For internal load balancers."
  value       = module.network.private_subnets
}

# Services are given these two: they roll out after the data is there, and again when it is another one.
output "database_url" {
  description = "`DATABASE_URL` of products."
  value = format(
    "postgresql://shop:%s@%s:%d/shop%s",
    urlencode(var.database_password), module.data.database_address, var.database_port,
    var.encrypted_connections ? "?sslmode=no-verify" : "",
  )
  sensitive = true
}

output "redis_url" {
  description = "`REDIS_URL` of carts and checkout."
  value = format(
    "%s://:%s@%s:%d",
    var.encrypted_connections ? "rediss" : "redis",
    urlencode(var.cache_password), module.data.cache_address, var.cache_port,
  )
  sensitive = true
}
