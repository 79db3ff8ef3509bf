#include "cmd/crun-lite/signal_name.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <strings.h>

#include "base/own.h"
#include "base/text.h"

/* Second names of signals that the C library knows by their first. */
static const struct {
    const char *name;
    int number;
} aliases[] = {
    {"CLD", SIGCHLD},
    {"IOT", SIGABRT},
    {"IO",  SIGIO  },
};

static int number_of_name(const char *name)
{
    for (int number = 1; number < SIGRTMIN; number++) {
        const char *known = sigabbrev_np(number);

        if (known != NULL && strcasecmp(known, name) == 0)
            return number;
    }
    for (size_t i = 0; i < count_of(aliases); i++) {
        if (strcasecmp(aliases[i].name, name) == 0)
            return aliases[i].number;
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
        return from_least ? SIGRTMIN : SIGRTMAX;
    if (*name != (from_least ? '+' : '-'))
        return 0;
    if (parse_int64(name + 1, 0, SIGRTMAX - SIGRTMIN, &offset, &ignored) < 0)
        return 0;
    return from_least ? SIGRTMIN + (int)offset : SIGRTMAX - (int)offset;
}

int signal_parse(const char *text, int *ret, struct error *err)
{
    const char *name = strncasecmp(text, "SIG", 3) == 0 ? text + 3 : text;
    char quoted[1040];
    struct error ignored;
    int64_t value = 0;
    int number;

    if (parse_int64(text, 0, SIGRTMAX, &value, &ignored) == 0) {
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
