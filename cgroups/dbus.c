/* A connection of D-Bus: non-blocking, and never waited for beyond its deadline. */

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/own.h"
#include "cgroups/dbus.h"
#include "cgroups/directories.h"

static int failed(struct error *err, int code)
{
    return refuse(err, code, "%s", strerror(code));
}

static int too_late(struct error *err)
{
    return refuse(err, ETIMEDOUT, "no answer in time: it is busy, or dead");
}

/* Looked at before each step, lest somebody who sends for ever keeps us for ever. */
static int await(const struct dbus *bus, short events, struct error *err)
{
    struct pollfd wait = {.fd = bus->fd, .events = events};

    for (;;) {
        int64_t left = bus->deadline - cgroup_clock();
        int ready;

        if (left <= 0)
            return too_late(err);
        ready = poll(&wait, 1, left > INT32_MAX ? INT32_MAX : (int)left);
        if (ready > 0)
            return 0;
        if (ready < 0 && errno != EINTR)
            return failed(err, errno);
    }
}

static int send_all(const struct dbus *bus, const void *bytes, size_t length, struct error *err)
{
    for (size_t sent = 0; sent < length;) {
        ssize_t count = send(bus->fd, (const char *)bytes + sent, length - sent, MSG_NOSIGNAL);

        if (count >= 0)
            sent += (size_t)count;
        else if (errno != EAGAIN && errno != EINTR)
            return failed(err, errno);
        else if (await(bus, POLLOUT, err) < 0)
            return -err->code;
    }
    return 0;
}

/* Receive some more.  Whoever calls it wants at most a whole message, so that there is room. */
static int receive_more(struct dbus *bus, struct error *err)
{
    ssize_t count;

    bus->end -= bus->begin;
    memmove(bus->received, bus->received + bus->begin, bus->end);
    bus->begin = 0;
    do {
        if (await(bus, POLLIN, err) < 0)
            return -err->code;
        count = recv(bus->fd, bus->received + bus->end, sizeof bus->received - bus->end, 0);
    } while (count < 0 && (errno == EAGAIN || errno == EINTR));
    if (count < 0)
        return failed(err, errno);
    if (count == 0)
        return refuse(err, ECONNRESET, "it has ended the connection");
    bus->end += (size_t)count;
    return 0;
}

/* --- the beginning
 * -------------------------------------------------------------------------------------------------
 */

/* The kernel does not wait for a listener that has no time: it says EAGAIN. */
static int connect_to(struct dbus *bus, const struct sockaddr_un *address, struct error *err)
{
    for (unsigned attempt = 0;
         connect(bus->fd, (const struct sockaddr *)address, sizeof *address) < 0;) {
        if (errno != EAGAIN && errno != EINTR)
            return failed(err, errno);
        if (!cgroup_back_off(attempt++, bus->deadline))
            return too_late(err);
    }
    return 0;
}

/* A line of the authentication; *ret_accepted when it says that we are who we are. */
static int receive_line(struct dbus *bus, bool *ret_accepted, struct error *err)
{
    enum { LINE_MOST = 1024 };
    const uint8_t *line;
    const uint8_t *end;

    for (;;) {
        line = bus->received + bus->begin;
        end = memmem(line, bus->end - bus->begin, "\r\n", 2);
        if (end != NULL)
            break;
        if (bus->end - bus->begin > LINE_MOST)
            return refuse(err, EBADMSG, "what it answers is no D-Bus");
        if (receive_more(bus, err) < 0)
            return -err->code;
    }
    *ret_accepted = end - line >= 3 && memcmp(line, "OK ", 3) == 0;
    bus->begin += (size_t)(end + 2 - line);
    return 0;
}

/* Who we are says the kernel: in a user namespace we do not know our number outside of it.  All is
 * sent at once, and answered by two lines, DATA and OK; by OK and another from a systemd before
 * 242.
 */
static int authenticate(struct dbus *bus, struct error *err)
{
    static const char lines[] = "\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n";
    bool is_first_accepted;
    bool is_second_accepted;

    if (send_all(bus, lines, sizeof lines - 1, err) < 0 ||
        receive_line(bus, &is_first_accepted, err) < 0 ||
        receive_line(bus, &is_second_accepted, err) < 0)
        return -err->code;
    if (!is_first_accepted && !is_second_accepted)
        return refuse(err, EACCES, "it does not let us in");
    return 0;
}

int dbus_open(struct dbus *bus, const char *path, int64_t deadline, struct error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    bus->deadline = deadline;
    bus->serial = 0;
    bus->begin = bus->end = 0;
    bus->fd = -1;
    if (strlen(path) >= sizeof address.sun_path)
        return failed(err, ENAMETOOLONG);
    strcpy(address.sun_path, path);
    bus->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (bus->fd < 0)
        return failed(err, errno);
    if (connect_to(bus, &address, err) < 0 || authenticate(bus, err) < 0)
        dbus_close(bus);
    return bus->fd < 0 ? -err->code : 0;
}

void dbus_close(struct dbus *bus)
{
    close_fd(&bus->fd);
}

/* --- messages
 * -------------------------------------------------------------------------------------------------
 */

int dbus_send(struct dbus *bus, uint32_t *ret_serial, struct error *err)
{
    if (bus->call.code == -EILSEQ)
        return refuse(err, EILSEQ, "what it is to be told is not UTF-8");
    if (bus->call.code < 0)
        return refuse(err, EMSGSIZE, "what it is to be told is over %d MiB",
                      DBUS_MESSAGE_MOST >> 20);
    *ret_serial = ++bus->serial;
    dbus_end_call(&bus->call, *ret_serial);
    return send_all(bus, bus->call.bytes, bus->call.length, err);
}

int dbus_receive(struct dbus *bus, struct dbus_message *ret, struct error *err)
{
    for (;;) {
        const uint8_t *message = bus->received + bus->begin;
        size_t have = bus->end - bus->begin;
        size_t length = DBUS_HEAD;
        int code = have < DBUS_HEAD ? 0 : dbus_message_length(message, &length);

        if (code == 0 && have >= length) {
            bus->begin += length;
            code = dbus_message_parse(message, length, ret);
            if (code == 0)
                return 0;
        }
        if (code == -EMSGSIZE)
            return refuse(err, EMSGSIZE, "what it answers is over %d MiB", DBUS_MESSAGE_MOST >> 20);
        if (code < 0)
            return refuse(err, EBADMSG, "what it answers is no D-Bus");
        if (receive_more(bus, err) < 0)
            return -err->code;
    }
}
