#include "tests/integration/harness/receive.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/own.h"
#include "tests/integration/harness/scenario.h"

enum { MESSAGE_MOST = 65536 };

int listen_at(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    cr_assert(strlen(path) < sizeof address.sun_path, "%s is too long", path);
    strcpy(address.sun_path, path);
    cr_assert(server >= 0 && bind(server, (struct sockaddr *)&address, sizeof address) == 0 &&
                  listen(server, 4) == 0,
              "%s: %s", path, strerror(errno));
    return server;
}

static bool is_readable(int fd)
{
    return poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, DEADLINE_SECONDS * 1000) > 0;
}

int receive_fd(int server, char **message)
{
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(4 * sizeof(int))];
    } control = {0};
    char *text_room = arena_zero(scenario_arena(), MESSAGE_MOST + 1, 1);
    struct iovec data = {.iov_base = text_room, .iov_len = MESSAGE_MOST};
    struct msghdr header = {.msg_iov = &data,
                            .msg_iovlen = 1,
                            .msg_control = &control,
                            .msg_controllen = sizeof control};
    autoclose int connection = is_readable(server) ? accept4(server, NULL, NULL, SOCK_CLOEXEC) : -1;
    const struct cmsghdr *first;
    ssize_t length;
    int fd;

    if (connection < 0 || !is_readable(connection))
        return -1;
    length = recvmsg(connection, &header, MSG_CMSG_CLOEXEC);
    first = CMSG_FIRSTHDR(&header);
    *message = text_room;
    /* Exactly one, as go-runc and conmon insist. */
    if (length < 0 || (header.msg_flags & MSG_CTRUNC) != 0 || first == NULL ||
        first->cmsg_type != SCM_RIGHTS || first->cmsg_len != CMSG_LEN(sizeof(int)))
        return -1;
    memcpy(&fd, CMSG_DATA(first), sizeof fd);
    return fd;
}
