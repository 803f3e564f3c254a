account      = "111122223333"
network_cidr = "10.20.0.0/16"
api_open_to  = ["203.0.113.0/24"] # the office and the CI runners
deployers    = { trunkline = "arn:aws:iam::111122223333:role/shop-deploy-staging" }

nodes = { instance_types = ["m7i.large"], min = 2, max = 4 }
