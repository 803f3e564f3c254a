# Sourced by the others. On an instance systemd runs the application, as the user `web`; in a rehearsal, where WEB_HOME
# says where everything goes, whoever rehearses does.
set -eu
bundle=$(cd "$(dirname "$0")/.." && pwd)
home=${WEB_HOME:-/opt/web}
port=${WEB_PORT:-8080}
pid_file=$home/web.pid

rehearses() { [ -n "${WEB_HOME:-}" ]; }

# Ends what a rehearsal started, by its pid.
stop_rehearsed() {
  [ -f "$pid_file" ] || return 0
  pid=$(cat "$pid_file")
  kill "$pid" 2>/dev/null || true
  tries=0
  while kill -0 "$pid" 2>/dev/null && [ "$tries" -lt 250 ]; do
    sleep 0.1
    tries=$((tries + 1))
  done
  rm -f "$pid_file"
}
