#!/bin/bash
# The matrix of engines: what each of them does with crun-lite, and with other runtimes as control.
#
#   CRUN_LITE=PROGRAM tests/engines/run.sh ENGINE...     as root
#
# ENGINE is `native`, all those that this machine has, or one that runs in a guest of its own
# (tests/vm: pure cgroup v2, systemd): `containerd`, `cri`, `docker`, `podman`.  One after another.
#
#   RUNTIMES            "crun-lite runc crun": the first is tested, the others are controls where installed
#   ENGINES_FILTER      a regular expression: only the rows whose names match
#   ENGINES_CONTROL     `failed`: controls only for rows that do not pass with the first runtime
#   ENGINES_LOOP        how many containers the rows "many in a row" and ...
#   ENGINES_CROWD       ... "many at once" start: 500 and 50 are the long form
#   ENGINES_VERBOSE     show what a row that did not pass has printed
#   PODMAN_USERS, PODMAN_MANAGERS, DOCKER_DAEMONS     see podman.sh, docker.sh
#   VM_WARM, VM_CACHE   as for tests/vm/test.sh; ENGINES_TIMEOUT: seconds for a guest
#
# Rows are kept, with the commit and the day, in build/engines/ENGINE.tsv (ENGINES_RESULTS moves the folder), those
# of a filtered run after the earlier ones; `make compatibility` takes them into docs/.  The last line is
# `N passed, N failed, N skipped`.
set -uo pipefail
here=$(dirname "$(readlink -f "$0")")
results=${ENGINES_RESULTS:-$here/../../build/engines}
export RUNTIMES=${RUNTIMES:-crun-lite runc crun}

exported() {
    local name
    for name in RUNTIMES ENGINES_{FILTER,CONTROL,LOOP,CROWD,VERBOSE} PODMAN_{USERS,MANAGERS} DOCKER_DAEMONS; do
        printf '%s=%q ' $name "${!name:-}"
    done
}

run_in_guest() {
    local share status
    VM_DIR=$("$here/../vm/image.sh") || return
    share=$(mktemp -d)
    cp -r "$here" "$share/engines"
    cp "$CRUN_LITE" "$share/crun-lite"
    # One CPU: see tests/vm/test.sh.  Rows take their time under emulation.
    VM_DIR=$VM_DIR "$here/../vm/vm-run" ${VM_WARM:+--warm} --cpus 1 --timeout "${ENGINES_TIMEOUT:-14400}" \
        --share "$share" -- "$(exported) CRUN_LITE=/host/crun-lite TMPDIR=/var/tmp ROW_TIMEOUT=300" \
        "engines/here.sh $1"
    status=$?
    rm -rf "$share"
    return $status
}

run_engine() {
    case $1 in
    native) "$here/here.sh" containerd cri docker podman ;;
    containerd | cri | docker | podman) run_in_guest "$1" ;;
    *) echo "run.sh: no such engine: $1" >&2; return 2 ;;
    esac
}

# Rows with what they were run with: two more fields.
stamp() {
    awk -F '\t' -v OFS='\t' -v commit="$("$CRUN_LITE" --version | sed -n 's/^commit: *//p')" -v day="$(date -u +%F)" '
        NF < 4 { next }
        { if (NF < 5) $5 = ""; print $0, commit, day }'
}

mkdir -p "$results"
lines=$(mktemp)
trap 'rm -f "$lines" "$lines.new"' EXIT
broken=0
for engine; do
    [ -n "${ENGINES_FILTER:-}" ] || : >"$results/$engine.tsv"
    begin=$SECONDS
    run_engine "$engine" | tee "$lines.new"
    status=${PIPESTATUS[0]}
    stamp <"$lines.new" >>"$results/$engine.tsv"
    cat "$lines.new" >>"$lines"
    echo "== $engine: ended with status $status after $((SECONDS - begin)) s =="
    [ "$status" -eq 0 ] || broken=$((broken + 1))
done
"$here/summary.sh" "${RUNTIMES%% *}" $broken "$lines"
