#!/bin/bash
# containerd's own client: tasks through the stock shim, with --runc-binary naming the runtime.
#
#   ctr.sh ENGINE NAME=PROGRAM...     CONTAINERD_ADDRESS, SNAPSHOTTER; the images are there already
. "$(dirname "$(readlink -f "$0")")/lib.sh"

image=docker.io/library/busybox:latest
forever='while :; do sleep 1; done'

run() { ctr run --runc-binary "$program" --snapshotter "$SNAPSHOTTER" "$@"; }

# Start a detached container that goes with the row.
start() {
    name=$(unique "${2:-c}")
    trap 'ctr task kill -s KILL "$name"; eventually 50 ctr task rm "$name"; ctr container rm "$name"' EXIT
    run -d ${1:+$1} $image "$name" sh -c "$forever" || die "it does not start"
}

state_of() { ctr task ls | awk -v name="$1" '$1 == name { print $3 }'; }
pid_of() { ctr task ls | awk -v name="$1" '$1 == name { print $2 }'; }

row_run_gives_output_and_status() {
    out=$(run --rm $image "$(unique c)" sh -c 'echo hello; exit 3')
    expect status 3 $?
    expect output hello "$out"
}

row_detached_task_runs_and_ends() {
    start
    expect state RUNNING "$(state_of "$name")"
    ctr task kill -s KILL "$name"
    is_stopped() { [ "$(state_of "$name")" = STOPPED ]; }
    eventually 100 is_stopped || die "state $(state_of "$name") after the kill"
}

row_terminal_is_a_terminal() {
    out=$(script -qc "$(declare -f run); program=$program; run --rm -t $image $(unique c) tty" /dev/null)
    expect_match output '/dev/(pts/0|console)' "$out"
}

row_exec_gives_output_and_status() {
    start
    out=$(ctr task exec --exec-id one "$name" sh -c 'echo inside; exit 4')
    expect status 4 $?
    expect output inside "$out"
}

row_exec_with_a_terminal() {
    start
    out=$(script -qc "ctr task exec -t --exec-id one $name tty" /dev/null)
    expect_match output '/dev/pts/' "$out"
}

row_pause_and_resume() {
    start
    ctr task pause "$name" && expect state PAUSED "$(state_of "$name")"
    ctr task resume "$name" && expect state RUNNING "$(state_of "$name")"
}

row_processes_are_listed() {
    start
    pid=$(ctr task ls | awk -v name="$name" '$1 == name { print $2 }')
    expect_match processes "(^|[^0-9])$pid([^0-9]|$)" "$(ctr task ps "$name")"
}

row_metrics_are_read() {
    start
    expect_match metrics 'memory' "$(ctr task metrics "$name")"
}

row_memory_limit() {
    start --memory-limit=33554432
    expect memory 33554432 "$(limit_of "$(pid_of "$name")" memory.max)"
}

row_cpu_limit() {
    start --cpus=0.25
    expect_match quota '^25000( |$)' "$(limit_of "$(pid_of "$name")" cpu.max)"
}

row_user_namespace() {
    out=$(run --rm --uidmap 0:100000:65536 --gidmap 0:100000:65536 $image "$(unique c)" cat /proc/self/uid_map)
    expect 'id map' '0 100000 65536' "$(echo $out)"
}

row_seccomp_filter() {
    out=$(run --rm --seccomp $image "$(unique c)" sh -c 'grep Seccomp: /proc/self/status; unshare -r true && echo open')
    expect_match filter '2$' "$out"
}

row_read_only_root() {
    out=$(run --rm --read-only $image "$(unique c)" touch /x 2>&1)
    expect_match error 'Read-only' "$out"
}

row_missing_program() {
    out=$(run --rm $image "$(unique c)" no-such-program 2>&1) && die 'it ran'
    expect_match error 'executable file not found in .PATH' "$out"
}

row_environment_cwd_and_mount() {
    out=$(run --rm --env A=b --cwd /tmp --mount type=bind,src=/etc,dst=/mnt,options=rbind:ro $image "$(unique c)" \
        sh -c 'mkdir -p /x; echo $A $(pwd); touch /mnt/x 2>/dev/null || echo closed')
    expect output 'b /tmp closed' "$(echo $out)"
}

row_checkpoint_and_restore() {
    need_criu
    start
    ctr container checkpoint --rw --task --image "$name" "checkpoint/$name" || die 'no checkpoint'
    ctr task kill -s KILL "$name"
    eventually 50 ctr task rm "$name"
    ctr container rm "$name"
    ctr container restore --rw --live "$name" "checkpoint/$name" || die 'no restore'
    expect state RUNNING "$(state_of "$name")"
}

row_many_in_a_row_leave_nothing() {
    for ((i = 0; i < loop; i++)); do
        run --rm $image "$(unique $i)" true || die "number $i failed"
    done
    left=$(ctr task ls -q | grep -c "$(unique '')")
    expect 'tasks left' 0 "$left"
    expect 'cgroups left' '' "$(find /sys/fs/cgroup -type d -name "$(unique '')*" | head -3)"
    expect 'mounts left' '' "$(grep "$(unique '')" /proc/self/mountinfo | head -3)"
}

row_many_at_once_leave_nothing() {
    pids=
    for ((i = 0; i < crowd; i++)); do
        run --rm $image "$(unique $i)" true &
        pids+=" $!"
    done
    for pid in $pids; do wait $pid || die 'one failed'; done
    expect 'cgroups left' '' "$(find /sys/fs/cgroup -type d -name "$(unique '')*" | head -3)"
}

run_rows "$@"
