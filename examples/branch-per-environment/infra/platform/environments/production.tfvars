account      = "444455556666"
network_cidr = "10.30.0.0/16"
api_open_to  = ["203.0.113.0/24"] # the office and the CI runners
deployers    = { trunkline = "arn:aws:iam::444455556666:role/shop-deploy-production" }

nat_in_each_zone = true
log_days         = 365
nodes            = { instance_types = ["m7i.large"], min = 4, max = 12, disk_gigabytes = 100 }
