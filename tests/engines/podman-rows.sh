#!/bin/bash
# The rows of Podman and buildah, as the user who runs them.
#
#   podman-rows.sh ENGINE NAME=PROGRAM...     WHO=root|rootless MANAGER=systemd|cgroupfs
#
# CONTAINERS_CONF names the runtimes, IMAGES is an archive with busybox.
. "$(dirname "$(readlink -f "$0")")/lib.sh"

forever='while :; do sleep 1; done'
volumes=$(mktemp -d)
trap 'rm -rf "$volumes"' EXIT

podman() { command podman --runtime "$runtime" --cgroup-manager "$MANAGER" "$@"; }
run() { podman run --network none "$@"; }

# A container that goes with the row.
start() {
    name=$(unique c)
    trap 'podman rm -f -t 0 "$name"' EXIT
    run -d --name "$name" "$@" busybox sh -c "$forever" || die 'it does not start'
}
value_of() { podman inspect -f "{{.$1}}" "$name"; }
limit() { limit_of "$(value_of State.Pid)" "$1"; }
need_root() { [ "$WHO" = root ] || skip 'only root may'; }
# An ordinary user has cgroups of his own from his systemd alone.
need_cgroups() { [ "$WHO $MANAGER" != 'rootless cgroupfs' ] || skip 'rootless cgroupfs: no cgroup is made'; }
on_a_terminal() { script -qec "command podman --runtime $runtime --cgroup-manager $MANAGER $*" /dev/null; }

