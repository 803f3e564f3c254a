output "vpc" {
  value = aws_vpc.this.id
}

output "private_subnets" {
  value = [for zone in var.zones : aws_subnet.private[zone].id]
}

output "public_subnets" {
  value = [for zone in var.zones : aws_subnet.public[zone].id]
}
