#!/bin/bash
# Add up rows: one that passes with the runtime under test has passed; one that fails with it and passes with no
# control that was run is the engine's or the machine's, and counts as skipped, with its words.
#
#   summary.sh RUNTIME BROKEN FILE     BROKEN: how many engines did not get to their end, each a failure
awk -F '\t' -v tested="$1" -v broken="$2" '
    NF < 4 { next }
    { row = $1 "\t" $2 }
    $3 == tested { result[row] = $4; words[row] = $5; next }
    { control[row] = control[row] " " $4 }
    END {
        for (row in result) {
            if (result[row] == "pass") passed++
            else if (result[row] == "fail" && (control[row] == "" || control[row] ~ /pass/)) {
                failed++
                name = row; sub(/\t/, ": ", name)
                print "failed: " name ": " words[row]
            }
            else skipped++
        }
        failed += broken
        if (passed == 0 && failed == 0) failed = 1
        printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped
        exit failed > 0
    }' "$3"