row_run_gives_output_and_status() {
    out=$(run --rm busybox sh -c 'echo hello; exit 3')
    expect status 3 $?
    expect output hello "$out"
}
row_runtime_is_the_one_asked_for() { start; expect runtime "$runtime" "$(value_of OCIRuntime)"; }
row_interactive_terminal() {
    out=$(on_a_terminal run --network none --rm -it busybox sh -c "'tty; stty size; exit 5'")
    expect status 5 $?
    expect_match output '/dev/(pts/0|console)' "$out"
}
row_standard_input() { expect output 4 "$(printf abcd | run --rm -i busybox wc -c)"; }
row_logs_are_kept() {
    name=$(unique c)
    trap 'podman rm -f -t 0 "$name"' EXIT
    run --name "$name" busybox sh -c 'echo out; echo err >&2' >/dev/null 2>&1
    expect logs 'err out' "$(podman logs "$name" 2>&1 | sort | xargs)"
}
row_exec_gives_output_and_status() {
    start
    out=$(podman exec "$name" sh -c 'echo inside; exit 4')
    expect status 4 $?
    expect output inside "$out"
}
row_exec_with_a_terminal() { start; expect_match output '/dev/pts/' "$(on_a_terminal exec -it "$name" tty)"; }
row_exec_as_a_user_in_a_directory() {
    start
    expect output '1234 /tmp b' "$(podman exec -u 1234 -w /tmp -e A=b "$name" sh -c 'echo $(id -u) $(pwd) $A')"
}
row_exec_detached() {
    start
    podman exec -d "$name" sh -c 'echo done >/tmp/file' || die 'exec failed'
    eventually 300 podman exec "$name" cat /tmp/file || die 'it did not run'
}
row_exec_status_127_for_what_is_missing() { start; podman exec "$name" no-such-program; expect status 127 $?; }
row_status_125_for_a_bad_flag() { run --rm --no-such-flag busybox true; expect status 125 $?; }
row_status_126_for_what_is_not_executable() { run --rm busybox /etc/passwd; expect status 126 $?; }
row_status_127_for_what_is_missing() { run --rm busybox no-such-program; expect status 127 $?; }
# The first process lives on for a moment: systemd takes an empty cgroup away before anybody has read of the kill.
row_status_137_after_an_oom_kill() {
    need_cgroups
    name=$(unique c)
    trap 'podman rm -f -t 0 "$name"' EXIT
    run --name "$name" --memory 16m --memory-swap 16m busybox \
        sh -c '(x=aaaaaaaaaaaaaaaa; while :; do x=$x$x; done); code=$?; sleep 10; exit $code'
    expect status 137 $?
    expect OOMKilled true "$(value_of State.OOMKilled)"
}
row_stats() {
    need_cgroups
    start
    expect_match stats '[0-9]+(\.[0-9]+)?[kM]B /' "$(podman stats --no-stream --format '{{.MemUsage}}' "$name")"
}
row_top() { start; expect_match top 'sleep|sh -c' "$(podman top "$name" args)"; }
row_limits() {
    need_cgroups
    start --memory 64m --cpus 0.25 --pids-limit 40 --cpu-shares 512
    expect memory $((64 << 20)) "$(limit memory.max)"
    expect cpu '25000 100000' "$(limit cpu.max)"
    expect pids 40 "$(limit pids.max)"
}
row_update() {
    need_cgroups
    start --memory 64m
    podman update --memory 96m --cpus 0.5 --pids-limit 50 "$name" || die 'update failed'
    expect memory $((96 << 20)) "$(limit memory.max)"
    expect cpu '50000 100000' "$(limit cpu.max)"
    expect pids 50 "$(limit pids.max)"
}
row_cgroups_disabled() {
    start --cgroups=disabled
    ! grep libpod- "/proc/$(value_of State.Pid)/cgroup" || die 'it has a cgroup of its own'
    expect output inside "$(podman exec "$name" echo inside)"
}
row_pause_and_unpause() {
    need_cgroups
    start
    podman pause "$name" || die 'pause failed'
    expect frozen 1 "$(limit cgroup.freeze)"
    podman unpause "$name" || die 'unpause failed'
    expect frozen 0 "$(limit cgroup.freeze)"
}
row_stop_by_signal_then_kill() {
    start
    podman stop -t 1 "$name"
    expect status 137 "$(value_of State.ExitCode)"
}
row_kill_with_a_signal() {
    start
    podman kill -s KILL "$name"
    expect status 137 "$(podman wait "$name")"
}
row_restart_policy() {
    name=$(unique c)
    trap 'podman rm -f -t 0 "$name"' EXIT
    run -d --name "$name" --restart on-failure:2 busybox sh -c 'exit 9' || die 'it does not start'
    ended() { [ "$(podman inspect -f '{{.RestartCount}} {{.State.Status}}' "$name")" = '2 exited' ]; }
    eventually 600 ended || die "$(podman inspect -f '{{.RestartCount}} {{.State.Status}}' "$name")"
}
row_start_again_after_the_end() {
    name=$(unique c)
    trap 'podman rm -f -t 0 "$name"' EXIT
    run --name "$name" busybox sh -c 'echo x >>/tmp/x; cat /tmp/x' || die 'the first run failed'
    expect output 'x x' "$(podman start -a "$name" | xargs)"
}
row_init_reaps() { expect_match 'process 1' 'catatonit|podman-init' "$(run --rm --init busybox cat /proc/1/comm /proc/1/cmdline | tr '\0' ' ')"; }
row_read_only_and_tmpfs() {
    out=$(run --rm --read-only --tmpfs /t busybox sh -c 'touch /x 2>/dev/null || echo closed; touch /t/x && echo open')
    expect output 'closed open' "$(xargs <<<"$out")"
}
row_device() { expect_match device '^c' "$(run --rm --device /dev/fuse busybox ls -l /dev/fuse)"; }
row_capabilities() {
    out=$(run --rm --cap-drop ALL --cap-add NET_BIND_SERVICE busybox grep CapEff /proc/self/status)
    expect_match capabilities '0000000000000400$' "$out"
}
row_seccomp_default_and_off() {
    expect_match filtered '2$' "$(run --rm busybox grep Seccomp: /proc/self/status)"
    expect_match unfiltered '0$' "$(run --rm --security-opt seccomp=unconfined busybox grep Seccomp: /proc/self/status)"
}
row_no_new_privileges() {
    expect_match flag '1$' "$(run --rm --security-opt no-new-privileges busybox grep NoNewPrivs /proc/self/status)"
}
row_apparmor() {
    need_root
    need_apparmor
    expect_match label '^containers-default-.* \(enforce\)$' "$(run --rm busybox cat /proc/self/attr/current)"
}
row_privileged() {
    expect_match filter '0$' "$(run --rm --privileged busybox grep Seccomp: /proc/self/status)"
}
row_rlimits_and_sysctls() {
    expect output '100 99' "$(run --rm --ulimit nofile=100:200 --ulimit nproc=50:60 --sysctl net.core.somaxconn=99 busybox \
        sh -c 'echo $(ulimit -n) $(cat /proc/sys/net/core/somaxconn)')"
}
row_hostname_and_hosts() { expect output somewhere "$(run --rm --hostname somewhere busybox hostname)"; }
row_file_descriptors_are_preserved() {
    echo passed >"$volumes/passed"
    expect output passed "$(run --rm --preserve-fds 1 busybox sh -c 'cat <&3' 3<"$volumes/passed")"
}
row_network() {
    out=$(podman run --rm busybox ip -4 addr) || die "$out"
    # pasta gives the host's own address, and a host without one has a link-local one.
    expect_match address 'inet [1-9]' "$(grep -v 127.0.0.1 <<<"$out")"
}
row_host_namespaces() {
    expect pid "$(readlink /proc/self/ns/pid)" "$(podman run --rm --pid host --network host busybox readlink /proc/self/ns/pid)"
}
row_namespaces_of_another_container() {
    start
    look='readlink /proc/self/ns/net /proc/self/ns/pid'
    expect namespaces "$(podman exec "$name" $look)" \
        "$(podman run --rm --network "container:$name" --pid "container:$name" busybox $look)"
}
row_pod_shares_namespaces() {
    pod=$(unique p)
    trap 'podman pod rm -f -t 0 "$pod"' EXIT
    podman pod create --name "$pod" --network none --share net,ipc,uts,pid || die 'no pod'
    for each in a b; do
        podman run -d --pod "$pod" --name "$pod-$each" busybox sh -c "$forever" || die "$each does not start"
    done
    look='readlink /proc/self/ns/net /proc/self/ns/ipc /proc/self/ns/uts /proc/self/ns/pid'
    expect namespaces "$(podman exec "$pod-a" $look)" "$(podman exec "$pod-b" $look)"
}
row_pod_has_a_limit() {
    need_cgroups
    pod=$(unique p)
    trap 'podman pod rm -f -t 0 "$pod"' EXIT
    podman pod create --name "$pod" --network none --memory 64m || die 'no pod'
    # In the cgroup around the container's own.
    run_in_pod=$(podman run -d --pod "$pod" busybox sh -c "$forever") || die 'it does not start'
    expect memory $((64 << 20)) "$(limit_of "$(podman inspect -f '{{.State.Pid}}' "$run_in_pod")" memory.max ..)"
}
row_health_check() {
    start --health-cmd 'test -f /tmp/well' --health-interval disable
    podman healthcheck run "$name" && die 'it is healthy too early'
    podman exec "$name" touch /tmp/well
    podman healthcheck run "$name" || die 'it is not healthy'
    expect health healthy "$(value_of State.Health.Status)"
}
row_volumes() {
    mkdir -p "$volumes/v" && echo content >"$volumes/v/file"
    out=$(run --rm -v "$volumes/v:/v:ro" busybox sh -c 'cat /v/file; touch /v/x 2>/dev/null || echo closed')
    expect 'bind mount' 'content closed' "$(xargs <<<"$out")"
    name=$(unique v)
    trap 'podman volume rm -f "$name"' EXIT
    run --rm -v "$name:/v" busybox sh -c 'echo kept >/v/file'
    expect 'named volume' kept "$(run --rm -v "$name:/v" busybox cat /v/file)"
}
row_idmapped_volume() {
    need_root
    mkdir -p "$volumes/idmap"
    out=$(run --rm --uidmap 0:100000:65536 --gidmap 0:100000:65536 -v "$volumes/idmap:/v:idmap" busybox \
        sh -c 'touch /v/file; stat -c %u /v/file') || die "$out"
    expect 'owner inside' 0 "$out"
    expect 'owner outside' 0 "$(stat -c %u "$volumes/idmap/file")"
}
row_user_namespace_auto() {
    out=$(run --rm --userns=auto:size=5000 busybox cat /proc/self/uid_map) || die "$out"
    expect_match map '^ *0 +[1-9][0-9]* +5000$' "$out"
}
row_user_namespace_keeps_the_id() {
    [ "$WHO" = rootless ] || skip 'root has no id to keep'
    touch "$volumes/mine"
    expect id "$(id -u) $(id -u)" "$(run --rm --userns=keep-id -v "$volumes:/v" busybox sh -c 'echo $(id -u) $(stat -c %u /v/mine)')"
}
row_user_namespace_by_map() {
    map=0:100000:65536
    [ "$WHO" = root ] || map=0:1:5000
    out=$(run --rm --uidmap $map --gidmap $map busybox cat /proc/self/uid_map) || die "$out"
    expect_match map "^ *0 +${map:2:1}[0-9]* +${map##*:}$" "$out"
}
# busybox does not know systemd; the host's programs, which are there to read for everybody, do.
debian_inside='-v /usr:/usr:ro -v /usr/lib:/lib:ro -v /usr/lib64:/lib64:ro'
row_systemd_inside() {
    need_systemd
    name=$(unique c)
    trap 'podman rm -f -t 0 "$name"' EXIT
    run -d --name "$name" --systemd=always $debian_inside busybox /usr/lib/systemd/systemd --unit=basic.target ||
        die 'it does not start'
    is_up() { [ "$(podman exec "$name" systemctl is-active basic.target)" = active ]; }
    eventually 600 is_up || die "not up: $(podman exec "$name" \
        sh -c 'ps | head -20; systemctl list-jobs --plain; systemctl --failed --plain --no-legend' 2>&1 | xargs)"
    expect 'process 1' systemd "$(podman exec "$name" cat /proc/1/comm)"
    expect 'unit run inside' 0:/system.slice "$(podman exec "$name" systemd-run --quiet --wait --pipe cat /proc/self/cgroup |
        sed -n 's|^0::.*\(/system.slice\)/run-.*|0:\1|p')"
    podman stop -t 60 "$name"
    expect_match 'status after stop' '^(0|130)$' "$(value_of State.ExitCode)"
}

