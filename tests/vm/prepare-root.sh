#!/bin/bash
# Turn the guest's root directory into what vm-run boots: kernel, initramfs and disk image.
#
#   prepare-root.sh ROOT DIRECTORY     makes DIRECTORY/{vmlinuz,initrd.img,root.img} and, of the ordinary
#                                      kernel, DIRECTORY/{vmlinuz,initrd.img}-full
set -euo pipefail
root=${1:?} directory=${2:?}
here=$(dirname "$(readlink -f "$0")")

# The cloud kernel has in it what it boots with, but for the disk's driver; the ordinary one has not.
boots_with=(virtio_pci virtio_blk ext4 virtio_console)
# What else of the ordinary kernel's thousands of modules a guest is given: rdma_rxe looks for the one before it by
# name, CRIU for all those behind.
full_modules=("${boots_with[@]}" virtio_rng autofs4 binfmt_misc overlay fuse loop tun veth dummy crc32_generic rdma_rxe
              unix_diag tcp_diag udp_diag raw_diag inet_diag af_packet_diag netlink_diag
              nf_tables nft_compat xt_mark nf_conntrack_netlink)

# The files of modules and of what they need, each behind what it needs.
files_of() { # VERSION MODULE...
    local version=$1 module
    shift
    for module; do
        chroot "$root" modprobe -S "$version" --show-depends "$module"
    done | sed -n 's/^insmod \([^ ]*\).*/\1/p' | awk '!seen[$0]++'
}

keep_full_modules() { # VERSION
    local modules=$root/lib/modules/$1 kept
    kept=$(files_of "$1" "${full_modules[@]}")
    # Thousands of them: not a process for each.
    (cd "$root" && find "${modules#"$root"/}" -name '*.ko*' | sed 's,^,/,' | grep -vxF "$kept" | sed 's,^/,,' | xargs -r rm --)
    depmod_for "$1"
}

depmod_for() { depmod -b "$root" "$1" 2>/dev/null || chroot "$root" depmod "$1"; }

kernel_and_initramfs() { # VERSION SUFFIX
    local version=$1 suffix=$2 modules=$root/lib/modules/$1 initramfs number=10 file
    # xz is slow under emulation, and busybox's insmod cannot read it.
    find "$modules" -name '*.ko.xz' -print0 | xargs -0r -n 64 -P 2 unxz
    depmod_for "$version"
    cp "$root/boot/vmlinuz-$version" "$directory/vmlinuz$suffix"

    initramfs=$(mktemp -d)
    mkdir -p "$initramfs"/{bin,dev,proc,root,modules}
    cp "$root/usr/bin/busybox" "$initramfs/bin/"
    for file in $(files_of "$version" "${boots_with[@]}"); do
        cp "$root$file" "$initramfs/modules/$number-${file##*/}"
        number=$((number + 1))
    done
    install -m 755 "$here/guest-initramfs.sh" "$initramfs/init"
    (cd "$initramfs" && find . | cpio -o -H newc --quiet) >"$directory/initrd.img$suffix"
    rm -rf "$initramfs"
}

kernels() {
    local version
    for version in $(ls "$root/lib/modules"); do
        case $version in
        *-cloud-*) kernel_and_initramfs "$version" "" ;;
        *)
            keep_full_modules "$version"
            kernel_and_initramfs "$version" -full ;;
        esac
    done
    rm -f "$root"/boot/*
}

# What a boot under emulation can do without; together it costs many seconds.
units_to_mask=(
    apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer
    e2scrub_reap.service systemd-tmpfiles-clean.timer getty@tty1.service getty.target
    serial-getty@ttyS0.service serial-getty@hvc0.service systemd-pstore.service
    systemd-hwdb-update.service systemd-journal-catalog-update.service
    systemd-update-done.service systemd-firstboot.service ldconfig.service
    systemd-update-utmp.service systemd-update-utmp-runlevel.service systemd-random-seed.service
    systemd-boot-random-seed.service systemd-machine-id-commit.service
    systemd-remount-fs.service systemd-fsck-root.service modprobe@configfs.service
    modprobe@drm.service modprobe@efi_pstore.service systemd-udev-settle.service
    dev-hugepages.mount sys-kernel-debug.mount sys-kernel-tracing.mount
)

configure() {
    local etc=$root/etc
    : >"$etc/fstab"
    echo vm >"$etc/hostname"
    echo 127.0.0.1 localhost vm >"$etc/hosts"
    echo 0123456789abcdef0123456789abcdef >"$etc/machine-id"
    for unit in "${units_to_mask[@]}"; do
        ln -sf /dev/null "$etc/systemd/system/$unit"
    done
    # The tests start the engines that they are about.
    rm -f "$etc"/systemd/system/*.wants/{docker,containerd,podman,netavark,criu}*
    # Loading all of Debian's profiles takes seconds of every boot.
    find "$etc/apparmor.d" -mindepth 1 -maxdepth 1 ! -name abi ! -name abstractions \
        ! -name tunables ! -name local ! -name runc ! -name crun -exec rm -rf {} +

    mkdir -p "$etc"/systemd/{system.conf.d,journald.conf.d,system/user@.service.d}
    cat >"$etc/systemd/system.conf.d/vm.conf" <<'END'
[Manager]
DefaultTimeoutStartSec=15min
DefaultTimeoutStopSec=5s
ShowStatus=no
LogLevel=warning
END
    cat >"$etc/systemd/journald.conf.d/vm.conf" <<'END'
[Journal]
Storage=volatile
RuntimeMaxUse=16M
END
    cat >"$etc/systemd/system/user@.service.d/delegate.conf" <<'END'
[Service]
Delegate=cpu cpuset io memory pids
END

    # An ordinary user with subordinate ids.
    chroot "$root" useradd -m -s /bin/bash -u 1000 tester
    echo tester:100000:65536 | tee "$etc/subuid" >"$etc/subgid"
}

install_agent() {
    mkdir -p "$root"/{host,out,usr/lib/crun-lite-vm}
    install -m 755 "$here/guest-agent.sh" "$here/guest-init.sh" "$root/usr/lib/crun-lite-vm/"
    cat >"$root/etc/systemd/system/vm-agent.service" <<'END'
[Unit]
Description=Runs what the host asks for
After=basic.target dbus.socket systemd-logind.service
Wants=dbus.socket systemd-logind.service
[Service]
ExecStart=/usr/lib/crun-lite-vm/guest-agent.sh systemd
Delegate=yes
KillMode=process
TasksMax=infinity
LimitNOFILE=1048576:1048576
OOMScoreAdjust=-500
END
    cat >"$root/etc/systemd/system/vm.target" <<'END'
[Unit]
Requires=basic.target
Wants=vm-agent.service systemd-user-sessions.service
After=basic.target
AllowIsolate=yes
END
    ln -sf vm.target "$root/etc/systemd/system/default.target"
}

make_image() {
    local image=$directory/root.img
    truncate -s 6G "$image"
    mke2fs -q -t ext4 -O '^has_journal,^metadata_csum' -E lazy_itable_init=1,nodiscard \
        -m 0 -L root -d "$root" "$image"
}

mkdir -p "$directory"
kernels
configure
install_agent
make_image
