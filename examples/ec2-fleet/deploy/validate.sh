#!/bin/sh
# ValidateService: the release that was deployed answers, and no other.
. "$(dirname "$0")/common.sh"
exec node "$bundle/dist/probe.js" "http://127.0.0.1:$port/healthz" "$DEPLOYMENT_ID"
