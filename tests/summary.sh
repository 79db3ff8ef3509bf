#!/bin/sh
# Run test programs one after another and add up what they report.
#
#   tests/summary.sh PROGRAM...      the last line is `N passed, N failed, N skipped`
#
# Whatever failed is said again before that, one line each: `failed: PROGRAM: SUITE::TEST: PLACE: WORDS`.
#
# Each PROGRAM is a Criterion binary. It writes its results as TAP to a file, its words for people to
# stderr. What Criterion does not count is counted here: a program that dies or reports fewer tests
# than it announced, and a leak, which LeakSanitizer finds only after the test has passed.
# TEST_RESULTS=FILE keeps them: each test's `PROGRAM:SUITE/TEST pass|fail|skip DETAIL COMMIT DAY` between tabs is added.
# TEST_FILTER=PATTERN runs only the tests that match (suite/test, shell pattern). A program gets
# TEST_TIMEOUT seconds: Criterion's own --timeout does not end a test that has no .timeout.
set -u

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP

# One line of TAP is one test; `1..N` is the number announced. Prints "passed failed skipped".
# What the filter left out is reported as skipped, but was not asked for.
count() {
    awk -v filtered="${TEST_FILTER:+yes}" '
        /^1\.\.[0-9]+/      { sub(/^1\.\./, ""); announced = $0 + 0; next }
        filtered && /^ok .*# SKIP test was skipped$/ { announced--; next }
        /^ok .*# SKIP/      { skipped++; next }
        /^ok /              { passed++; next }
        /^not ok /          { failed++; next }
        END {
            missing = announced - passed - failed - skipped
            if (missing > 0)
                failed += missing
            print passed + 0, failed + 0, skipped + 0
        }' "$1"
}

# Skips with their reason, one line each; of many for one reason, only how many.
show_skips() {
    awk -v filtered="${TEST_FILTER:+yes}" -F ' *# SKIP ' '
        !/^ok - .*# SKIP / || filtered && $2 == "test was skipped" { next }
        { count[$2]++; lines[$2] = lines[$2] "  skipped: " substr($1, 6) ": " $2 "\n" }
        END {
            for (reason in count)
                printf "%s", count[reason] <= 3 ? lines[reason] : \
                    "  skipped: " count[reason] " tests: " reason "\n"
        }' "$1"
}

# What failed, and the first complaint of each, as one line.
show_failures() {
    awk -v program="$2" '
        # The whole of it was printed when it happened.
        function tell() {
            if (length(words) > 500)
                words = substr(words, 1, 500) " ..."
            if (test != "")
                print "failed: " program ": " test words
            test = words = ""
        }
        /^(not )?ok /            { tell() }
        /^not ok - /             { test = substr($0, 10); sub(/ +\([0-9.]+s\)$/, "", test); complaints = 0; next }
        /^  - .*: \|\+$/         { complaints++; sub(/^  - /, ""); sub(/ \|\+$/, ""); if (complaints == 1) words = ": " $0; next }
        /^      / && complaints == 1 { sub(/^ +/, " "); words = words $0 }
        END                      { tell() }' "$1"
}

# Every result of a program, with the commit and the day, for tests/spec-coverage.py.
keep_results() {
    awk -v filtered="${TEST_FILTER:+yes}" -v program="$2" -v commit="$commit" -v day="$day" '
        !/^(not )?ok - / { next }
        {
            result = /^not/ ? "fail" : /# SKIP/ ? "skip" : "pass"
            test = detail = $0
            sub(/^(not )?ok - /, "", test); sub(/ .*/, "", test); sub(/::/, "/", test)
            if (!sub(/.* # SKIP */, "", detail))
                detail = ""
            gsub(/\t/, " ", detail)
        }
        filtered && detail == "test was skipped" { next }
        { print program ":" test "\t" result "\t" detail "\t" commit "\t" day }' "$1"
}

fails() {
    echo "$1"
    echo "failed: $1" >>"$work/failures"
}

# Runs one program; adds its results to the totals.
run() {
    program=$1
    name=${program##*/}
    tap=$work/$name.tap
    rm -f "$tap" # two programs may have one name: tests/unit/X, tests/integration/X
    begin=$(date +%s)
    # What passes is no news, but the last of it is when the program does not end by itself.
    {
        ASAN_OPTIONS="${ASAN_OPTIONS:-}:log_path=$work/$name.asan" \
            timeout -k 5 "${TEST_TIMEOUT:-300}" \
            "$program" -j1 --verbose=1 --tap="$tap" ${TEST_FILTER:+--filter "$TEST_FILTER"} </dev/null 2>&1
        echo $? >"$work/status"
    } | awk -v progress="$work/progress" '
        /^\[(RUN |PASS|SKIP)\]/ { print >progress; fflush(progress); next }
        { print; fflush() }'
    read -r status <"$work/status"

    if [ ! -s "$tap" ]; then
        cat "$work/progress"
        fails "$name: ended with status $status before it reported anything; last: $(tail -n 1 "$work/progress")"
        failed=$((failed + 1))
        return
    fi
    set -- $(count "$tap")
    cat "$work/$name".asan.* 2>/dev/null
    leaks=$(cat "$work/$name".asan.* 2>/dev/null | grep -c 'ERROR: LeakSanitizer')
    if [ "$status" -ne 0 ] && [ "$2" -eq 0 ]; then
        fails "$name: ended with status $status though no test failed"
        set -- "$1" 1 "$3"
    fi
    show_skips "$tap"
    [ -z "${TEST_RESULTS:-}" ] || keep_results "$tap" "$name" >>"$TEST_RESULTS"
    show_failures "$tap" "$name" >>"$work/failures"
    [ "$leaks" -eq 0 ] || echo "failed: $name: $leaks leaks, see above" >>"$work/failures"
    echo "$name: $1 passed, $(($2 + leaks)) failed, $3 skipped; $(($(date +%s) - begin)) s"
    passed=$((passed + $1)) failed=$((failed + $2 + leaks)) skipped=$((skipped + $3))
}

commit=$("${CRUN_LITE:-false}" --version 2>/dev/null | sed -n 's/^commit: *//p')
day=$(date -u +%F)
passed=0 failed=0 skipped=0
for program; do
    run "$program"
done
cat "$work/failures" 2>/dev/null
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
