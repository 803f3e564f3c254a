#!/bin/sh
# AfterInstall: the release beside those before it, then `current` names it. The newest three are kept.
. "$(dirname "$0")/common.sh"
release=$home/releases/$DEPLOYMENT_ID
rm -rf "$release"
mkdir -p "$release"
cp -R "$bundle/dist/." "$release/"
ln -sfn "$release" "$home/current.new"
mv -T "$home/current.new" "$home/current"
ls -1dt "$home"/releases/* | tail -n +4 | while read -r old; do rm -rf "$old"; done
if ! rehearses; then
  install -m 644 "$bundle/deploy/web.service" /etc/systemd/system/web.service
  systemctl daemon-reload
fi
