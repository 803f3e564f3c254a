#!/bin/sh
# Lays out the file system of Trunkline's own image in the folder $1: the bundled command with its Node, and what it
# needs of a Linux: git, ssh, a shell with the usual tools, certificates. Programs come from the machine that builds,
# with the libraries they are linked to; nothing is downloaded.
set -eu
root=$1
mkdir -p "$root/usr/local/bin" "$root/usr/local/lib/trunkline" "$root/etc/ssl/certs" "$root/tmp" "$root/work" "$root/root"

# As Debian and most others have it: /bin is /usr/bin, /lib is /usr/lib.
for folder in bin sbin lib lib64; do
  [ -e "/$folder" ] || continue
  mkdir -p "$root/usr/$folder"
  ln -s "usr/$folder" "$root/$folder"
done

# A file, and where it is a link, what that leads to, at the same path.
bring() {
  [ -e "$root$1" ] && return 0
  mkdir -p "$root$(dirname "$1")"
  cp -L "$1" "$root$1"
}
# A program and the libraries it is linked to.
program() {
  bring "$1"
  ldd "$1" 2>/dev/null | grep -oE '/[^ ]+' | sort -u | while read -r library; do bring "$library"; done
}

node=$(find node_modules/ -path '*/node-*/bin/node' | head -1)
cp "$node" "$root/usr/local/bin/node"
ldd "$node" | grep -oE '/[^ ]+' | sort -u | while read -r library; do bring "$library"; done
cp -r dist examples package.json LICENSE "$root/usr/local/lib/trunkline/"
printf '#!/bin/sh\nexec /usr/local/bin/node /usr/local/lib/trunkline/dist/trunkline.js "$@"\n' > "$root/usr/local/bin/trunkline"
chmod 755 "$root/usr/local/bin/trunkline"

for tool in sh env git ssh tar cat cp mv rm ls ln mkdir chmod touch true false test printf echo head tail sort tr wc cut \
  sed grep find xargs dirname basename date sleep uname id pwd flock; do
  path=$(command -v "$tool") || continue
  case $path in /*) ;; *) path=/bin/$tool; [ -e "$path" ] || continue ;; esac
  program "$path"
done
core=$(git --exec-path)
for helper in git git-remote-http git-remote-https git-http-fetch git-http-push git-sh-setup git-submodule; do
  [ -e "$core/$helper" ] && program "$core/$helper"
done
ln -sf git-remote-http "$root$core/git-remote-https"
for name in git-upload-pack git-receive-pack git-upload-archive; do ln -sf git "$root$core/$name"; done
templates=$(dirname "$core")/../share/git-core/templates
[ -d "$templates/info" ] && mkdir -p "$root/usr/share/git-core/templates" && cp -r "$templates/info" "$root/usr/share/git-core/templates/"
# Who looks up names and users by them.
for library in /lib/*-linux-gnu/libnss_files.so.2 /lib/*-linux-gnu/libnss_dns.so.2 /lib/*-linux-gnu/libresolv.so.2; do
  [ -e "$library" ] && program "$library"
done
[ -e /etc/ssl/certs/ca-certificates.crt ] && cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n' > "$root/etc/passwd"
printf 'root:x:0:\nnogroup:x:65534:\n' > "$root/etc/group"
printf 'hosts: files dns\n' > "$root/etc/nsswitch.conf"
# Folders are in the image by what is in them.
for folder in tmp work root; do : > "$root/$folder/.keep"; done
