#include "cmd/crun-lite/signal_name.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <strings.h>

#include "base/own.h"
#include "base/text.h"

/* As signal(7) has them; of the two that have two names, both.  (sigabbrev_np(3) is glibc's alone.)
 */
static const struct {
    const char *name;
    int number;
} names[] = {
    {"HUP",    SIGHUP   },
    {"INT",    SIGINT   },
    {"QUIT",   SIGQUIT  },
    {"ILL",    SIGILL   },
    {"TRAP",   SIGTRAP  },
    {"ABRT",   SIGABRT  },
    {"IOT",    SIGABRT  },
    {"BUS",    SIGBUS   },
    {"FPE",    SIGFPE   },
    {"KILL",   SIGKILL  },
    {"USR1",   SIGUSR1  },
    {"SEGV",   SIGSEGV  },
    {"USR2",   SIGUSR2  },
    {"PIPE",   SIGPIPE  },
    {"ALRM",   SIGALRM  },
    {"TERM",   SIGTERM  },
    {"STKFLT", SIGSTKFLT},
    {"CHLD",   SIGCHLD  },
    {"CLD",    SIGCHLD  },
    {"CONT",   SIGCONT  },
    {"STOP",   SIGSTOP  },
    {"TSTP",   SIGTSTP  },
    {"TTIN",   SIGTTIN  },
    {"TTOU",   SIGTTOU  },
    {"URG",    SIGURG   },
    {"XCPU",   SIGXCPU  },
    {"XFSZ",   SIGXFSZ  },
    {"VTALRM", SIGVTALRM},
    {"PROF",   SIGPROF  },
    {"WINCH",  SIGWINCH },
    {"POLL",   SIGPOLL  },
    {"IO",     SIGIO    },
    {"PWR",    SIGPWR   },
    {"SYS",    SIGSYS   },
};

/* The first that programs may use as they like: the C libraries keep some for themselves and do not
 * agree how many.  These are glibc's, which other programs that speak of RTMIN mean. */
enum { REALTIME_LEAST = 34, REALTIME_MOST = 64 };

static int number_of_name(const char *name)
{
    for (size_t i = 0; i < count_of(names); i++) {
        if (strcasecmp(names[i].name, name) == 0)
            return names[i].number;
    }
    return 0;
}

/* "RTMIN", "RTMIN+n", "RTMAX", "RTMAX-n". */
static int number_of_realtime(const char *name)
{
    bool from_least = strncasecmp(name, "RTMIN", 5) == 0;
    struct error ignored;
    int64_t offset = 0;

    if (!from_least && strncasecmp(name, "RTMAX", 5) != 0)
        return 0;
    name += strlen("RTMIN");
    if (*name == '\0')
        return from_least ? REALTIME_LEAST : REALTIME_MOST;
    if (*name != (from_least ? '+' : '-'))
        return 0;
    if (parse_int64(name + 1, 0, REALTIME_MOST - REALTIME_LEAST, &offset, &ignored) < 0)
        return 0;
    return from_least ? REALTIME_LEAST + (int)offset : REALTIME_MOST - (int)offset;
}

int signal_parse(const char *text, int *ret, struct error *err)
{
    const char *name = strncasecmp(text, "SIG", 3) == 0 ? text + 3 : text;
    char quoted[1040];
    struct error ignored;
    int64_t value = 0;
    int number;

    if (parse_int64(text, 0, REALTIME_MOST, &value, &ignored) == 0) {
        *ret = (int)value;
        return 0;
    }
    number = number_of_name(name);
    if (number == 0)
        number = number_of_realtime(name);
    if (number == 0)
        return refuse(err, EINVAL, "unknown signal \"%s\"", quotable(quoted, text));
    *ret = number;
    return 0;
}
