#include "namespaces/rtnetlink.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/own.h"

/* --- one request, one answer ---------------------------------------------------------------- */

enum { MESSAGE_SIZE = 16384 };

struct message {
    _Alignas(struct nlmsghdr) char bytes[MESSAGE_SIZE];
};

static struct nlmsghdr *begin(struct message *message, uint16_t type, unsigned flags)
{
    struct nlmsghdr *header = mnl_nlmsg_put_header(message->bytes);

    header->nlmsg_type = type;
    header->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
    return header;
}

/* Send and hear the answers out, each to `answer`.  0 or -errno. */
static int ask(struct rtnetlink *netlink, struct nlmsghdr *header, mnl_cb_t answer, void *context)
{
    struct message reply;
    int more = 1;

    header->nlmsg_seq = ++netlink->sequence;
    if (mnl_socket_sendto(netlink->socket, header, header->nlmsg_len) < 0)
        return -errno;
    while (more > 0) {
        ssize_t length = mnl_socket_recvfrom(netlink->socket, reply.bytes, sizeof reply.bytes);

        if (length < 0 && errno == EINTR)
            continue;
        if (length < 0)
            return -errno;
        more = mnl_cb_run(reply.bytes, (size_t)length, header->nlmsg_seq,
                          mnl_socket_get_portid(netlink->socket), answer, context);
        if (more < 0)
            return -errno;
    }
    return 0;
}

static int order(struct rtnetlink *netlink, struct nlmsghdr *header)
{
    header->nlmsg_flags |= NLM_F_ACK;
    return ask(netlink, header, NULL, NULL);
}

static int remember_link(const struct nlmsghdr *header, void *context)
{
    const struct ifinfomsg *info = mnl_nlmsg_get_payload(header);
    struct rtnetlink_link *link = context;

    link->index = info->ifi_index;
    link->flags = info->ifi_flags;
    return MNL_CB_OK;
}

int rtnetlink_find_link(struct rtnetlink *netlink, const char *name, struct rtnetlink_link *ret)
{
    struct message message;
    struct nlmsghdr *header = begin(&message, RTM_GETLINK, NLM_F_ACK);
    struct ifinfomsg *info = mnl_nlmsg_put_extra_header(header, sizeof *info);

    info->ifi_family = AF_UNSPEC;
    mnl_attr_put_strz(header, IFLA_IFNAME, name);
    *ret = (struct rtnetlink_link){0};

    int code = ask(netlink, header, remember_link, ret);

    return code < 0 ? code : ret->index == 0 ? -ENODEV : 0;
}

int rtnetlink_move_link(struct rtnetlink *netlink, int index, int namespace_fd, const char *name)
{
    struct message message;
    struct nlmsghdr *header = begin(&message, RTM_NEWLINK, 0);
    struct ifinfomsg *info = mnl_nlmsg_put_extra_header(header, sizeof *info);

    info->ifi_family = AF_UNSPEC;
    info->ifi_index = index;
    mnl_attr_put_u32(header, IFLA_NET_NS_FD, (uint32_t)namespace_fd);
    mnl_attr_put_strz(header, IFLA_IFNAME, name);
    return order(netlink, header);
}

int rtnetlink_set_up(struct rtnetlink *netlink, int index)
{
    struct message message;
    struct nlmsghdr *header = begin(&message, RTM_NEWLINK, 0);
    struct ifinfomsg *info = mnl_nlmsg_put_extra_header(header, sizeof *info);

    info->ifi_family = AF_UNSPEC;
    info->ifi_index = index;
    info->ifi_flags = IFF_UP;
    info->ifi_change = IFF_UP;
    return order(netlink, header);
}

/* --- addresses ------------------------------------------------------------------------------ */

struct rtnetlink_address {
    struct rtnetlink_address *next;
    struct ifaddrmsg info;
    uint32_t flags;
    uint16_t length; /* of each of the following, 4 or 16 bytes */
    bool has_local;
    bool has_broadcast;
    char address[16];
    char local[16];
    char broadcast[16];
};

struct address_dump {
    struct arena *arena;
    int index;
    struct rtnetlink_address *first;
    struct rtnetlink_address **end;
    bool no_memory;
};

