#!/bin/sh
# Print where the host's static busybox is, or fail. A dynamic one would need the host's libraries.
for busybox in /bin/busybox.static /bin/busybox /sbin/busybox /usr/sbin/busybox; do
    [ -x "$busybox" ] && ! ldd "$busybox" >/dev/null 2>&1 && echo "$busybox" && exit 0
done
echo "no static busybox found: \`make deps\` installs one" >&2
exit 1
