/*
 * libmnl's functions as far as rtnetlink.c uses them, for a static program where the distribution
 * has no archive of that library (Debian has none): the Makefile takes this file instead.  Each
 * does what libmnl/libmnl.h says of it.
 */

#include <errno.h>
#include <libmnl/libmnl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct mnl_socket {
    int fd;
    struct sockaddr_nl address;
};

/* --- messages ------------------------------------------------------------------------------- */

struct nlmsghdr *mnl_nlmsg_put_header(void *buffer)
{
    struct nlmsghdr *header = buffer;

    *header = (struct nlmsghdr){.nlmsg_len = NLMSG_HDRLEN};
    return header;
}

void *mnl_nlmsg_put_extra_header(struct nlmsghdr *header, size_t size)
{
    void *at = (char *)header + header->nlmsg_len;

    memset(at, 0, NLMSG_ALIGN(size));
    header->nlmsg_len += (uint32_t)NLMSG_ALIGN(size);
    return at;
}

void *mnl_nlmsg_get_payload(const struct nlmsghdr *header)
{
    return (char *)header + NLMSG_HDRLEN;
}

void mnl_attr_put(struct nlmsghdr *header, uint16_t type, size_t length, const void *data)
{
    struct nlattr *attribute = (void *)((char *)header + NLMSG_ALIGN(header->nlmsg_len));
    size_t size = NLA_HDRLEN + length;

    attribute->nla_type = type;
    attribute->nla_len = (uint16_t)size;
    memcpy((char *)attribute + NLA_HDRLEN, data, length);
    memset((char *)attribute + size, 0, NLA_ALIGN(size) - size);
    header->nlmsg_len += (uint32_t)NLA_ALIGN(size);
}

void mnl_attr_put_u32(struct nlmsghdr *header, uint16_t type, uint32_t data)
{
    mnl_attr_put(header, type, sizeof data, &data);
}

void mnl_attr_put_strz(struct nlmsghdr *header, uint16_t type, const char *data)
{
    mnl_attr_put(header, type, strlen(data) + 1, data);
}

uint16_t mnl_attr_get_type(const struct nlattr *attribute)
{
    return attribute->nla_type & NLA_TYPE_MASK;
}

uint16_t mnl_attr_get_payload_len(const struct nlattr *attribute)
{
    return (uint16_t)(attribute->nla_len - NLA_HDRLEN);
}

void *mnl_attr_get_payload(const struct nlattr *attribute)
{
    return (char *)attribute + NLA_HDRLEN;
}

uint32_t mnl_attr_get_u32(const struct nlattr *attribute)
{
    uint32_t value;

    memcpy(&value, mnl_attr_get_payload(attribute), sizeof value);
    return value;
}

int mnl_attr_parse(const struct nlmsghdr *header, unsigned offset, mnl_attr_cb_t answer,
                   void *context)
{
    const char *at = (const char *)header + NLMSG_HDRLEN + NLMSG_ALIGN(offset);
    const char *end = (const char *)header + header->nlmsg_len;
    int code = MNL_CB_OK;

    while (code > MNL_CB_STOP && end - at >= (ptrdiff_t)sizeof(struct nlattr)) {
        const struct nlattr *attribute = (const void *)at;

        if (attribute->nla_len < sizeof *attribute || attribute->nla_len > end - at)
            break;
        code = answer(attribute, context);
        at += NLA_ALIGN(attribute->nla_len);
    }
    return code;
}

/* --- what is heard -------------------------------------------------------------------------- */

/* An acknowledgement is an error of 0. */
static int heard_error(const struct nlmsghdr *header)
{
    const struct nlmsgerr *error = mnl_nlmsg_get_payload(header);

    if (header->nlmsg_len < NLMSG_LENGTH(sizeof *error)) {
        errno = EBADMSG;
        return MNL_CB_ERROR;
    }
    errno = error->error < 0 ? -error->error : error->error;
    return errno == 0 ? MNL_CB_STOP : MNL_CB_ERROR;
}

