#!/bin/sh
# ApplicationStop: of the revision that ran. Requests under way are answered first.
. "$(dirname "$0")/common.sh"
if rehearses; then stop_rehearsed; else systemctl stop web; fi
