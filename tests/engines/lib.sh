# Rows of the matrix of engines, for bash scripts to source.
#
# A row is a function row_NAME that reads $runtime (the name of a runtime) and $program (its file), does
# something through the engine, and reads back what it did: it fails by `die REASON` or skips by
# `skip WHAT IS MISSING`.  run_rows runs every row for every NAME=PROGRAM it is given and prints
#
#     ENGINE<TAB>row<TAB>runtime<TAB>pass|fail|skip<TAB>detail
#
# Its environment is run.sh's; ROW_TIMEOUT is how many seconds a row may take.

die() { echo "$*" >"$verdict"; exit 1; }
skip() { echo "$*" >"$verdict"; exit 2; }

# expect WHAT WANTED GOT
expect() { [ "$2" = "$3" ] || die "$1: wanted '$2', got '$3'"; }
# expect_match WHAT REGEX GOT
expect_match() { [[ $3 =~ $2 ]] || die "$1: '$3' does not match '$2'"; }

# Wait until a command succeeds, for at most so many tenths of a second.
eventually() {
    local tries=$1
    shift
    until "$@" >/dev/null 2>&1; do
        [ $((tries -= 1)) -gt 0 ] || return 1
        sleep 0.1
    done
}

need_systemd() { [ -d /run/systemd/system ] || skip 'systemd is not running'; }
need_apparmor() { [ -d /sys/kernel/security/apparmor ] || skip 'no AppArmor in this kernel'; }
need_criu() { command -v criu >/dev/null || skip 'criu is not installed'; }

# Where no systemd has to be told of processes: go on in namespaces of one's own, whose end is everybody's.
# An engine may then mount and set up networks as it likes.  enter_namespaces "$0" "$@"
enter_namespaces() {
    [ -z "${IN_NAMESPACES:-}" ] && [ ! -d /run/systemd/system ] || return 0
    IN_NAMESPACES=yes exec unshare --mount --net --pid --fork --kill-child --mount-proc --propagation slave "$@"
}

# The cgroups that an engine's containers had as their parent, which it leaves for the next ones.
remove_parents() {
    local top
    for top in /sys/fs/cgroup/"$1" /sys/fs/cgroup/*/"$1"; do
        [ ! -d "$top" ] || find "$top" -depth -type d -exec rmdir {} + 2>/dev/null || true
    done
}

# limit_of PID KEY [..]: of the process's cgroup (or the one around it), by the name and in the words of cgroup v2, also where it is v1's.
limit_of() {
    if [ -f /sys/fs/cgroup/cgroup.controllers ]; then
        cat "/sys/fs/cgroup$(sed -n 's/^0:://p' "/proc/$1/cgroup")/${3:-.}/$2"
        return
    fi
    local folder controller=${2%%.*}
    [ "$2" != cgroup.freeze ] || controller=freezer
    folder=/sys/fs/cgroup/$controller$(awk -F: -v c="$controller" '$2 ~ "(^|,)" c "($|,)" { print $3 }' "/proc/$1/cgroup")/${3:-.}
    case $2 in
    memory.max) cat "$folder/memory.limit_in_bytes" ;;
    cpu.max) echo "$(cat "$folder/cpu.cfs_quota_us") $(cat "$folder/cpu.cfs_period_us")" ;;
    cpu.weight) cat "$folder/cpu.shares" ;;
    pids.max) cat "$folder/pids.max" ;;
    # By v1's freezer, or by that of the v2 hierarchy beside it.
    cgroup.freeze) cat "$folder/freezer.state" "/sys/fs/cgroup/unified$(sed -n 's/^0:://p' "/proc/$1/cgroup")/cgroup.freeze" \
        2>/dev/null | grep -cE '^(FROZEN|1)$' ;;
    esac
}

# A name of this row's own: containers of different rows and runtimes never meet.
unique() { echo "t-$runtime-${row#row_}-$1" | tr -c 'a-zA-Z0-9\n' -; }

# How many containers the rows about leftovers start, one after another and at once.
loop=${ENGINES_LOOP:-10} crowd=${ENGINES_CROWD:-5}

# The longer form of such a row takes longer.
seconds_for_row() {
    local seconds=${ROW_TIMEOUT:-120}
    case $row in
    *in_a_row*) echo $((seconds + loop * seconds / 12)) ;;
    *at_once*) echo $((seconds + crowd * seconds / 12)) ;;
    *) echo "$seconds" ;;
    esac
}

# One row in a process group of its own, so that nothing of it outlives its time; sets $result.
run_row() {
    local log status seconds
    seconds=$(seconds_for_row)
    verdict=$(mktemp) log=$(mktemp)
    (
        set -m
        ("$row") >"$log" 2>&1 </dev/null &
        job=$!
        (sleep "$seconds" && echo "took more than $seconds s" >"$verdict" &&
            kill -KILL -- -$job) >/dev/null 2>&1 &
        guard=$!
        wait $job
        status=$?
        kill -KILL -- -$guard 2>/dev/null
        exit $status
    )
    status=$?
    case $status in 0) result=pass ;; 2) result=skip ;; *) result=fail ;; esac
    # A command that failed under `set -e` has no reason of its own: its last words are one.
    [ -s "$verdict" ] || [ $status -eq 0 ] || tail -n 3 "$log" >"$verdict"
    printf '%s\t%s\t%s\t%s\t%s\n' "$engine" "$(name_of_row)" "$runtime" $result \
        "$(tr '\n\t' '  ' <"$verdict")"
    [ "$result" = pass ] || [ -z "${ENGINES_VERBOSE:-}" ] || sed 's/^/    /' "$log" >&2
    rm -f "$verdict" "$log"
}

name_of_row() { tr _ ' ' <<<"${row#row_}"; }

# run_rows ENGINE NAME=PROGRAM...: the first is the one that is tested, the others are its controls.
run_rows() {
    engine=$1
    shift
    for row in $(declare -F | awk '$3 ~ /^row_/ { print $3 }'); do
        [[ $(name_of_row) =~ ${ENGINES_FILTER:-.} ]] || continue
        tested=
        for each; do
            [ "$tested" = pass ] && [ "${ENGINES_CONTROL:-}" = failed ] && break
            runtime=${each%%=*} program=${each#*=}
            run_row
            tested=${tested:-$result}
        done
    done
}
