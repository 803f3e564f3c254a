#!/bin/sh
# ApplicationStart. What it prints goes to /var/log/web, and from there to CloudWatch.
. "$(dirname "$0")/common.sh"
if rehearses; then
  stop_rehearsed
  set -a
  . "$home/variables"
  set +a
  nohup node "$home/current/main.js" >> "$home/web.log" 2>&1 < /dev/null &
  echo $! > "$pid_file"
else
  systemctl enable --quiet web
  systemctl restart web
fi
