#!/bin/bash
# Docker with its own root, state and configuration: every row by both cgroup drivers, and once more with
# --userns-remap.
#
#   docker.sh NAME=PROGRAM...     as root
#
# DOCKER_DAEMONS="cgroupfs systemd cgroupfs+remap" chooses among them; without systemd it is cgroupfs.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
. "$here/lib.sh"
enter_namespaces "$0" "$@"
set +e
ip link set lo up
managers=cgroupfs
[ ! -d /run/systemd/system ] || managers='cgroupfs systemd cgroupfs+remap'

folder=$(mktemp -d)
chmod 711 "$folder"       # the daemon's user namespace must be able to reach its root
export DOCKER_HOST=unix://$folder/docker.sock
forever='while :; do sleep 1; done'

clean() {
    [ -z "${daemon:-}" ] || stop_daemon
    grep -o "$folder/[^ ]*" /proc/self/mountinfo | sort -ur | xargs -r umount -l
    rm -rf --one-file-system "$folder"
    [ -z "${IN_NAMESPACES:-}" ] || remove_parents docker
}
trap clean EXIT

# What Docker's documentation asks for, in daemon.json.
configuration() {
    local setup=$1 runtimes= each
    shift
    for each; do
        [ "${each%%=*}" = runc ] || runtimes+="${runtimes:+, }\"${each%%=*}\": { \"path\": \"${each#*=}\" }"
    done
    cat <<END
{ "runtimes": { $runtimes }, "default-runtime": "${1%%=*}",
  "exec-opts": ["native.cgroupdriver=${setup%+remap}"],
  $([[ $setup != *+remap ]] || echo '"userns-remap": "tester",')
  "storage-driver": "overlay2", "data-root": "$folder/root", "exec-root": "$folder/run",
  "pidfile": "$folder/pid", "hosts": ["$DOCKER_HOST"] }
END
}

start_daemon() {
    configuration "$@" >"$folder/daemon.json"
    dockerd --config-file "$folder/daemon.json" >"$folder/log" 2>&1 &
    daemon=$!
    eventually 1200 docker version || { tail -20 "$folder/log"; exit 1; }
    docker load -q -i "$folder/docker.tar" >/dev/null || { echo 'cannot load the image'; exit 1; }
}
stop_daemon() {
    docker ps -aq | xargs -r docker rm -f >/dev/null 2>&1
    kill "$daemon" && wait "$daemon" 2>/dev/null
    daemon=
}

run() { docker run --runtime "$runtime" --network none "$@"; }
# Docker refuses the host's namespaces and devices together with --userns-remap.
need_plain_users() { [ "$setup" = "${setup%+remap}" ] || skip 'not together with --userns-remap'; }
# A container that goes with the row.
start() {
    name=$(unique c)
    trap 'docker rm -f "$name"' EXIT
    run -d --name "$name" "$@" busybox sh -c "$forever" || die 'it does not start'
}
pid_of() { docker inspect -f '{{.State.Pid}}' "$1"; }