systemctl_of_user() { [ "$WHO" = root ] && systemctl "$@" || systemctl --user "$@"; }
journal_of_user() { [ "$WHO" = root ] && journalctl -o cat -u "$1" || journalctl -o cat --user-unit "$1"; }
# start_quadlet LINE...: a service of Podman's generator that ends with the row
start_quadlet() {
    need_systemd
    local folder=/etc/containers/systemd
    [ "$WHO" = root ] || folder=$HOME/.config/containers/systemd
    mkdir -p "$folder"
    name=$(unique q | tr A-Z a-z)
    trap 'systemctl_of_user stop "$name"; rm -f '"$folder"'/"$name.container"; systemctl_of_user daemon-reload' EXIT
    { printf '[Container]\nContainerName=%s\nGlobalArgs=--runtime %s --cgroup-manager %s\nNetwork=none\nPodmanArgs=--stop-timeout 1\n' \
        "$name" "$runtime" "$MANAGER"
      printf '%s\n' "$@"
      printf '[Service]\nTimeoutStartSec=120\nTimeoutStopSec=120\n'
      printf 'Environment=%s\n' "CONTAINERS_CONF=$CONTAINERS_CONF" \
          ${CONTAINERS_STORAGE_CONF:+"CONTAINERS_STORAGE_CONF=$CONTAINERS_STORAGE_CONF"}
    } >"$folder/$name.container"
    systemctl_of_user daemon-reload
    systemctl_of_user start "$name" || die "$(journal_of_user "$name" | grep -v '^Start' | tail -5)"
}
row_quadlet_service() {
    start_quadlet Image=busybox "Exec=sh -c '$forever'"
    expect state active "$(systemctl_of_user is-active "$name")"
    expect 'main process' conmon "$(cat "/proc/$(systemctl_of_user show -P MainPID "$name")/comm")"
    expect output inside "$(podman exec "$name" echo inside)"
    systemctl_of_user stop "$name"
    is_gone() { ! podman container exists "$name"; }
    eventually 100 is_gone || die 'it is still there'
}
row_quadlet_service_says_that_it_is_ready() {
    start_quadlet Image=busybox "PodmanArgs=$debian_inside" Notify=true \
        "Exec=sh -c 'sleep 3; echo told >/run/told; systemd-notify --ready; while :; do sleep 1; done'"
    expect state active "$(systemctl_of_user is-active "$name")"
    expect 'told before' told "$(podman exec "$name" cat /run/told)"
    expect 'main process' conmon "$(cat "/proc/$(systemctl_of_user show -P MainPID "$name")/comm")"
}

