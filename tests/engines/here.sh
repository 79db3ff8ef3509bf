#!/bin/bash
# Rows of engines on this very machine, or in this very guest.
#
#   CRUN_LITE=PROGRAM here.sh ENGINE...     ENGINE: containerd, cri, docker, podman
#
# Prints the rows; its environment is run.sh's.  Runtimes that are not installed are left out, and runtimes that cannot
# run here at all: crun wants nothing but cgroup v2.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")

runtimes=()
for name in $RUNTIMES; do
    program=$CRUN_LITE
    [ "$name" = crun-lite ] || program=$(command -v "$name") || continue
    [ "$name" != crun ] || [ -f /sys/fs/cgroup/cgroup.controllers ] || continue
    runtimes+=("$name=$program")
done

status=0
containerd=
for engine; do
    case $engine in
    containerd | cri) containerd+=" $engine" ;;
    docker | podman)
        command -v "$engine" >/dev/null || {
            printf '%s\tany row\tcrun-lite\tskip\t%s is not installed\n' "$engine" "$engine"
            continue
        }
        "$here/$engine.sh" "${runtimes[@]}" || status=$? ;;
    esac
done
[ -z "$containerd" ] || CLIENTS=$containerd "$here/containerd.sh" "${runtimes[@]}" || status=$?
exit $status
