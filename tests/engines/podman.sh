#!/bin/bash
# Podman and buildah, as root and as an ordinary user, by both cgroup managers: the rows are podman-rows.sh's.
#
#   podman.sh NAME=PROGRAM...     as root, who has images and containers of the run's own
#
# PODMAN_USERS="root rootless" and PODMAN_MANAGERS="systemd cgroupfs" choose among them; without systemd they are
# root and cgroupfs.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
. "$here/lib.sh"
enter_namespaces "$0" "$@"
users=root managers=cgroupfs
if [ -d /run/systemd/system ]; then
    users='root rootless' managers='systemd cgroupfs'
fi
ip link set lo up

folder=$(mktemp -d)
chmod 755 "$folder"
clean() {
    awk -v folder="$folder/" 'index($5, folder) == 1 { print $5 }' /proc/self/mountinfo | sort -r |
        xargs -r umount -l
    rm -rf --one-file-system "$folder"
    [ -z "${IN_NAMESPACES:-}" ] || remove_parents libpod_parent
}
trap clean EXIT
cd "$folder"      # older conmons leave a file where they are when there is an OOM kill

# What Podman's documentation asks for: a name for the program, and what it can do by that name.  The
# limits that it would set by itself need a machine that lets root raise them.
configuration() {
    cat <<END
[containers]
log_driver = "k8s-file"
$( (ulimit -Hn $(($(ulimit -Hn) + 1))) 2>/dev/null || echo 'default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]')
[engine]
runtime = "${1%%=*}"
events_logger = "file"
runtime_supports_json = ["crun", "runc", "crun-lite"]
runtime_supports_nocgroup = ["crun", "crun-lite"]
[engine.runtimes]
END
    for each; do echo "${each%%=*} = [\"${each#*=}\"]"; done
}
configuration "$@" >"$folder/containers.conf"

"$here/make-image.py" "$(readlink -f "$(command -v busybox)")" "$folder"
chmod 644 "$folder"/*.tar
# --userns=auto takes its ids from here; on a machine that is not a guest, in a copy that ends with the namespace.
for file in /etc/subuid /etc/subgid; do
    grep -q ^containers: $file && continue
    if [ -n "${IN_NAMESPACES:-}" ]; then
        cp $file "$folder/${file##*/}" && mount --bind "$folder/${file##*/}" $file
    fi
    echo containers:2147483647:1073741824 >>$file
done
modprobe tun 2>/dev/null || true        # pasta

printf '[storage]\ndriver = "overlay"\ngraphroot = "%s"\nrunroot = "%s"\n' "$folder/storage" "$folder/run" >"$folder/storage.conf"
as_root() { env CONTAINERS_STORAGE_CONF="$folder/storage.conf" "$@"; }

# In a unit of the user's own manager, as from a login.
as_rootless() {
    loginctl enable-linger tester
    local run_dir=/run/user/1000 setting settings=()
    eventually 1200 test -S $run_dir/bus || { echo "no bus of the user's"; return 1; }
    while [[ $1 == *=* ]]; do setting=$1; shift; settings+=("--setenv=$setting"); done
    runuser -u tester -- env XDG_RUNTIME_DIR=$run_dir DBUS_SESSION_BUS_ADDRESS=unix:path=$run_dir/bus \
        systemd-run --user --quiet --pipe --wait --collect --property=Delegate=yes --working-directory=/tmp \
        --setenv=XDG_RUNTIME_DIR=$run_dir "${settings[@]}" "$@"
}

version=$(podman --version | sed -E 's/.* ([0-9]+\.[0-9]+)\..*/\1/')
settings=(CONTAINERS_CONF="$folder/containers.conf" IMAGES="$folder/docker.tar")
for name in ENGINES_FILTER ENGINES_CONTROL ENGINES_LOOP ENGINES_CROWD ENGINES_VERBOSE ROW_TIMEOUT; do
    settings+=("$name=${!name:-}")
done
for who in ${PODMAN_USERS:-$users}; do
    for manager in ${PODMAN_MANAGERS:-$managers}; do
        as_$who "${settings[@]}" WHO=$who MANAGER=$manager "$here/podman-rows.sh" \
            "podman $version $who, $manager" "$@"
    done
done
