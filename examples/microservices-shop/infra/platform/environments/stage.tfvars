account      = "111122223333"
network_cidr = "10.10.0.0/16"
api_open_to  = ["203.0.113.0/24"] # the office and the CI runners
deployers    = { trunkline = "arn:aws:iam::111122223333:role/shop-deploy-stage" }

deletion_protected = false
log_days           = 7
nodes              = { instance_types = ["t3.large", "t3a.large"], capacity = "SPOT", min = 2, max = 4 }
database           = { class = "db.t4g.micro", gigabytes = 20, copies_in_zones = 1, backup_days = 1 }
cache              = { class = "cache.t4g.micro", copies = 1 }