/* Attributes are the kernel's; a length that is not the family's is left out. */
static bool copy_bytes(char to[16], const struct nlattr *attribute, uint16_t length)
{
    if (mnl_attr_get_payload_len(attribute) != length)
        return false;
    memcpy(to, mnl_attr_get_payload(attribute), length);
    return true;
}

static int read_attribute(const struct nlattr *attribute, void *context)
{
    struct rtnetlink_address *one = context;

    switch (mnl_attr_get_type(attribute)) {
    case IFA_ADDRESS:
        copy_bytes(one->address, attribute, one->length);
        break;
    case IFA_LOCAL:
        one->has_local = copy_bytes(one->local, attribute, one->length);
        break;
    case IFA_BROADCAST:
        one->has_broadcast = copy_bytes(one->broadcast, attribute, one->length);
        break;
    case IFA_FLAGS:
        one->flags = mnl_attr_get_u32(attribute);
        break;
    default:
        break;
    }
    return MNL_CB_OK;
}

static struct rtnetlink_address read_address(const struct nlmsghdr *header)
{
    const struct ifaddrmsg *info = mnl_nlmsg_get_payload(header);
    struct rtnetlink_address one = {.info = *info, .flags = info->ifa_flags};

    one.length = info->ifa_family == AF_INET ? 4 : 16;
    mnl_attr_parse(header, sizeof *info, read_attribute, &one);
    return one;
}

/* Permanent global ones: the others come from the link itself or from somebody who renews them. */
static int collect_address(const struct nlmsghdr *header, void *context)
{
    struct address_dump *dump = context;
    struct rtnetlink_address one = read_address(header);

    if ((int)one.info.ifa_index != dump->index || one.info.ifa_scope != RT_SCOPE_UNIVERSE ||
        !(one.flags & IFA_F_PERMANENT) ||
        (one.info.ifa_family != AF_INET && one.info.ifa_family != AF_INET6))
        return MNL_CB_OK;

    struct rtnetlink_address *kept = arena_zero(dump->arena, 1, sizeof *kept);

    if (kept == NULL) {
        dump->no_memory = true;
        return MNL_CB_OK; /* the rest of the dump must be read all the same */
    }
    *kept = one;
    *dump->end = kept;
    dump->end = &kept->next;
    return MNL_CB_OK;
}

/* In the order in which they were given: the first IPv4 one of a subnet is the primary one. */
int rtnetlink_list_addresses(struct rtnetlink *netlink, int index, struct arena *arena,
                             struct rtnetlink_address **ret)
{
    enum { MOST_RETRIES = 16 };
    int code = -EINTR;

    /* EINTR: the list changed while it was being told. */
    for (int attempt = 0; code == -EINTR && attempt < MOST_RETRIES; attempt++) {
        struct address_dump dump = {.arena = arena, .index = index};
        struct message message;
        struct nlmsghdr *header = begin(&message, RTM_GETADDR, NLM_F_DUMP);
        struct ifaddrmsg *info = mnl_nlmsg_put_extra_header(header, sizeof *info);

        info->ifa_family = AF_UNSPEC;
        dump.end = &dump.first;
        code = ask(netlink, header, collect_address, &dump);
        if (dump.no_memory)
            return -ENOMEM;
        *ret = dump.first;
    }
    return code;
}

static int add_address(struct rtnetlink *netlink, int index,
                       const struct rtnetlink_address *address)
{
    struct message message;
    struct nlmsghdr *header = begin(&message, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE);
    struct ifaddrmsg *info = mnl_nlmsg_put_extra_header(header, sizeof *info);
    uint32_t flags = address->flags & (IFA_F_NOPREFIXROUTE | IFA_F_HOMEADDRESS | IFA_F_NODAD);

    /* It was in use on this very interface: no need to ask the neighbours about it once more, and
     * the container's first connection does not have to wait for that. */
    if (address->info.ifa_family == AF_INET6)
        flags |= IFA_F_NODAD;
    *info = address->info;
    info->ifa_index = (uint32_t)index;
    info->ifa_flags = (uint8_t)flags;
    mnl_attr_put_u32(header, IFA_FLAGS, flags);
    mnl_attr_put(header, IFA_ADDRESS, address->length, address->address);
    if (address->has_local)
        mnl_attr_put(header, IFA_LOCAL, address->length, address->local);
    if (address->has_broadcast)
        mnl_attr_put(header, IFA_BROADCAST, address->length, address->broadcast);
    return order(netlink, header);
}

