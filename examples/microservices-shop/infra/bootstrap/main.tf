# What must be there before the first delivery, once for each account, by an administrator's own hand:
#   terraform init && terraform apply -var account=… -var repository=… -var 'refs={ stage = "heads/main", demo = "tags/rc-*" }'

provider "aws" {
  region              = var.region
  allowed_account_ids = [var.account]

  default_tags {
    tags = {
      project    = var.project
      managed-by = "terraform"
    }
  }
}

# States of Terraform: every version is kept, nobody else reads them, and nothing goes over the wire in the clear.
resource "aws_s3_bucket" "states" {
  bucket = "${var.project}-states-${var.account}"

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_s3_bucket_versioning" "states" {
  bucket = aws_s3_bucket.states.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "states" {
  bucket = aws_s3_bucket.states.id

  rule {
    bucket_key_enabled = true

    apply_server_side_encryption_by_default {
      sse_algorithm = "aws:kms"
    }
  }
}

resource "aws_s3_bucket_public_access_block" "states" {
  bucket = aws_s3_bucket.states.id

  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

data "aws_iam_policy_document" "states" {
  statement {
    sid       = "OnlyEncryptedConnections"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [aws_s3_bucket.states.arn, "${aws_s3_bucket.states.arn}/*"]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_s3_bucket_policy" "states" {
  bucket = aws_s3_bucket.states.id
  policy = data.aws_iam_policy_document.states.json
}

# One repository holds the images of all services; a tag is never moved.
resource "aws_ecr_repository" "images" {
  count = var.holds_images ? 1 : 0

  name                 = var.project
  image_tag_mutability = "IMMUTABLE"

  image_scanning_configuration {
    scan_on_push = true
  }

  encryption_configuration {
    encryption_type = "KMS"
  }
}

# Images are pulled by clusters of other environments' accounts, too: they are the same there.
data "aws_iam_policy_document" "readers" {
  count = var.holds_images && length(var.images_for) > 0 ? 1 : 0

  statement {
    actions = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]

    principals {
      type        = "AWS"
      identifiers = [for account in var.images_for : "arn:aws:iam::${account}:root"]
    }
  }
}

resource "aws_ecr_repository_policy" "readers" {
  count = length(data.aws_iam_policy_document.readers)

  repository = aws_ecr_repository.images[0].name
  policy     = data.aws_iam_policy_document.readers[0].json
}

resource "aws_iam_openid_connect_provider" "github" {
  url            = "https://token.actions.githubusercontent.com"
  client_id_list = ["sts.amazonaws.com"]
}

# Every job puts what it builds there; a tag that stands is not moved.
data "aws_iam_policy_document" "images_trust" {
  count = var.holds_images ? 1 : 0

  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = [aws_iam_openid_connect_provider.github.arn]
    }

    condition {
      test     = "StringEquals"
      variable = "token.actions.githubusercontent.com:aud"
      values   = ["sts.amazonaws.com"]
    }

    condition {
      test     = "StringLike"
      variable = "token.actions.githubusercontent.com:sub"
      values   = ["repo:${var.repository}:ref:refs/*"]
    }
  }
}

data "aws_iam_policy_document" "images" {
  count = var.holds_images ? 1 : 0

  statement {
    sid       = "SignIn"
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"]
  }

  statement {
    sid = "PutAndGet"
    actions = [
      "ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:CompleteLayerUpload", "ecr:DescribeImages",
      "ecr:DescribeImageScanFindings", "ecr:GetDownloadUrlForLayer", "ecr:InitiateLayerUpload", "ecr:PutImage",
      "ecr:UploadLayerPart",
    ]
    resources = [aws_ecr_repository.images[0].arn]
  }
}

resource "aws_iam_role" "images" {
  count = var.holds_images ? 1 : 0

  name               = "${var.project}-images"
  assume_role_policy = data.aws_iam_policy_document.images_trust[0].json
}

resource "aws_iam_role_policy" "images" {
  count = var.holds_images ? 1 : 0

  name   = "images"
  role   = aws_iam_role.images[0].name
  policy = data.aws_iam_policy_document.images[0].json
}

module "deployer" {
  source   = "./modules/deployer"
  for_each = var.refs

  project     = var.project
  environment = each.key
  account     = var.account
  region      = var.region
  states      = aws_s3_bucket.states.arn
  identity    = aws_iam_openid_connect_provider.github.arn
  subject     = "repo:${var.repository}:ref:refs/${each.value}"
}
