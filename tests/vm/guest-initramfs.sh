#!/bin/busybox sh
# The guest's initramfs: load the disk's driver, mount the root, go there.
export PATH=/bin
mount() { /bin/busybox mount "$@"; }

mount -t devtmpfs dev /dev
for module in /modules/*.ko; do
    /bin/busybox insmod "$module" 2>/dev/null
done
mount -t proc proc /proc
init=/sbin/init
for word in $(/bin/busybox cat /proc/cmdline); do
    case $word in init=*) init=${word#init=} ;; esac
done
/bin/busybox umount /proc

tries=0
until [ -b /dev/vda ] || [ $tries -ge 50 ]; do
    /bin/busybox sleep 0.1
    tries=$((tries + 1))
done
mount -t ext4 -o noatime /dev/vda /root || /bin/busybox poweroff -f
mount --move /dev /root/dev
exec /bin/busybox switch_root /root "$init"
