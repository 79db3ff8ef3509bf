#!/bin/sh
# Make sure that what a job needs is installed.
#
#   tests/packages.sh JOB...         JOB: build, run, test, check, probe, bench, vm, engines
#
# What is there already is left alone, whoever put it there. For the rest: root gets it from the
# distribution's package manager, anyone else is told the exact packages, and the answer is 1.
set -eu
busybox=$(dirname "$0")/bundle/static-busybox.sh

# Is everything for this job here? No package manager is asked: a program or a library is enough.
have() {
    case $1 in
    build) have_programs "${CC:-cc}" ar "${PKG_CONFIG:-pkg-config}" && compiles &&
           "${PKG_CONFIG:-pkg-config}" --exists libseccomp libcap yajl libmnl ;;
    run)   "$busybox" >/dev/null 2>&1 ;;
    test)  "$busybox" >/dev/null 2>&1 && have_programs ps &&
           "${PKG_CONFIG:-pkg-config}" --exists criterion ;;
    check) have_programs gcc clang clang-format clang-tidy python3 ;;
    probe) have_programs runc ip /usr/bin/python3 && "$busybox" >/dev/null 2>&1 ;;
    # Its limits are those of the static program.
    bench) have_programs crun runc ip readelf strip unshare && { ! have_programs apt-get || have_programs musl-gcc; } ;;
    vm)    have_programs qemu-system-x86_64 qemu-img mmdebstrap mke2fs debugfs cpio unxz python3 ;;
    engines) have_programs containerd ctr runc dockerd podman buildah catatonit ip script /usr/bin/python3 /usr/lib/cni/bridge &&
             "$busybox" >/dev/null 2>&1 && /usr/bin/python3 -c 'import grpc, grpc_tools' 2>/dev/null ;;
    *)     echo "packages.sh: no such job: $1" >&2; exit 2 ;;
    esac
}

have_programs() {
    for program; do
        command -v "$program" >/dev/null 2>&1 || return 1
    done
}

# A compiler without the C library's headers is common on minimal systems.
compiles() {
    echo '#include <stdio.h>
          #include <linux/types.h>' | "${CC:-cc}" -E - >/dev/null 2>&1
}

# The packages of one job, by the package manager that knows them by that name.
packages() {
    case $1/$2 in
    apt-get/build) echo gcc libc6-dev musl-tools pkgconf libseccomp-dev libcap-dev libyajl-dev libmnl-dev ;;
    apt-get/run)   echo busybox-static ;;
    apt-get/test)  echo busybox-static libcriterion-dev procps ;;
    apt-get/check) echo gcc clang clang-format clang-tidy python3 ;;
    apt-get/vm)    echo qemu-system-x86 qemu-utils mmdebstrap e2fsprogs cpio xz-utils python3 ;;
    apt-get/probe) echo busybox-static runc iproute2 python3 ;;
    apt-get/bench) echo crun runc iproute2 binutils util-linux musl-tools ;;
    apt-get/engines) echo busybox-static containerd runc docker.io podman buildah catatonit iproute2 iptables bsdutils \
                          python3 python3-grpcio python3-grpc-tools containernetworking-plugins ;;
    dnf/build)     echo gcc make pkgconf-pkg-config libseccomp-devel libcap-devel yajl-devel \
                        libmnl-devel ;;
    dnf/run)       echo busybox ;;
    dnf/test)      echo busybox criterion-devel procps-ng ;;
    dnf/check)     echo gcc clang clang-tools-extra python3 ;;
    dnf/probe)     echo busybox runc iproute python3 glibc-static ;;
    dnf/bench)     echo crun runc iproute binutils util-linux ;;
    dnf/vm)        echo qemu-system-x86-core qemu-img mmdebstrap e2fsprogs cpio xz python3 ;;
    apk/build)     echo gcc make musl-dev linux-headers pkgconf libseccomp-dev libcap-dev yajl-dev \
                        libmnl-dev ;;
    apk/run)       echo busybox-static ;;
    apk/test)      echo busybox-static criterion-dev procps ;;
    apk/check)     echo gcc clang clang-extra-tools python3 ;;
    apk/probe)     echo busybox-static runc iproute2 python3 ;;
    apk/bench)     echo crun runc iproute2 binutils util-linux ;;
    apk/vm)        echo qemu-system-x86_64 qemu-img debootstrap e2fsprogs e2fsprogs-extra cpio xz \
                        python3 ;;
    pacman/build)  echo gcc make pkgconf libseccomp libcap yajl libmnl ;;
    pacman/run)    echo busybox ;;
    pacman/test)   echo busybox criterion procps-ng ;;
    pacman/check)  echo gcc clang python ;;
    pacman/probe)  echo busybox runc iproute2 python ;;
    pacman/bench)  echo crun runc iproute2 binutils util-linux ;;
    pacman/vm)     echo qemu-system-x86 qemu-img mmdebstrap e2fsprogs cpio xz python ;;
    esac
}

# The packages of several jobs, on one line.
packages_of() {
    manager=$1
    shift
    for job; do
        packages "$manager" "$job"
    done | tr ' ' '\n' | sort -u | tr '\n' ' '
}

# Package managers talk a lot; what they said is shown only when they failed.
install_with() {
    manager=$1
    shift
    echo "installing $*" >&2
    said=$(install_quietly "$@" 2>&1 </dev/null) || { echo "$said" >&2; exit 1; }
}

install_quietly() {
    case $manager in
    apt-get)
        export DEBIAN_FRONTEND=noninteractive
        apt-get -qq update && apt-get -qq install -y --no-install-recommends "$@" ;;
    dnf)    dnf -q install -y "$@" ;;
    apk)    apk add -q "$@" ;;
    pacman) pacman -Sy --noconfirm --needed "$@" ;;
    esac
}

missing=
for job; do
    have "$job" || missing="$missing $job"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -eq 0 ]; then
    for manager in apt-get dnf apk pacman; do
        have_programs $manager || continue
        install_with $manager $(packages_of $manager $missing)
        for job in $missing; do
            have "$job" || { echo "still missing something for: $job" >&2; exit 1; }
        done
        exit 0
    done
fi
cat >&2 <<END
Missing something for:$missing. Install these packages, or run this as root:
  Debian, Ubuntu:  apt-get install $(packages_of apt-get $missing)
  Fedora:          dnf install $(packages_of dnf $missing)
  Alpine:          apk add $(packages_of apk $missing)
  Arch:            pacman -S $(packages_of pacman $missing)
END
exit 1
