account      = "444455556666"
network_cidr = "10.30.0.0/16"
api_open_to  = ["203.0.113.0/24"] # the office and the CI runners
deployers    = { trunkline = "arn:aws:iam::444455556666:role/shop-deploy-prod" }

nat_in_each_zone = true
log_days         = 365
nodes            = { instance_types = ["m7i.large"], min = 4, max = 12, disk_gigabytes = 100 }
database         = { class = "db.m7g.large", gigabytes = 100, copies_in_zones = 2, backup_days = 30 }
cache            = { class = "cache.m7g.large", copies = 2 }
