/* How often the systemd cgroup manager is spoken to: whoever starts thousands of containers a day
 * sends each message as often.  A relay at the manager's socket writes down the calls. */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/own.h"
#include "tests/integration/harness/bundle.h"
#include "tests/integration/harness/receive.h"
#include "tests/integration/harness/scenario.h"
#include "tests/integration/harness/systemd.h"

#define MANAGER_SOCKET "/proc/1/root/run/systemd/private"

/* What a client has sent and what of it is not understood yet. */
struct client_stream {
    unsigned char bytes[1 << 16];
    size_t length;
    bool past_greeting;
};

static uint32_t number_at(const unsigned char *bytes)
{
    uint32_t number;

    memcpy(&number, bytes, sizeof number);
    return number;
}

static size_t aligned(size_t offset, size_t to)
{
    return (offset + to - 1) / to * to;
}

/* The member in a message's header (D-Bus Specification, "Message Format"): a field is an 8-aligned
 * code, the signature of its one value, and the value. */
static const char *member_of(const unsigned char *message, size_t fields_end)
{
    enum { MEMBER = 3 };

    for (size_t at = 16; at + 8 <= fields_end;) {
        unsigned char code = message[at];
        char type = (char)message[at + 2];
        size_t value = at + 4;

        if (type == 'u') {
            at = aligned(value + 4, 8);
            continue;
        }
        if (code == MEMBER)
            return (const char *)message + value + 4;
        at = aligned(type == 'g' ? value + 1 + message[value] + 1
                                 : value + 4 + number_at(message + value) + 1,
                     8);
    }
    return "?";
}

/* The authentication ends in a line "BEGIN"; then there are messages. */
static void understand(struct client_stream *stream, int calls)
{
    size_t at = 0;

    if (!stream->past_greeting) {
        const unsigned char *begin = memmem(stream->bytes, stream->length, "BEGIN\r\n", 7);

        if (begin == NULL)
            return;
        at = (size_t)(begin - stream->bytes) + 7;
        stream->past_greeting = true;
    }
    while (stream->length - at >= 16) {
        enum { METHOD_CALL = 1 };
        const unsigned char *message = stream->bytes + at;
        size_t fields_end = 16 + (size_t)number_at(message + 12);
        size_t whole = aligned(fields_end, 8) + number_at(message + 4);

        if (stream->length - at < whole)
            break;
        if (message[1] == METHOD_CALL)
            dprintf(calls, "%s\n", member_of(message, fields_end));
        at += whole;
    }
    memmove(stream->bytes, stream->bytes + at, stream->length - at);
    stream->length -= at;
}

/* Bytes from one to the other; false at the end of them. */
static bool pass_on(int from, int to, struct client_stream *stream, int calls)
{
    unsigned char bytes[8192];
    ssize_t length = read(from, bytes, sizeof bytes);

    if (length <= 0 || send(to, bytes, (size_t)length, MSG_NOSIGNAL) != length)
        return false;
    if (stream != NULL && stream->length + (size_t)length <= sizeof stream->bytes) {
        memcpy(stream->bytes + stream->length, bytes, (size_t)length);
        stream->length += (size_t)length;
        understand(stream, calls);
    }
    return true;
}

static void relay_one(int client, const char *manager_socket, int calls)
{
    static struct client_stream stream;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int manager = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct pollfd ends[] = {
        {.fd = client,  .events = POLLIN},
        {.fd = manager, .events = POLLIN}
    };

    stream = (struct client_stream){0};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", manager_socket);
    if (connect(manager, (struct sockaddr *)&address, sizeof address) == 0) {
        while (poll(ends, count_of(ends), -1) > 0) {
            if (ends[0].revents != 0 && !pass_on(client, manager, &stream, calls))
                break;
            if (ends[1].revents != 0 && !pass_on(manager, client, NULL, calls))
                break;
        }
    }
    close(manager);
    close(client);
}

/* A process that stands between us and a manager, and a file of the calls that it has seen. */
struct relay {
    pid_t pid;
    const char *directory; /* where the manager is looked for */
    const char *calls;
};

static const char *relay_path(const struct relay *relay, const char *name)
{
    return text("%s/systemd%s", relay->directory, name);
}

/* Found in `directory`; for a manager that believes nobody but `user`. */
static struct relay relay_begin(const char *directory, const char *manager_socket, unsigned user)
{
    struct relay relay = {.directory = directory, .calls = work_file("calls", "")};
    int calls = open(relay.calls, O_WRONLY | O_APPEND | O_CLOEXEC), server;

