# Whoever takes the name comes after the nodes and the access entries: pods can run, and Trunkline may start them.
output "name" {
  value = aws_eks_cluster.this.name

  depends_on = [aws_eks_node_group.this, aws_eks_addon.on_nodes, aws_eks_access_policy_association.deployer]
}

output "endpoint" {
  value = aws_eks_cluster.this.endpoint
}

output "oidc_provider_arn" {
  value = aws_iam_openid_connect_provider.this.arn
}

output "security_group" {
  description = "Nodes and pods are in it."
  value       = aws_eks_cluster.this.vpc_config[0].cluster_security_group_id
}