int rtnetlink_add_addresses(struct rtnetlink *netlink, int index,
                            const struct rtnetlink_address *first)
{
    for (const struct rtnetlink_address *address = first; address != NULL;
         address = address->next) {
        int code = add_address(netlink, index, address);

        if (code < 0)
            return code;
    }
    return 0;
}

/* --- a socket in the other namespace -------------------------------------------------------- */

union control {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int))];
};

/* In the forked child, only what is safe beside other threads: 0 or an errno. */
static int send_socket(int namespace_fd, int to)
{
    char nothing = 0;
    union control control = {.bytes = {0}};
    struct iovec vector = {&nothing, 1};
    struct msghdr message = {
        .msg_iov = &vector,
        .msg_iovlen = 1,
        .msg_control = control.bytes,
        .msg_controllen = sizeof control.bytes,
    };

    if (setns(namespace_fd, CLONE_NEWNET) < 0)
        return errno;

    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

    if (fd < 0)
        return errno;
    control.header.cmsg_len = CMSG_LEN(sizeof fd);
    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    memcpy(CMSG_DATA(&control.header), &fd, sizeof fd);
    return sendmsg(to, &message, MSG_NOSIGNAL) < 0 ? errno : 0;
}

static int receive_socket(int from)
{
    char nothing;
    union control control = {.bytes = {0}};
    struct iovec vector = {&nothing, 1};
    struct msghdr message = {
        .msg_iov = &vector,
        .msg_iovlen = 1,
        .msg_control = control.bytes,
        .msg_controllen = sizeof control.bytes,
    };
    ssize_t length;
    int fd;

    do
        length = recvmsg(from, &message, MSG_CMSG_CLOEXEC);
    while (length < 0 && errno == EINTR);
    if (length <= 0 || message.msg_controllen < CMSG_LEN(sizeof fd))
        return -EIO;
    memcpy(&fd, CMSG_DATA(&control.header), sizeof fd);
    return fd;
}

/* A child opens it: setns here would leave a thread of the caller in the wrong place if the way
 * back were refused.  The fd or -errno. */
static int socket_inside(int namespace_fd)
{
    int ends[2];
    int status = 0;
    pid_t reaped;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;

    autoclose int ours = ends[0];
    autoclose int theirs = ends[1];
    pid_t child = fork();

    if (child < 0)
        return -errno;
    if (child == 0)
        _exit(send_socket(namespace_fd, theirs));
    close_fd(&theirs);

    int fd = receive_socket(ours);

    do
        reaped = waitpid(child, &status, 0);
    while (reaped < 0 && errno == EINTR);
    if (fd < 0 && reaped == child && WIFEXITED(status) && WEXITSTATUS(status) != 0)
        return -WEXITSTATUS(status); /* errno values fit */
    return fd;
}

static int open_socket(struct rtnetlink *netlink, int fd)
{
    netlink->socket = fd < 0 ? mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC)
                             : mnl_socket_fdopen(fd);
    if (netlink->socket == NULL)
        return -errno;
    if (mnl_socket_bind(netlink->socket, 0, MNL_SOCKET_AUTOPID) < 0)
        return -errno;
    return 0;
}

int rtnetlink_open(struct rtnetlink *ret)
{
    return open_socket(ret, -1);
}

int rtnetlink_open_inside(struct rtnetlink *ret, int namespace_fd)
{
    autoclose int fd = socket_inside(namespace_fd);
    int code = fd < 0 ? fd : open_socket(ret, fd);

    if (ret->socket != NULL)
        take_fd(&fd);
    return code;
}

void rtnetlink_close(struct rtnetlink *netlink)
{
    if (netlink->socket != NULL)
        mnl_socket_close(netlink->socket);
    netlink->socket = NULL;
}