row_run_gives_output_and_status() {
    out=$(run --rm busybox sh -c 'echo hello; exit 3')
    expect status 3 $?
    expect output hello "$out"
}
row_default_runtime_is_ours() { expect runtime "${default_runtime}" "$(docker info -f '{{.DefaultRuntime}}')"; }
row_interactive_terminal() {
    out=$(script -qc "echo 'tty; exit 5' | script -qc 'docker run --runtime $runtime --network none --rm -it busybox sh' /dev/null" /dev/null)
    expect_match output '/dev/(pts/0|console)' "$out"
}
row_standard_input() { expect output 4 "$(printf abcd | run --rm -i busybox wc -c)"; }
row_exec_gives_output_and_status() {
    start
    out=$(docker exec "$name" sh -c 'echo inside; exit 4')
    expect status 4 $?
    expect output inside "$out"
}
row_exec_as_a_user_in_a_directory() {
    start
    expect output '1234 /tmp b' "$(docker exec -u 1234 -w /tmp -e A=b "$name" sh -c 'echo $(id -u) $(pwd) $A')"
}
# Not 127: Docker makes its own mind up from the text, by any runtime.
row_exec_status_126_for_what_is_missing() {
    start
    docker exec "$name" no-such-program
    expect status 126 $?
}
row_exec_with_a_terminal() {
    start
    expect_match output '/dev/pts/' "$(script -qec "docker exec -it $name tty" /dev/null)"
}
row_stats() { start; expect_match stats '%' "$(docker stats --no-stream --format '{{.CPUPerc}} {{.MemUsage}}' "$name")"; }
row_top() { start; expect_match top 'sleep|sh -c' "$(docker top "$name")"; }
row_update() {
    start --memory 64m
    docker update --memory 96m --memory-swap 96m --cpus 0.5 --pids-limit 50 "$name" || die 'update failed'
    expect memory $((96 << 20)) "$(limit_of "$(pid_of "$name")" memory.max)"
    expect cpu '50000 100000' "$(limit_of "$(pid_of "$name")" cpu.max)"
    expect pids 50 "$(limit_of "$(pid_of "$name")" pids.max)"
}
row_limits() {
    start --memory 64m --cpus 0.25 --pids-limit 40 --cpu-shares 512
    expect memory $((64 << 20)) "$(limit_of "$(pid_of "$name")" memory.max)"
    expect cpu '25000 100000' "$(limit_of "$(pid_of "$name")" cpu.max)"
    expect pids 40 "$(limit_of "$(pid_of "$name")" pids.max)"
    expect_match weight '^[0-9]+$' "$(limit_of "$(pid_of "$name")" cpu.weight)"
}
row_pause_and_unpause() {
    start
    docker pause "$name" || die 'pause failed'
    expect frozen 1 "$(limit_of "$(pid_of "$name")" cgroup.freeze)"
    docker unpause "$name" || die 'unpause failed'
    expect frozen 0 "$(limit_of "$(pid_of "$name")" cgroup.freeze)"
}
row_stop_by_signal_then_kill() {
    start
    docker stop -t 1 "$name"
    expect status 137 "$(docker inspect -f '{{.State.ExitCode}}' "$name")"
}
row_kill_with_a_signal() {
    start
    docker kill -s KILL "$name"
    expect status 137 "$(docker wait "$name")"
}
row_restart_policy() {
    name=$(unique c)
    trap 'docker rm -f "$name"' EXIT
    run -d --name "$name" --restart on-failure:2 busybox sh -c 'exit 9' || die 'it does not start'
    ended() { [ "$(docker inspect -f '{{.RestartCount}} {{.State.Status}}' "$name")" = '2 exited' ]; }
    eventually 600 ended || die "$(docker inspect -f '{{.RestartCount}} {{.State.Status}}' "$name")"
}
row_restart_always() {
    name=$(unique c)
    trap 'docker rm -f "$name"' EXIT
    run -d --name "$name" --restart always busybox sh -c 'sleep 1; exit 0' || die 'it does not start'
    again() { [ "$(docker inspect -f '{{.RestartCount}}' "$name")" -gt 0 ]; }
    eventually 600 again || die 'it ended and was not started again'
}
row_restart_by_hand() {
    start
    first=$(pid_of "$name")
    docker restart -t 0 "$name" || die 'restart failed'
    expect running true "$(docker inspect -f '{{.State.Running}}' "$name")"
    [ "$(pid_of "$name")" != "$first" ] || die 'it is the same process'
}
row_logs_are_kept() {
    name=$(unique c)
    trap 'docker rm -f "$name"' EXIT
    run --name "$name" busybox sh -c 'echo out; echo err >&2' >/dev/null 2>&1
    expect logs 'err out' "$(docker logs "$name" 2>&1 | sort | xargs)"
}
row_init_reaps() { expect 'process 1' docker-init "$(run --rm --init busybox cat /proc/1/comm)"; }
row_read_only_and_tmpfs() {
    out=$(run --rm --read-only --tmpfs /t busybox sh -c 'touch /x 2>/dev/null || echo closed; touch /t/x && echo open')
    expect output 'closed open' "$(echo $out)"
}
row_device() {
    need_plain_users
    expect_match device '^crw' "$(run --rm --device /dev/kmsg busybox ls -l /dev/kmsg)"
}
row_capabilities() {
    out=$(run --rm --cap-drop ALL --cap-add NET_BIND_SERVICE busybox grep CapEff /proc/self/status)
    expect_match capabilities '0000000000000400$' "$out"
}
row_seccomp_default_and_off() {
    expect_match filtered '2$' "$(run --rm busybox grep Seccomp: /proc/self/status)"
    expect_match unfiltered '0$' "$(run --rm --security-opt seccomp=unconfined busybox grep Seccomp: /proc/self/status)"
}
row_seccomp_profile_of_a_file() {
    echo '{ "defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{ "names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO" }] }' \
        >"$folder/profile.json"
    out=$(run --rm --security-opt "seccomp=$folder/profile.json" busybox sh -c 'mkdir /x 2>/dev/null || echo closed')
    expect output closed "$out"
}
row_user_ulimit_sysctl_and_hostname() {
    out=$(run --rm -u 1234:5678 --ulimit nofile=100:200 --sysctl net.core.somaxconn=99 --hostname somewhere busybox \
        sh -c 'echo $(id -u) $(id -g) $(ulimit -n) $(cat /proc/sys/net/core/somaxconn) $(hostname)')
    expect output '1234 5678 100 99 somewhere' "$out"
}
row_privileged() {
    need_plain_users
    expect_match filter '0$' "$(run --rm --privileged busybox grep Seccomp: /proc/self/status)"
    expect_match device '^c' "$(run --rm --privileged busybox ls -l /dev/kmsg)"
}
row_user_namespace_of_the_daemon() {
    [ "$setup" != "${setup%+remap}" ] || skip 'without --userns-remap'
    expect map '0 100000 65536' "$(run --rm busybox cat /proc/self/uid_map | xargs)"
    expect 'map of --userns=host' '0 0 4294967295' "$(run --rm --userns=host busybox cat /proc/self/uid_map | xargs)"
    start
    expect 'owner of the process' 100000 "$(stat -c %u "/proc/$(pid_of "$name")")"
}
row_no_new_privileges() {
    expect_match flag '1$' "$(run --rm --security-opt no-new-privileges busybox grep NoNewPrivs /proc/self/status)"
}
row_apparmor() {
    need_apparmor
    expect label 'docker-default (enforce)' "$(run --rm busybox cat /proc/self/attr/current)"
    expect label unconfined "$(run --rm --security-opt apparmor=unconfined busybox cat /proc/self/attr/current)"
}
row_status_125_for_a_bad_flag() { run --rm --no-such-flag busybox true; expect status 125 $?; }
row_status_126_for_what_is_not_executable() { run --rm busybox /etc/passwd; expect status 126 $?; }
row_status_127_for_what_is_missing() { run --rm busybox no-such-program; expect status 127 $?; }
# The first process lives on for a moment: systemd takes an empty cgroup away before anybody has read of the kill.
row_status_137_after_an_oom_kill() {
    name=$(unique c)
    trap 'docker rm -f "$name"' EXIT
    run --name "$name" --memory 16m --memory-swap 16m busybox \
        sh -c '(x=aaaaaaaaaaaaaaaa; while :; do x=$x$x; done); code=$?; sleep 10; exit $code'
    expect status 137 $?
    expect OOMKilled true "$(docker inspect -f '{{.State.OOMKilled}}' "$name")"
}
row_bridge_network() {
    out=$(docker run --runtime "$runtime" --rm busybox ip -4 addr show eth0)
    expect_match address 'inet 172\.' "$out"
}
row_shared_namespaces() {
    start
    expect 'net' "$(docker exec "$name" readlink /proc/self/ns/net)" \
        "$(docker run --runtime "$runtime" --rm --network "container:$name" --pid "container:$name" busybox readlink /proc/self/ns/net)"
}
row_host_namespaces() {
    need_plain_users
    expect pid "$(readlink /proc/1/ns/pid)" "$(docker run --runtime "$runtime" --rm --pid host --network host busybox readlink /proc/self/ns/pid)"
}
row_volume() {
    mkdir -p "$folder/volume" && echo content >"$folder/volume/file"
    expect output 'content closed' "$(echo $(run --rm -v "$folder/volume:/v:ro" busybox sh -c 'cat /v/file; touch /v/x 2>/dev/null || echo closed'))"
}
row_health_check() {
    start --health-cmd true --health-interval 1s
    healthy() { [ "$(docker inspect -f '{{.State.Health.Status}}' "$name")" = healthy ]; }
    eventually 300 healthy || die "$(docker inspect -f '{{.State.Health.Status}}' "$name")"
}
row_build_with_run() {
    [ "$runtime" = "$default_runtime" ] || skip 'builds run by the default runtime'
    printf 'FROM busybox\nRUN echo built >/built\n' |
        DOCKER_BUILDKIT=0 docker build --network none -t "$(unique i)" - || die 'build failed'
    expect output built "$(run --rm "$(unique i)" cat /built)"
}
row_systemd_unit_or_path_is_gone() {
    name=$(unique c)
    run --rm --name "$name" busybox true || die 'it failed'
    expect 'scopes left' '' "$(systemctl list-units --all --plain --no-legend 'docker-*.scope' 2>/dev/null)"
}
# Docker gives all runtimes one root; crun keeps its compiled filters there, in .cache.
states() { find "$folder/run" -path '*runtime*/moby/*' -maxdepth 4 -mindepth 3 -type d -not -path '*/moby/.*'; }
no_states() { [ -z "$(states)" ]; }
row_many_in_a_row_leave_nothing() {
    before=$(find /sys/fs/cgroup -type d -path '*docker*' | sort)
    for ((i = 0; i < loop; i++)); do run --rm busybox true || die "number $i failed"; done
    expect 'cgroups' "$before" "$(find /sys/fs/cgroup -type d -path '*docker*' | sort)"
    eventually 300 no_states || die "state directories: $(states | head -3)"
}
row_many_at_once_leave_nothing() {
    pids=
    for ((i = 0; i < crowd; i++)); do run --rm busybox true & pids+=" $!"; done
    for pid in $pids; do wait $pid || die 'one failed'; done
    eventually 300 no_states || die "state directories: $(states | head -3)"
}

"$here/make-image.py" "$(readlink -f "$(command -v busybox)")" "$folder"
default_runtime=${1%%=*}
version=$(dockerd --version | sed -E 's/.* ([0-9]+\.[0-9]+)\..*/\1/')
for setup in ${DOCKER_DAEMONS:-$managers}; do
    start_daemon $setup "$@"
    run_rows "docker $version, ${setup/+/, }" "$@"
    stop_daemon
done
