#!/bin/bash
# Prove on a fresh Debian that nothing but `make` is needed: build a minimal root of a release, put
# a copy of this tree in it and run the README's two commands there. By hand, as root.
#
#   tests/fresh-root.sh SUITE [COMMAND]     SUITE: bookworm, trixie, ...
#
# COMMAND (a shell line) replaces `make run && make test`. FRESH_ROOT=DIR keeps the root in DIR for
# a look at it, and uses it again when it is there.
set -euo pipefail

# The second half, in namespaces of its own. A chroot would not do: a process in one may neither
# pivot_root nor make a user namespace.
if [ "${1:-}" = --inside ]; then
    root=$2 command=$3
    mount --bind "$root" "$root"
    cd "$root"
    mount -t proc -o nosuid,nodev,noexec proc proc
    mount --rbind /sys sys
    mount --rbind /dev dev
    mount -t tmpfs -o mode=755 tmpfs run
    pivot_root . mnt
    umount -l /mnt
    export HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
    unset TMPDIR VM_CACHE
    cd /root/crun-lite
    exec /bin/sh -c "$command"
fi

suite=${1:?usage: fresh-root.sh SUITE [COMMAND]}
command=${2:-make run && make test}
tree=$(dirname "$(readlink -f "$0")")/..
root=${FRESH_ROOT:-$(mktemp -d)}
[ -n "${FRESH_ROOT:-}" ] || trap 'rm -rf --one-file-system "$root"' EXIT

if [ ! -e "$root/etc/debian_version" ]; then
    mmdebstrap --quiet --mode=root --variant=minbase --include=make "$suite" "$root"
    cp -L /etc/resolv.conf "$root/etc/"
fi
rm -rf "$root/root/crun-lite"
mkdir -p "$root/root/crun-lite"
(cd "$tree" && git ls-files -z --cached --others --exclude-standard |
    tar --null --ignore-failed-read -T - -cf -) | tar -C "$root/root/crun-lite" -xf -

unshare --mount --propagation private --pid --fork --kill-child \
    "$0" --inside "$root" "$command" </dev/null
