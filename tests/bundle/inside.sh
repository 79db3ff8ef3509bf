#!/bin/sh
# Runs as the first process of the container that `make run` starts: says who and where it is.

# What the first readable of these cgroup files says: v2's name for it, then v1's.
limit() {
    for file; do
        [ ! -r "/sys/fs/cgroup/$file" ] || { cat "/sys/fs/cgroup/$file"; return; }
    done
}

# v2 has quota and period on one line, v1 in two files.
cpu() {
    echo $(limit cpu.max cpu/cpu.cfs_quota_us) $(limit cpu/cpu.cfs_period_us) |
        awk '{ print ($1 > 0 && $2 > 0) ? $1 / $2 : "unlimited" }'
}

memory() {
    limit memory.max memory/memory.limit_in_bytes |
        awk '{ print ($1 > 0) ? $1 / 1048576 " MiB" : "unlimited" }'
}

# Every namespace by its number; the host's numbers are others.
namespaces() {
    for kind in user pid net mnt ipc uts cgroup time; do
        printf '%s ' "$(readlink /proc/self/ns/$kind)"
    done
}

echo "Hello from inside the container."
echo "  pid          $$"
echo "  user         $(id -u), outside it is $(awk 'NR == 1 { print $2 }' /proc/self/uid_map)"
echo "  hostname     $(hostname)"
echo "  namespaces   $(namespaces)"
echo "  network      $(ls /sys/class/net | xargs)"
echo "  processes    $(ls /proc | grep -c '^[0-9]') (this script and what it asks)"
echo "  cpu limit    $(cpu)"
echo "  memory limit $(memory)"
echo "  pids limit   $(limit pids.max pids/pids.max)"
echo "  mounts"
awk '{ print "    " $2 " (" $3 ", " substr($4, 1, 2) ")" }' /proc/self/mounts
