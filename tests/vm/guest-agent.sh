#!/bin/bash
# Runs inside the guest, as a service of systemd or as the child of guest-init.sh; $1 says which.
#
# It talks with vm-run over virtio serial ports: `READY` and `EXIT <status>` go up, `GO <time>`
# comes down; what the command prints leaves through two ports of its own, and what it leaves in
# /out through a third, as a tar.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export HOME=/root USER=root SHELL=/bin/bash TERM=dumb LANG=C.UTF-8 VM_MODE=$1

port() {
    local folder name
    for folder in /sys/class/virtio-ports/vport*; do
        read -r name <"$folder/name"
        [ "$name" = "$1" ] && { echo "/dev/${folder##*/}"; return; }
    done
}

exec 8<>"$(port vm.control)"
out=$(port vm.out) err=$(port vm.err) files=$(port vm.files)

echo READY >&8
read -r _ now <&8
date -s "@$now" >/dev/null      # a resumed guest believes that it is when it was saved

# The disk with the shared folder was exchanged since a resumed guest last looked at it.
blockdev --flushbufs /dev/vdb
mount -t ext4 -o noatime /dev/vdb /host

# The command gets pipes, not the ports: a port blocks for ever once its reader is gone.
mkfifo /run/vm.out /run/vm.err
cat </run/vm.out >"$out" & cat_out=$!
cat </run/vm.err >"$err" & cat_err=$!
cd /host || exit
bash /host/.vm-command </dev/null >/run/vm.out 2>/run/vm.err 8>&-
status=$?

# Daemons left behind may hold the pipes open: wait, but not for ever.
for _ in 1 2 3 4 5 6 7 8 9 10; do
    kill -0 $cat_out 2>/dev/null || kill -0 $cat_err 2>/dev/null || break
    sleep 0.1
done
[ -z "$(ls -A /out)" ] || tar -C /out -cf - . >"$files"
echo "EXIT $status" >&8
sleep 30                        # vm-run ends the guest long before
