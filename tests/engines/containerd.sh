#!/bin/bash
# containerd: its client's rows (ctr.sh) and Kubernetes' (cri.py), with its own root, state and
# configuration in a temporary folder, and its own mount and network namespaces.  A process namespace
# of its own ends everything with it; but systemd could not be told of pids in there.
#
#   CLIENTS="containerd cri" containerd.sh NAME=PROGRAM...     as root; its environment is run.sh's
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
if [ -z "${IN_NAMESPACES:-}" ]; then
    [ -d /run/systemd/system ] || own_pids='--pid --fork --kill-child --mount-proc'
    IN_NAMESPACES=yes exec unshare --mount --net ${own_pids:-} --propagation slave "$0" "$@"
fi

folder=$(mktemp -d)
chmod 711 "$folder"       # a user namespace must be able to reach its root
clean() {
    kill "$daemon" 2>/dev/null || true
    awk -v folder="$folder/" 'index($5, folder) == 1 { print $5 }' /proc/self/mountinfo | sort -r |
        xargs -r umount -l
    wait
    rm -rf --one-file-system "$folder"
    # The kubelet would own the pods' parent; runc leaves it.
    find /sys/fs/cgroup -depth -type d -name cri-test -exec rmdir {} + 2>/dev/null || true
}
daemon=
trap clean EXIT
export CONTAINERD_ADDRESS=$folder/containerd.sock
version=$(containerd --version | sed -E 's/.* v?([0-9]+\.[0-9]+)\..*/\1/')
managers=cgroupfs
[ ! -d /run/systemd/system ] || managers='cgroupfs systemd'

# The native snapshotter copies, but works on any file system, overlay included.
export SNAPSHOTTER=native

# The name that a RuntimeClass gives: crun-lite, crun-lite-systemd.
handler_of() { [ "$2" = cgroupfs ] && echo "$1" || echo "$1-$2"; }

configuration() {
    cat <<END
version = 2
root = "$folder/root"
state = "$folder/state"
disabled_plugins = ["io.containerd.internal.v1.opt"]
[grpc]
  address = "$CONTAINERD_ADDRESS"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "docker.io/library/pause:latest"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$folder/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "$SNAPSHOTTER"
    default_runtime_name = "${1%%=*}"
END
    for each; do
        for manager in $managers; do
            handler=$(handler_of "${each%%=*}" $manager)
            cat <<END
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.$handler]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.$handler.options]
        BinaryName = "${each#*=}"
        SystemdCgroup = $([ $manager = systemd ] && echo true || echo false)
END
        done
    done
}

mkdir "$folder/cni"
cat >"$folder/cni/10-bridge.conflist" <<END
{ "cniVersion": "0.4.0", "name": "pods", "plugins": [
  { "type": "bridge", "bridge": "pods0", "isGateway": true, "ipMasq": false,
    "ipam": { "type": "host-local", "dataDir": "$folder/addresses",
              "ranges": [[{ "subnet": "10.88.0.0/24" }]] } } ] }
END
configuration "$@" >"$folder/config.toml"
ip link set lo up
containerd -c "$folder/config.toml" >"$folder/log" 2>&1 &
daemon=$!

. "$here/lib.sh"
eventually 300 ctr version || { tail -20 "$folder/log"; exit 1; }
"$here/make-image.py" "$(busybox=$(command -v busybox) && readlink -f "$busybox")" "$folder"
for namespace in default k8s.io; do
    ctr -n $namespace image import --snapshotter $SNAPSHOTTER "$folder/oci.tar" >"$folder/import.log" ||
        { cat "$folder/import.log"; exit 1; }
done

for client in $CLIENTS; do
    case $client in
    containerd) "$here/ctr.sh" "containerd $version" "$@" ;;
    cri)
        for manager in $managers; do
            handlers=()
            for each; do handlers+=("${each%%=*}=$(handler_of "${each%%=*}" $manager)"); done
            "$here/cri.py" "containerd $version CRI, $manager" "$CONTAINERD_ADDRESS" \
                docker.io/library/busybox:latest "${handlers[@]}"
        done ;;
    esac
done
