#include "runtime/unix_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "base/kernel.h"
#include "base/own.h"

/* sun_path holds 107 bytes: the directory as /proc/self/fd/N, the name behind it. */
static int shorten(const char *path, struct sockaddr_un *address, int *ret_directory)
{
    const char *name = strrchr(path, '/');
    char directory[PATH_MAX];

    if (strlen(path) < sizeof address->sun_path) {
        strcpy(address->sun_path, path);
        return 0;
    }
    if (name == NULL || (size_t)(name - path) >= sizeof directory)
        return -ENAMETOOLONG;
    memcpy(directory, path, (size_t)(name - path));
    directory[name - path] = '\0';
    *ret_directory = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (*ret_directory < 0)
        return -errno;
    if (snprintf(address->sun_path, sizeof address->sun_path, "/proc/self/fd/%d%s", *ret_directory,
                 name) >= (int)sizeof address->sun_path)
        return -ENAMETOOLONG;
    return 0;
}

int unix_connect(const char *path, struct error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    /* A listener whose backlog is full would hold connect(2) for ever. */
    struct timeval patience = {.tv_sec = 10};
    char quoted[1040];
    autoclose int directory = -1;
    autoclose int fd = -1;
    int code = shorten(path, &address, &directory);

    if (code < 0)
        return fail(err, -code, "connect to %s", quotable(quoted, path));
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) < 0 ||
        connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
        return fail(err, errno == EAGAIN ? ETIMEDOUT : errno, "connect to %s",
                    quotable(quoted, path));
    return take_fd(&fd);
}

static int name_abstract(const char *name, struct sockaddr_un *address, socklen_t *ret_length)
{
    size_t length = strlen(name);

    if (length > sizeof address->sun_path - 1)
        return -ENAMETOOLONG;
    memcpy(address->sun_path + 1, name, length); /* the byte before stays 0 */
    *ret_length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + length);
    return 0;
}

int unix_connect_datagram(const char *address, struct error *err)
{
    struct sockaddr_un place = {.sun_family = AF_UNIX};
    socklen_t length = sizeof place;
    char quoted[1040];
    autoclose int directory = -1;
    autoclose int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int code = *address == '@' ? name_abstract(address + 1, &place, &length)
                               : shorten(address, &place, &directory);

    if (code < 0)
        return fail(err, -code, "connect to %s", quotable(quoted, address));
    if (fd < 0 || connect(fd, (struct sockaddr *)&place, length) < 0)
        return fail(err, errno, "connect to %s", quotable(quoted, address));
    return take_fd(&fd);
}

int unix_send_fd(int socket, const void *bytes, size_t length, int fd, struct error *err)
{
    struct iovec content = {(void *)bytes, length};
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct msghdr message = {
        .msg_iov = &content,
        .msg_iovlen = 1,
        .msg_control = &control,
        .msg_controllen = sizeof control.bytes,
    };
    struct cmsghdr *rights = CMSG_FIRSTHDR(&message);

    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(rights), &fd, sizeof fd);
    for (;;) {
        ssize_t sent = sendmsg(socket, &message, MSG_NOSIGNAL);

        if (sent >= 0 && (size_t)sent == length)
            return 0;
        if (sent >= 0)
            return refuse(err, EIO, "send: only %zd of %zu bytes went", sent, length);
        if (errno != EINTR)
            return fail(err, errno, "send");
    }
}
