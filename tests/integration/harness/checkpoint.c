#include "tests/integration/harness/checkpoint.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/own.h"
#include "tests/integration/harness/scenario.h"

enum { OPTIONS_MOST = 24 };

void need_criu(void)
{
    need_root();
    need_command("criu");
}

void need_criu_feature(const char *name)
{
    if (program_run(
            PROGRAM(.arguments = (const char *[]){"criu", "check", "--feature", name, NULL}))
            .code != 0)
        skip("this kernel lacks what criu calls %s", name);
}

void need_tcp_sockets(void)
{
    autoclose int tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int value;
    socklen_t size = sizeof value;

    if (getsockopt(tcp, SOL_SOCKET, SO_PASSCRED, &value, &size) < 0)
        skip("criu 4.1 cannot write out TCP sockets of this kernel");
}

struct bundle *counting_bundle(void)
{
    struct bundle *bundle = bundle_new();

    bundle_script(bundle, COUNTING);
    return bundle;
}

/* The harness's streams are files in memory, which a real caller's are not. */
void start_counting(struct bundle *bundle)
{
    static const char script[] = "exec \"$@\" </dev/null >/dev/null 2>&1";

    unlink(text("%s/work/count", bundle->rootfs));
    assert_ok(program_run(
        PROGRAM(.arguments = (const char *[]){"sh", "-c", script, "sh", scenario_program(),
                                              "--root", scenario_root(), "--log", work_path("log"),
                                              "run", "-d", "-b", bundle->path, bundle->id, NULL})));
    counter_beyond(bundle, 0);
}

struct counter counter_of(struct bundle *bundle)
{
    struct counter counter = {"", 0};
    const char *line = file_text(text("%s/work/count", bundle->rootfs));
    char cookie[64] = "";

    if (line != NULL && sscanf(line, "%63s %ld", cookie, &counter.count) == 2)
        counter.cookie = text("%s", cookie);
    return counter;
}

struct counter counter_beyond(struct bundle *bundle, long count)
{
    cr_assert(eventually(counter_of(bundle).count > count), "%s does not count beyond %ld",
              bundle->id, count);
    return counter_of(bundle);
}

bool says(const char *path, const char *what)
{
    const char *whole = file_text(path);

    return whole != NULL && strstr(whole, what) != NULL;
}

struct running hold_network(const char **ret_path)
{
    struct running holder = program_begin(
        PROGRAM(.arguments = (const char *[]){"unshare", "-n", "sh", "-c",
                                              "ip link set lo up; echo ready; exec sleep 3600",
                                              NULL}));

    cr_assert(program_said(&holder, "ready"));
    *ret_path = text("/proc/%d/ns/net", holder.pid);
    return holder;
}

void let_network_go(struct running *holder)
{
    cr_assert(kill(holder->pid, SIGKILL) == 0);
    program_wait(holder, DEADLINE_SECONDS);
}

const char *images(void)
{
    return work_path("images");
}

static struct outcome run(const char *const *first, const char *const *options, const char *id)
{
    const char *arguments[OPTIONS_MOST] = {NULL};
    size_t count = 0;

    while (*first != NULL)
        arguments[count++] = *first++;
    while (*options != NULL && count < OPTIONS_MOST - 2)
        arguments[count++] = *options++;
    arguments[count] = id;
    return crun_run(PROGRAM(0), arguments);
}

struct outcome checkpoint_with(struct bundle *bundle, const char *const *options)
{
    return run((const char *[]){"checkpoint", "--image-path", images(), NULL}, options, bundle->id);
}

struct outcome restore_with(struct bundle *bundle, const char *id, const char *const *options)
{
    return run(
        (const char *[]){"restore", "-d", "-b", bundle->path, "--image-path", images(), NULL},
        options, id);
}
