/* What --strict has gathered, in one line. */

#include "runtime_help.h"

#include "runtime/strict.h"

/* A member may have a name of any length, in a place of any depth. */
Test(strict, the_first_is_told_however_long_it_is)
{
    static const struct log outer = {.write = NULL};
    char line[1800];
    struct strict strict;
    struct error err;

    memset(line, 'a', sizeof line);
    line[sizeof line - 1] = '\0';
    strict_init(&strict, &outer);
    log_ignored(&strict.log, LOG_LEVEL_DEBUG, "%s", line);
    expect_refused(strict_verdict(&strict, &err), EINVAL, "--strict: aaaaaaaa");
    cr_expect_not_null(strstr(err.text, "aaa..."));
    cr_expect_null(strstr(err.text, "more"));
    log_ignored(&strict.log, LOG_LEVEL_DEBUG, "%s", line);
    expect_refused(strict_verdict(&strict, &err), EINVAL, "aaa...; and 1 more");
}

Test(strict, nothing_is_no_error)
{
    static const struct log outer = {.write = NULL};
    struct strict strict;
    struct error err;

    strict_init(&strict, &outer);
    log_warning(&strict.log, "a warning");
    cr_expect_eq(strict_verdict(&strict, &err), 0);
}
