#!/bin/sh
# AfterInstall: what the stack `data` knows (Parameter Store, Secrets Manager), read by the instance's own role, becomes the
# application's variables. No secret is in the bundle. A rehearsal has none of it: visits are counted in the process.
. "$(dirname "$0")/common.sh"
umask 077
variables=$home/variables
{
  echo "PORT=$port"
  echo "RELEASE=$DEPLOYMENT_ID"
  if ! rehearses; then
    echo "LISTEN_ADDRESS=0.0.0.0"
    path=/ec2-fleet/$DEPLOYMENT_GROUP_NAME
    redis=$(aws ssm get-parameter --name "$path/redis-url" --query Parameter.Value --output text)
    secret=$(aws ssm get-parameter --name "$path/redis-secret" --query Parameter.Value --output text)
    token=$(aws secretsmanager get-secret-value --secret-id "$secret" --query SecretString --output text)
    echo "REDIS_URL=$redis"
    echo "REDIS_TOKEN=$token"
  fi
} > "$variables.new"
mv "$variables.new" "$variables"
