#!/bin/bash
# The same containers under several runtimes, and what differs in what their processes see.
#
#   CRUN_LITE=PROGRAM PROBE=PROGRAM tests/probe/run.sh     as root; PROBE: probe.c, linked statically
#
#   RUNTIMES         "crun-lite runc crun": the first is tested, with each of the others where it is installed and runs
#   PROBE_FILTER     a regular expression: only the configurations whose names match
#   PROBE_RESULTS    keep what the probe said, in RUNTIME/CONFIGURATION
#
# What differs and is meant to is in explained.tsv; configs.py has the configurations, probe.py runs them.  The last
# line is `N passed, N failed, N skipped`: of pairs of a configuration and a control.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
. "$here/../engines/lib.sh"
enter_namespaces "$0" "$@"
ip link set lo up

runtimes=()
for name in ${RUNTIMES:-crun-lite runc crun}; do
    program=$CRUN_LITE
    [ "$name" = crun-lite ] || program=$(command -v "$name") || continue
    # It wants nothing but cgroup v2.
    [ "$name" != crun ] || [ -f /sys/fs/cgroup/cgroup.controllers ] || continue
    runtimes+=("$name=$program")
done

folder=$(mktemp -d)
chmod 711 "$folder"       # a user namespace must be able to reach its root
# As systemd's: nothing may travel out of a container by it.
mount --make-rshared /
clean() {
    awk -v folder="$folder/" 'index($5, folder) == 1 { print $5 }' /proc/self/mountinfo | sort -r | xargs -r umount -l
    rm -rf --one-file-system "$folder"
    remove_parents probes-of-crun-lite
    remove_parents probe-relative
}
trap clean EXIT
busybox=$("$here/../bundle/static-busybox.sh")
"$here/probe.py" "$PROBE" "$busybox" "$folder" "${runtimes[@]}"