    cr_assert(mkdir(relay_path(&relay, ""), 0755) == 0 || errno == EEXIST);
    server = listen_at(relay_path(&relay, "/private"));
    cr_assert(chown(relay_path(&relay, "/private"), user, user) == 0);
    relay.pid = fork();
    if (relay.pid == 0) {
        if (setresgid(user, user, user) < 0 || setresuid(user, user, user) < 0)
            _exit(1);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (int client; (client = accept4(server, NULL, NULL, SOCK_CLOEXEC)) >= 0;)
            relay_one(client, manager_socket, calls);
        _exit(1);
    }
    cr_assert(relay.pid > 0);
    close(server);
    close(calls);
    return relay;
}

static void relay_end(const struct relay *relay)
{
    kill(relay->pid, SIGKILL);
    waitpid(relay->pid, NULL, 0);
    unlink(relay_path(relay, "/private"));
    rmdir(relay_path(relay, ""));
}

/* What was called since the last time. */
static const char *calls_of(const struct relay *relay)
{
    const char *calls = file_text(relay->calls);

    cr_assert(truncate(relay->calls, 0) == 0);
    return calls;
}

Scenario(systemd_messages, one_starts_a_container_and_none_ends_it)
{
    struct bundle *bundle = bundle_new();
    struct relay relay;

    need_root();
    if (access(MANAGER_SOCKET, F_OK) < 0)
        skip("systemd is not running");
    relay = relay_begin("/run", MANAGER_SOCKET, 0);
    bundle_set(bundle, "linux.cgroupsPath", "\"system.slice:test:%s\"", bundle->id);
    bundle_set(bundle, "linux.resources", "{\"memory\":{\"limit\":67108864}}");
    bundle_script(bundle, "exec sleep 3600");
    assert_ok(crun("--systemd-cgroup", "run", "-d", "-b", bundle->path, bundle->id));
    assert_text(calls_of(&relay), "StartTransientUnit\n");

    assert_ok(crun("--systemd-cgroup", "exec", bundle->id, "true"));
    assert_ok(crun("state", bundle->id));
    assert_ok(crun("--systemd-cgroup", "pause", bundle->id));
    assert_ok(crun("--systemd-cgroup", "resume", bundle->id));
    assert_text(calls_of(&relay), "");

    assert_ok(crun("--systemd-cgroup", "update", "--pids-limit", "50", bundle->id));
    assert_text(calls_of(&relay), "SetUnitProperties\n");

    assert_ok(crun("--systemd-cgroup", "kill", bundle->id, "KILL"));
    cr_assert(eventually(strcmp(bundle_status(bundle), "stopped") == 0));
    assert_ok(crun("--systemd-cgroup", "delete", bundle->id));
    assert_text(calls_of(&relay), "");
    relay_end(&relay);
}

/* A user's manager has to say where it is, and to move the processes that the user may not. */
Scenario(systemd_messages, of_a_user_are_few_as_well)
{
    const char *manager, *directory;
    struct bundle *bundle;
    struct relay relay;
    char *unit;

    need_systemd();
    manager = directory_of_user("runtime");
    directory = directory_of_user("relayed");
    directory_of_user("state");
    unit = serve_user_manager(manager);
    relay = relay_begin(directory, text("%s/systemd/private", manager), SYSTEMD_USER);
    bundle = bundle_new_for_user(SYSTEMD_USER);
    bundle_set(bundle, "linux.cgroupsPath", "\"some.slice:test:%s\"", bundle->id);
    bundle_script(bundle, "exec sleep 3600");

    assert_ok(as_user(directory, "", "run", "-d", "-b", bundle->path, bundle->id));
    assert_text(calls_of(&relay), "Get\nStartTransientUnit\nAttachProcessesToUnit\n");
    assert_ok(as_user(directory, "", "exec", bundle->id, "true"));
    assert_text(calls_of(&relay), "AttachProcessesToUnit\n");
    assert_ok(as_user(directory, "", "update", "--pids-limit", "50", bundle->id));
    assert_text(calls_of(&relay), "SetUnitProperties\n");
    assert_ok(as_user(directory, "", "delete", "--force", bundle->id));
    assert_text(calls_of(&relay), "");

    relay_end(&relay);
    unit_end(unit);
    assert_ok(program_run(
        PROGRAM(.arguments = (const char *const[]){"rm", "-rf", manager, directory, NULL})));
    forget_systemd();
}