start_counting() {
    name=$(unique c)
    trap 'podman rm -f -t 0 "$name"' EXIT
    run -d --name "$name" busybox sh -c 'i=0; while :; do i=$((i+1)); echo $i >/tmp/count; sleep 1; done' ||
        die 'it does not start'
    eventually 300 podman exec "$name" test -s /tmp/count
}
goes_on() { [ "$(podman exec "$name" cat /tmp/count)" -gt "$count" ]; }
row_checkpoint_and_restore() {
    need_root
    need_criu
    start_counting
    count=$(podman exec "$name" cat /tmp/count)
    out=$(podman container checkpoint "$name" 2>&1) || die "no checkpoint: $out"
    expect state exited "$(value_of State.Status)"
    out=$(podman container restore "$name" 2>&1) || die "no restore: $out"
    eventually 100 goes_on || die 'it does not go on'
}
row_checkpoint_is_exported_and_imported() {
    need_root
    need_criu
    start_counting
    count=$(podman exec "$name" cat /tmp/count)
    out=$(podman container checkpoint --leave-running --export "$volumes/checkpoint.tar" "$name" 2>&1) ||
        die "no checkpoint: $out"
    expect state running "$(value_of State.Status)"
    podman rm -f -t 0 "$name"
    out=$(podman container restore --import "$volumes/checkpoint.tar" 2>&1) || die "no restore: $out"
    eventually 100 goes_on || die 'it does not go on'
}

