output "states" {
  description = "`bucket` of the backend in trunkline.yaml."
  value       = aws_s3_bucket.states.bucket
}

output "images" {
  description = "`artifacts` of trunkline.yaml: oci://…"
  value       = one(aws_ecr_repository.images[*].repository_url)
}

output "images_role" {
  description = "`aws.role` of the project in trunkline.yaml."
  value       = one(aws_iam_role.images[*].arn)
}

output "roles" {
  description = "`aws.role` of each environment in trunkline.yaml."
  value       = { for environment, deployer in module.deployer : environment => deployer.role }
}