static int hear(const struct nlmsghdr *header, mnl_cb_t answer, void *context)
{
    if (header->nlmsg_flags & NLM_F_DUMP_INTR) {
        errno = EINTR;
        return MNL_CB_ERROR;
    }
    switch (header->nlmsg_type) {
    case NLMSG_NOOP:
    case NLMSG_OVERRUN:
        return MNL_CB_OK;
    case NLMSG_ERROR:
        return heard_error(header);
    case NLMSG_DONE:
        return MNL_CB_STOP;
    default:
        return answer == NULL ? MNL_CB_OK : answer(header, context);
    }
}

int mnl_cb_run(const void *buffer, size_t size, unsigned sequence, unsigned port, mnl_cb_t answer,
               void *context)
{
    const struct nlmsghdr *header = buffer;
    int left = (int)size;
    int code = MNL_CB_OK;

    for (; code > MNL_CB_STOP && NLMSG_OK(header, left); header = NLMSG_NEXT(header, left)) {
        if ((header->nlmsg_pid != 0 && header->nlmsg_pid != port) ||
            (header->nlmsg_seq != 0 && header->nlmsg_seq != sequence)) {
            errno = ESRCH;
            return MNL_CB_ERROR;
        }
        code = hear(header, answer, context);
    }
    return code;
}

/* --- the socket ----------------------------------------------------------------------------- */

struct mnl_socket *mnl_socket_fdopen(int fd)
{
    struct mnl_socket *netlink = calloc(1, sizeof *netlink);
    socklen_t size = sizeof netlink->address;

    if (netlink == NULL)
        return NULL;
    if (getsockname(fd, (struct sockaddr *)&netlink->address, &size) < 0) {
        free(netlink);
        return NULL;
    }
    netlink->fd = fd;
    return netlink;
}

struct mnl_socket *mnl_socket_open2(int bus, int flags)
{
    int fd = socket(AF_NETLINK, SOCK_RAW | flags, bus);
    struct mnl_socket *netlink = fd < 0 ? NULL : mnl_socket_fdopen(fd);

    if (fd >= 0 && netlink == NULL)
        close(fd);
    return netlink;
}

int mnl_socket_bind(struct mnl_socket *netlink, unsigned groups, pid_t port)
{
    socklen_t size = sizeof netlink->address;

    netlink->address = (struct sockaddr_nl){
        .nl_family = AF_NETLINK, .nl_groups = groups, .nl_pid = (uint32_t)port};
    if (bind(netlink->fd, (struct sockaddr *)&netlink->address, size) < 0)
        return -1;
    return getsockname(netlink->fd, (struct sockaddr *)&netlink->address, &size);
}

unsigned mnl_socket_get_portid(const struct mnl_socket *netlink)
{
    return netlink->address.nl_pid;
}

ssize_t mnl_socket_sendto(const struct mnl_socket *netlink, const void *message, size_t size)
{
    const struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};

    return sendto(netlink->fd, message, size, 0, (const struct sockaddr *)&kernel, sizeof kernel);
}

/* Only what the kernel itself says; a message that was cut short is none. */
ssize_t mnl_socket_recvfrom(const struct mnl_socket *netlink, void *buffer, size_t size)
{
    struct sockaddr_nl from;
    struct iovec vector = {buffer, size};
    struct msghdr message = {
        .msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &vector, .msg_iovlen = 1};
    ssize_t length;

    do
        length = recvmsg(netlink->fd, &message, 0);
    while (length >= 0 && from.nl_pid != 0);
    if (length >= 0 && (message.msg_flags & MSG_TRUNC) != 0) {
        errno = ENOSPC;
        return -1;
    }
    return length;
}

int mnl_socket_close(struct mnl_socket *netlink)
{
    int code = close(netlink->fd);

    free(netlink);
    return code;
}
