output "role" {
  value = aws_iam_role.this.arn
}
