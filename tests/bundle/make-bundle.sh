#!/bin/sh
# Make an OCI bundle from config.json.example and the host's static busybox.
#
#   tests/bundle/make-bundle.sh BUNDLE
#
# The root file system belongs to the host's user 100000, to whom the example maps the container's
# root: inside, root owns its files; outside, it owns nothing else.
set -eu

bundle=$1
here=$(dirname "$0")
owner=100000
rootfs=$bundle/rootfs

# Only root may give files to another user, and only root may map one to the container's root.
if [ "$(id -u)" -ne 0 ]; then
    echo "making this bundle and running it needs root: sudo make run" >&2
    exit 1
fi

busybox=$("$here/static-busybox.sh")

# What is there may have been changed on purpose, or be in use: `make clean` removes it.
if [ -e "$bundle/config.json" ]; then
    exit 0
fi

mkdir -p "$rootfs"
for directory in bin dev etc home proc root run sbin sys tmp usr/bin usr/sbin var/tmp; do
    mkdir -p "$rootfs/$directory"
done
chmod 1777 "$rootfs/tmp" "$rootfs/var/tmp"

cp "$busybox" "$rootfs/bin/busybox"
for applet in $("$busybox" --list); do
    [ "$applet" = busybox ] || ln -s busybox "$rootfs/bin/$applet"
done

cat >"$rootfs/etc/passwd" <<'END'
root:x:0:0:root:/root:/bin/sh
nobody:x:65534:65534:nobody:/:/bin/false
END
cat >"$rootfs/etc/group" <<'END'
root:x:0:
tty:x:5:
nogroup:x:65534:
END
cp "$here/inside.sh" "$rootfs/inside"
cp "$here/../../config.json.example" "$bundle/config.json"

chown -R -h "$owner:$owner" "$rootfs"
