#!/bin/bash
# Run the integration tests in guests, and add up the results.
#
#   CRUN_LITE=PROGRAM tests/vm/test.sh TEST...     TEST, PROGRAM: built on the host
#
# Two guests, systemd and bare, have pure cgroup v2. Suites for which it matters whose the cgroups are run in both, the
# others in one of them: the kernel is the same.  VM_EVERYWHERE=1 runs all in both.
# The others are for the few suites that need what they have: selinux, instead of AppArmor, a policy for that; hardware
# two NUMA nodes and an RDMA adapter; hybrid, with systemd, cgroup v1 beside v2. Not asked for by default: v1, with
# systemd as well, and without any v2.
# VM_INITS="systemd bare ..." chooses the guests, of which as many as there are CPUs run side by side; VM_WARM=1 resumes saved ones (quicker, same
# random numbers each time), VM_TIMEOUT is in seconds for each guest, TEST_FILTER as for summary.sh.  TEST_RESULTS=DIR keeps
# the results of each guest in DIR/INIT.tsv, as summary.sh does.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
tree=$here/../..

VM_DIR=$("$here/image.sh")
export VM_DIR

# What the guest sees as /host: the tests' own files and the host's programs.
share=$(mktemp -d)
trap 'rm -rf "$share" "$share".*' EXIT
mkdir "$share/bin"
cp -r "$tree/tests" "$tree/config.json.example" "$share/"
cp "$CRUN_LITE" "$share/crun-lite"
cp "$@" "$share/bin/"

inits=${VM_INITS:-systemd bare selinux hardware hybrid}
everywhere=" cgroup_ownership contract device_limits events exec_cgroups leave_nothing resources rootless runc_shapes systemd systemd_messages update update_devices "

# How vm-run starts them, and what is done there first.
declare -A options=(
    [systemd]="--init systemd"
    [bare]="--init bare"
    [selinux]="--init bare --append security=selinux"
    [hardware]="--init bare --kernel full --nodes 2"
    [hybrid]="--init systemd --kernel full --nodes 2 --cgroups hybrid"
    [v1]="--init systemd --kernel full --nodes 2 --cgroups v1"
)
declare -A prepare=([selinux]=load-policy.sh [hardware]=soft-adapter.sh [hybrid]=soft-adapter.sh [v1]=soft-adapter.sh)

# The suites of those that are there for a few; any other guest takes any suite.
legacy="network_classes numa rdma systemd"
declare -A few=([selinux]=security_labels [hardware]="numa rdma" [hybrid]=$legacy [v1]=$legacy)

declare -A suites load
for init in $inits; do
    suites[$init]= load[$init]=0
done

# How many tests a suite has says well enough how long it takes: each starts a container or two.
give() { # INIT TEST
    suites[$1]+=" bin/${2##*/}"
    load[$1]=$((load[$1] + $("$2" --list | grep -c '── ')))
}

common=
for init in $inits; do
    [ -n "${few[$init]:-}" ] || common+=" $init"
done

least_loaded() {
    local init least=
    for init in $common; do
        [ -n "$least" ] && [ "${load[$init]}" -ge "${load[$least]}" ] || least=$init
    done
    echo "$least"
}

runs_everywhere() { [ -n "${VM_EVERYWHERE:-}" ] || [[ $everywhere == *" ${1##*/} "* ]]; }

for test; do
    ! runs_everywhere "$test" || for init in $common; do give "$init" "$test"; done
done
for test; do
    [ -z "$common" ] || runs_everywhere "$test" || give "$(least_loaded)" "$test"
    for init in $inits; do
        [[ " ${few[$init]:-} " != *" ${test##*/} "* ]] || give "$init" "$test"
    done
done
for init in $inits; do
    [ -n "${suites[$init]}" ] || inits=$(printf ' %s ' $inits | sed "s/ $init //")
done

# One CPU a guest: QEMU's emulation has been seen to run code on one CPU while the kernel patches it on
# another. The guests run side by side instead, as many at once as there are CPUs: more would only make each slower
# than its tests expect.
slots=$(nproc)

run_guest() { # INIT SLOT
    exec 8>"$share.slot.$2"
    flock 8
    "$here/vm-run" ${options[$1]} ${VM_WARM:+--warm} --cpus 1 --timeout "${VM_TIMEOUT:-3900}" --times \
        --share "$share" --out "$share.out.$1" -- "${prepare[$1]:+tests/vm/${prepare[$1]} && }CRUN_LITE=/host/crun-lite TEST_TIMEOUT=900 \
            TEST_FILTER='${TEST_FILTER:-}' TEST_RESULTS=/out/results tests/summary.sh${suites[$1]}" >"$share.$1" 2>&1
}

declare -A guest
slot=0
for init in $inits; do
    run_guest "$init" "$slot" &
    guest[$init]=$!
    slot=$(((slot + 1) % slots))
    sleep 0.2 # the earlier one of a slot is the first there
done

# Those of a filtered run go after the earlier ones.
keep_results() {
    [ -n "${TEST_RESULTS:-}" ] && [ -f "$share.out.$1/results" ] || return 0
    mkdir -p "$TEST_RESULTS"
    [ -n "${TEST_FILTER:-}" ] || : >"$TEST_RESULTS/$1.tsv"
    cat "$share.out.$1/results" >>"$TEST_RESULTS/$1.tsv"
}

passed=0 failed=0 skipped=0 failures=
for init in $inits; do
    status=0
    wait "${guest[$init]}" || status=$?
    echo "== guest: $init =="
    cat "$share.$init"
    keep_results "$init"
    totals=$(grep -E '^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$' "$share.$init" | tail -1 || true)
    failures+=$(sed -n "s/^failed: /failed: $init guest: /p" "$share.$init")$'\n'
    read -r p _ f _ s _ <<<"${totals:-0 passed, 0 failed, 0 skipped}"
    # A guest that did not get to its last line has failed, whatever it said before.
    if [ "$status" -ne 0 ] && [ "$f" -eq 0 ]; then
        failures+="failed: the $init guest ended with status $status"$'\n'
        f=1
    fi
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
done
printf '%s' "$failures" | grep . || true
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
