#!/bin/bash
# The guest's pid 1 when it runs bare: file systems, cgroups with every controller, the agent.
# $cgroups is of the kernel's command line: v2, v1, or hybrid for both, with the controllers in v1.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

mount -t proc -o nosuid,nodev,noexec proc /proc
mount -t sysfs -o nosuid,nodev,noexec sysfs /sys
mkdir -p /dev/pts /dev/shm /dev/mqueue
mount -t devpts -o nosuid,noexec,gid=5,mode=620,ptmxmode=666 devpts /dev/pts
mount -t tmpfs -o nosuid,nodev tmpfs /dev/shm
mount -t mqueue mqueue /dev/mqueue
mount -t tmpfs -o nosuid,nodev,mode=755 tmpfs /run
mount -t tmpfs -o nosuid,nodev tmpfs /tmp
mkdir -p /run/lock

cgroup_v2() { # DIRECTORY
    mount -t cgroup2 -o nosuid,nodev,noexec,nsdelegate cgroup2 "$1"
    for controller in $(<"$1/cgroup.controllers"); do
        echo "+$controller" >"$1/cgroup.subtree_control"
    done
}

# As systemd and those before it have mounted them: these two pairs together.
cgroup_v1() {
    mount -t tmpfs -o nosuid,nodev,noexec,mode=755 cgroup /sys/fs/cgroup
    while read -r name _ _ enabled; do
        case $name in
        '#'* | cpuacct | net_prio) continue ;;
        cpu) name=cpu,cpuacct ;;
        net_cls) name=net_cls,net_prio ;;
        esac
        [ "$enabled" = 1 ] || continue
        mkdir "/sys/fs/cgroup/$name"
        mount -t cgroup -o "nosuid,nodev,noexec,$name" cgroup "/sys/fs/cgroup/$name"
    done </proc/cgroups
}

case ${cgroups:-v2} in
v2) cgroup_v2 /sys/fs/cgroup ;;
v1) cgroup_v1 ;;
hybrid) cgroup_v1 && mkdir /sys/fs/cgroup/unified && cgroup_v2 /sys/fs/cgroup/unified ;;
esac
mount -t bpf bpf /sys/fs/bpf
mount -t securityfs securityfs /sys/kernel/security
[ ! -d /sys/fs/selinux ] || mount -t selinuxfs selinuxfs /sys/fs/selinux
mount --make-rshared /
ln -sfn /proc/self/fd /dev/fd
ln -sfn /proc/self/fd/0 /dev/stdin
ln -sfn /proc/self/fd/1 /dev/stdout
ln -sfn /proc/self/fd/2 /dev/stderr

echo vm >/proc/sys/kernel/hostname
busybox ip link set lo up

/usr/lib/crun-lite-vm/guest-agent.sh bare &
wait $!
busybox poweroff -f
