/* Which rows of ps(1) are shown. */

#include <criterion/criterion.h>

#include "cmd/crun-lite/process_table.c"

Test(cmd_process_table, the_pid_column_is_found_by_its_heading)
{
    cr_expect_eq(process_table_pid_column("UID          PID    PPID  C STIME\n"), 1);
    cr_expect_eq(process_table_pid_column("  PID TTY\n"), 0);
    cr_expect_eq(process_table_pid_column("PPID SPID TPID PID"), 3);
    cr_expect_eq(process_table_pid_column("USER COMMAND\n"), -1);
    cr_expect_eq(process_table_pid_column(""), -1);
}

Test(cmd_process_table, a_row_is_shown_when_its_pid_is_inside)
{
    static const pid_t pids[] = {7, 70, 4194304};

    cr_expect(process_table_row_matches("root   70  1  sleep 7\n", 1, pids, 3));
    cr_expect(process_table_row_matches("     7 pts/0\n", 0, pids, 3));
    cr_expect(process_table_row_matches("root 4194304", 1, pids, 3));
    cr_expect_not(process_table_row_matches("root   71  7  sleep 70\n", 1, pids, 3));
    cr_expect_not(process_table_row_matches("root   7x  1\n", 1, pids, 3));
    cr_expect_not(process_table_row_matches("root 4294967303\n", 1, pids, 3));
    cr_expect_not(process_table_row_matches("root\n", 1, pids, 3));
    cr_expect_not(process_table_row_matches("\n", 0, pids, 3));
    cr_expect_not(process_table_row_matches("root 7\n", 1, pids, 0));
}
