/* Signals as `kill` takes them. */

#include <criterion/criterion.h>
#include <stdio.h>

#include "cmd/crun-lite/signal_name.c"

Test(cmd_signal_name, numbers_and_names_in_any_case_are_signals)
{
    const struct {
        const char *text;
        int number;
    } cases[] = {
        {"9",          SIGKILL     },
        {"KILL",       SIGKILL     },
        {"SIGKILL",    SIGKILL     },
        {"sigkill",    SIGKILL     },
        {"Kill",       SIGKILL     },
        {"term",       SIGTERM     },
        {"1",          SIGHUP      },
        {"USR2",       SIGUSR2     },
        {"iot",        SIGABRT     },
        {"SIGCLD",     SIGCHLD     },
        {"IO",         SIGIO       },
        {"STKFLT",     SIGSTKFLT   },
        {"RTMIN",      SIGRTMIN    },
        {"SIGRTMIN+3", SIGRTMIN + 3},
        {"rtmax-1",    SIGRTMAX - 1},
        {"RTMAX",      SIGRTMAX    },
        {"64",         64          },
        {"009",        9           },
    };

    for (size_t i = 0; i < count_of(cases); i++) {
        struct error err = {0};
        int number = -1;

        cr_expect_eq(signal_parse(cases[i].text, &number, &err), 0, "%s: %s", cases[i].text,
                     err.text);
        cr_expect_eq(number, cases[i].number, "%s gives %d", cases[i].text, number);
    }
}

Test(cmd_signal_name, anything_else_is_an_unknown_signal)
{
    static const char *const bad[] = {
        "FOO",         "",        "SIG",     "SIGKILLX", "kil",
        "65",          "-9",      "9 ",      "1e1",      "99999999999999999999",
        "SIGRTMIN+40", "RTMIN-1", "RTMAX+1", "RTMIN+",   "RTMINX",
        "SIGSIGKILL",
    };

    for (size_t i = 0; i < count_of(bad); i++) {
        char expected[64];
        struct error err = {0};
        int number = -1;

        snprintf(expected, sizeof expected, "unknown signal \"%s\"", bad[i]);
        cr_expect_eq(signal_parse(bad[i], &number, &err), -EINVAL, "%s was taken for %d", bad[i],
                     number);
        cr_expect_str_eq(err.text, expected);
        cr_expect_eq(number, -1);
    }
}
