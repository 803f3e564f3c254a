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