isolation() { [ "$WHO" = root ] && echo oci || echo rootless; }
row_buildah_run() {
    name=$(buildah from --pull=never busybox) || die 'no container'
    trap 'buildah rm "$name"' EXIT
    out=$(buildah run --runtime "$program" --isolation "$(isolation)" "$name" -- sh -c 'echo hello; exit 3')
    expect status 3 $?
    expect output hello "$out"
}
row_buildah_builds_with_run() {
    name=$(unique i)
    trap 'buildah rmi "$name"' EXIT
    printf 'FROM busybox\nRUN echo built >/built && id -u >>/built\n' >"$volumes/Containerfile"
    buildah build --runtime "$program" --isolation "$(isolation)" --network none --pull=never -t "$name" \
        -f "$volumes/Containerfile" "$volumes" || die 'build failed'
    expect content 'built 0' "$(run --rm "$name" cat /built | xargs)"
}

row_many_in_a_row_leave_nothing() {
    before=$(find /sys/fs/cgroup -type d -name '*libpod*' | sort)
    for ((i = 0; i < loop; i++)); do run --rm busybox true || die "number $i failed"; done
    expect 'cgroups' "$before" "$(find /sys/fs/cgroup -type d -name '*libpod*' | sort)"
    expect 'containers' '' "$(podman ps -aq)"
}
row_many_at_once_leave_nothing() {
    pids=
    for ((i = 0; i < crowd; i++)); do run --rm busybox true & pids+=" $!"; done
    for pid in $pids; do wait $pid || die 'one failed'; done
    expect 'containers' '' "$(podman ps -aq)"
}

command podman load -q -i "$IMAGES" >/dev/null || { echo 'cannot load the image'; exit 1; }
run_rows "$@"
