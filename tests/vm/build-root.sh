#!/bin/bash
# Make the guest's root directory: Debian trixie, from the Debian mirror.
#
#   build-root.sh ROOT
#
# Programs are not built in the guest: emulation is slow. The host's are copied in at run time, so
# the guest holds the libraries they need and what the tests look at the system with.
set -euo pipefail
root=${1:?usage: build-root.sh ROOT}

packages=(
    # the quick one, and Debian's last with all controllers of cgroup v1 (not memory and cpuset since
    # 6.12), which has RDMA, too
    linux-image-cloud-amd64 linux-image-amd64/bookworm
    # pid 1 and its company
    systemd systemd-sysv dbus dbus-user-session libpam-systemd udev kmod login passwd util-linux mount
    procps
    # libraries of the program and its tests
    libseccomp2 libcap2 libyajl2 libmnl0 libcriterion3
    # for the tests: a container's root file system, sub-ids, network, a look at what happened
    busybox-static uidmap iproute2 strace psmisc attr acl file apparmor secilc criu
    # the engines that call a runtime, what they need, and the runtimes to compare with
    containerd docker.io docker-cli podman buildah conmon runc crun skopeo catatonit libcriu2
    containernetworking-plugins netavark aardvark-dns passt slirp4netns fuse-overlayfs
    iptables nftables ca-certificates jq
    # a CRI client of the tests' own
    python3 python3-grpcio python3-grpc-tools golang-github-kubernetes-cri-api-dev
)

mirror=http://deb.debian.org/debian
sources=("deb $mirror trixie main" "deb $mirror trixie-updates main"
         "deb http://security.debian.org/debian-security trixie-security main"
         "deb $mirror bookworm main")

mmdebstrap --quiet --mode=root --variant=minbase \
    --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Languages "none"' \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --include="${packages[*]}" trixie "$root" "${sources[@]}"
