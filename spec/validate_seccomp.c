/* config-linux.md, "Seccomp". */

#include <inttypes.h>
#include <string.h>
#include <sys/un.h>

#include "base/own.h"
#include "spec/place.h"
#include "spec/validate.h"

/* seccomp(2): SECCOMP_RET_ERRNO carries at most this (MAX_ERRNO). */
enum { MOST_ERRNO = 4095 };

/* "When the action doesn't support an errno, the runtime MUST print and error and fail." */
static int check_errno(int action, const struct optional_uint64 *value, struct error *err)
{
    const char *name = names_of_value(&spec_seccomp_action_names, action);

    if (!value->set)
        return 0;
    if (action != SPEC_SECCOMP_ERRNO && action != SPEC_SECCOMP_TRACE)
        return wrong(err, "%" PRIu64 ": %s has no errno to return", value->value, name);
    if (action == SPEC_SECCOMP_ERRNO && value->value > MOST_ERRNO)
        return wrong(err, "%" PRIu64 " is out of range (0 to %d)", value->value, MOST_ERRNO);
    return 0;
}

static int check_default(const struct spec_seccomp *seccomp, struct error *err)
{
    /* The agent could not even be given the listener. */
    if (seccomp->default_action == SPEC_SECCOMP_NOTIFY) {
        wrong(err, "SCMP_ACT_NOTIFY cannot be the default action");
        return in_member(err, "defaultAction");
    }
    if (check_errno(seccomp->default_action, &seccomp->default_errno_ret, err) < 0)
        return in_member(err, "defaultErrnoRet");
    return 0;
}

static int check_names(const struct spec_seccomp_syscall *syscall, struct error *err)
{
    if (syscall->names.count == 0)
        return wrong(err, "is empty");
    for (size_t i = 0; i < syscall->names.count; i++) {
        const char *name = syscall->names.items[i];

        if (name[0] == '\0') {
            wrong(err, "\"\" is not a system call");
            return in_item(err, i);
        }

        /* As runc, which tells of the listener by it. */
        if (syscall->action == SPEC_SECCOMP_NOTIFY && strcmp(name, "write") == 0) {
            wrong(err, "SCMP_ACT_NOTIFY cannot be used for write");
            return in_item(err, i);
        }
    }
    return 0;
}

static int check_syscalls(const struct spec_seccomp *seccomp, struct error *err)
{
    for (size_t i = 0; i < seccomp->syscalls.count; i++) {
        const struct spec_seccomp_syscall *syscall = &seccomp->syscalls.items[i];

        if (check_names(syscall, err) < 0)
            in_member(err, "names");
        else if (check_errno(syscall->action, &syscall->errno_ret, err) < 0)
            in_member(err, "errnoRet");
        else
            continue;
        in_item(err, i);
        return in_member(err, "syscalls");
    }
    return 0;
}

static bool asks_about(const struct spec_seccomp *seccomp, const char *name)
{
    for_each_item (syscall, &seccomp->syscalls) {
        for (size_t i = 0; syscall->action == SPEC_SECCOMP_NOTIFY && i < syscall->names.count;
             i++) {
            if (strcmp(syscall->names.items[i], name) == 0)
                return true;
        }
    }
    return false;
}

/* The listener is handed over when the filter is in force already, by one of these two: it would
 * wait for an agent that has nothing to listen to. */
static int check_hand_over(const struct spec_seccomp *seccomp, struct error *err)
{
    if (!asks_about(seccomp, "sendmsg") || !asks_about(seccomp, "sendmmsg"))
        return 0;
    wrong(err, "SCMP_ACT_NOTIFY cannot be used for both sendmsg and sendmmsg: the agent is brought "
               "to life by one of them");
    return in_member(err, "syscalls");
}

static bool wants_listener(const struct spec_seccomp *seccomp)
{
    for_each_item (syscall, &seccomp->syscalls) {
        if (syscall->action == SPEC_SECCOMP_NOTIFY)
            return true;
    }
    return false;
}

/* "listenerPath: the path of UNIX domain socket over which the runtime will send the container
 * process state"; "listenerMetadata ... MUST NOT be set if listenerPath is not set". */
static int check_listener(const struct spec_seccomp *seccomp, struct error *err)
{
    static const size_t longest = sizeof((struct sockaddr_un *)NULL)->sun_path - 1;
    const char *path = seccomp->listener_path;

    if (path == NULL && wants_listener(seccomp)) {
        wrong(err, "missing, and SCMP_ACT_NOTIFY needs it");
        return in_member(err, "listenerPath");
    }
    if (path == NULL && seccomp->listener_metadata != NULL) {
        wrong(err, "set without listenerPath");
        return in_member(err, "listenerMetadata");
    }
    if (path == NULL)
        return 0;
    if (validate_absolute(path, err) < 0)
        return in_member(err, "listenerPath");
    if (strlen(path) > longest) {
        wrong(err, "%zu bytes are too long for a socket (at most %zu)", strlen(path), longest);
        return in_member(err, "listenerPath");
    }
    return 0;
}

static int (*const rules[])(const struct spec_seccomp *, struct error *) = {
    check_default,
    check_syscalls,
    check_hand_over,
    check_listener,
};

int validate_seccomp(const struct spec_seccomp *seccomp, struct error *err)
{
    for (size_t i = 0; i < count_of(rules); i++) {
        if (rules[i](seccomp, err) < 0)
            return -err->code;
    }
    return 0;
}
