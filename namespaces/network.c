#include "namespaces/network.h"

#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/own.h"
#include "spec/place.h"

/* --- loopback ------------------------------------------------------------------------------- */

int network_loopback_up(struct error *err)
{
    struct ifreq request = {.ifr_name = "lo"};
    /* Any socket reaches the interfaces of its namespace; this kind is in every kernel. */
    autoclose int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return fail(err, errno, "bring up lo: socket");
    if (ioctl(fd, SIOCGIFFLAGS, &request) < 0)
        return fail(err, errno, "bring up lo: read its flags");
    request.ifr_flags = (short)(request.ifr_flags | IFF_UP);
    if (ioctl(fd, SIOCSIFFLAGS, &request) < 0)
        return fail(err, errno, "bring up lo: set its flags");
    return 0;
}

/* --- the plan ------------------------------------------------------------------------------- */

/* The kernel's rule for names, and no "%", which it would take as a pattern. */
static bool is_interface_name(const char *name)
{
    if (name[0] == '\0' || strlen(name) >= IFNAMSIZ || strcmp(name, ".") == 0 ||
        strcmp(name, "..") == 0)
        return false;
    for (; *name != '\0'; name++) {
        if (strchr("/:%", *name) != NULL || (unsigned char)*name <= 0x20 || *name == 0x7f)
            return false;
    }
    return true;
}

static int check_name(const char *name, struct error *err)
{
    char shown[1040];

    if (!is_interface_name(name)) {
        wrong(err, "\"%s\" is not the name of an interface", quotable(shown, name));
        return hint(err, "1 to %d bytes without space, \"/\", \":\" and \"%%\"", IFNAMSIZ - 1);
    }
    if (strcmp(name, "lo") == 0)
        return wrong(err, "every network namespace has a lo of its own");
    return 0;
}

static int check_unique(const struct network_plan *plan, const char *name, struct error *err)
{
    char shown[1040];

    for (size_t i = 0; i < plan->count; i++) {
        if (strcmp(plan->devices[i].name, name) == 0)
            return wrong(err, "\"%s\" is the name for \"%s\" already", name,
                         quotable(shown, plan->devices[i].host_name));
    }
    return 0;
}

static int plan_one(struct network_plan *plan, const struct spec_net_device *device,
                    struct error *err)
{
    bool renamed = device->name != NULL && device->name[0] != '\0';
    const char *name = renamed ? device->name : device->host_name;
    int code = check_name(device->host_name, err);

    if (code == 0) {
        code = check_name(name, err);
        if (code == 0)
            code = check_unique(plan, name, err);
        if (code < 0 && renamed)
            in_member(err, "name");
    }
    if (code < 0) {
        in_key(err, device->host_name);
        return prefix(err, "linux.netDevices");
    }
    plan->devices[plan->count++] = (struct network_device){device->host_name, name};
    return 0;
}

int network_plan_from_spec(struct network_plan *ret, const struct spec *spec, struct arena *arena,
                           struct error *err)
{
    size_t count = spec->linux_ == NULL ? 0 : spec->linux_->net_devices.count;
    struct network_plan plan = {.devices = arena_zero(arena, count, sizeof *plan.devices)};

    if (plan.devices == NULL)
        return no_memory(err);
    if (count > 0 && spec_namespace_find(spec, SPEC_NAMESPACE_NETWORK) == NULL) {
        refuse(err, EINVAL, "linux.netDevices: the container has the host's network");
        return hint(err, "add {\"type\": \"network\"} to linux.namespaces");
    }
    for (size_t i = 0; i < count; i++) {
        int code = plan_one(&plan, &spec->linux_->net_devices.items[i], err);

        if (code < 0)
            return code;
    }
    *ret = plan;
    return 0;
}

/* --- rtnetlink: one request, one answer ----------------------------------------------------- */

enum { MESSAGE_SIZE = 16384 };

/* A netlink socket speaks to the network namespace in which it was opened. */
struct route {
    struct mnl_socket *socket;
    unsigned sequence;
};

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
static int ask(struct route *route, struct nlmsghdr *header, mnl_cb_t answer, void *context)
{
    struct message reply;
    int more = 1;

    header->nlmsg_seq = ++route->sequence;
    if (mnl_socket_sendto(route->socket, header, header->nlmsg_len) < 0)
        return -errno;
    while (more > 0) {
        ssize_t length = mnl_socket_recvfrom(route->socket, reply.bytes, sizeof reply.bytes);

        if (length < 0 && errno == EINTR)
            continue;
        if (length < 0)
            return -errno;
        more = mnl_cb_run(reply.bytes, (size_t)length, header->nlmsg_seq,
                          mnl_socket_get_portid(route->socket), answer, context);
        if (more < 0)
            return -errno;
    }
    return 0;
}

static int order(struct route *route, struct nlmsghdr *header)
{
    header->nlmsg_flags |= NLM_F_ACK;
    return ask(route, header, NULL, NULL);
}

struct link {
    int index;
    unsigned flags;
};

static int remember_link(const struct nlmsghdr *header, void *context)
{
    const struct ifinfomsg *info = mnl_nlmsg_get_payload(header);
    struct link *link = context;

    link->index = info->ifi_index;
    link->flags = info->ifi_flags;
    return MNL_CB_OK;
}

/* The interface of that name; -ENODEV. */
static int find_link(struct route *route, const char *name, struct link *ret)
{
    struct message message;
    struct nlmsghdr *header = begin(&message, RTM_GETLINK, NLM_F_ACK);
    struct ifinfomsg *info = mnl_nlmsg_put_extra_header(header, sizeof *info);

    info->ifi_family = AF_UNSPEC;
    mnl_attr_put_strz(header, IFLA_IFNAME, name);
    *ret = (struct link){0};

    int code = ask(route, header, remember_link, ret);

    return code < 0 ? code : ret->index == 0 ? -ENODEV : 0;
}

/* Its routes and addresses go with the move; its MTU and hardware address stay. */
static int move_link(struct route *route, int index, int namespace_fd, const char *name)
{
    struct message message;
    struct nlmsghdr *header = begin(&message, RTM_NEWLINK, 0);
    struct ifinfomsg *info = mnl_nlmsg_put_extra_header(header, sizeof *info);

    info->ifi_family = AF_UNSPEC;
    info->ifi_index = index;
    mnl_attr_put_u32(header, IFLA_NET_NS_FD, (uint32_t)namespace_fd);
    mnl_attr_put_strz(header, IFLA_IFNAME, name);
    return order(route, header);
}

static int set_up(struct route *route, int index)
{
    struct message message;
    struct nlmsghdr *header = begin(&message, RTM_NEWLINK, 0);
    struct ifinfomsg *info = mnl_nlmsg_put_extra_header(header, sizeof *info);

    info->ifi_family = AF_UNSPEC;
    info->ifi_index = index;
    info->ifi_flags = IFF_UP;
    info->ifi_change = IFF_UP;
    return order(route, header);
}

/* --- addresses ------------------------------------------------------------------------------ */

struct address {
    struct address *next;
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
    struct address *first;
    struct address **end;
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
    struct address *one = context;

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

static struct address read_address(const struct nlmsghdr *header)
{
    const struct ifaddrmsg *info = mnl_nlmsg_get_payload(header);
    struct address one = {.info = *info, .flags = info->ifa_flags};

    one.length = info->ifa_family == AF_INET ? 4 : 16;
    mnl_attr_parse(header, sizeof *info, read_attribute, &one);
    return one;
}

/* Permanent global ones: the others come from the link itself or from somebody who renews them. */
static int collect_address(const struct nlmsghdr *header, void *context)
{
    struct address_dump *dump = context;
    struct address one = read_address(header);

    if ((int)one.info.ifa_index != dump->index || one.info.ifa_scope != RT_SCOPE_UNIVERSE ||
        !(one.flags & IFA_F_PERMANENT) ||
        (one.info.ifa_family != AF_INET && one.info.ifa_family != AF_INET6))
        return MNL_CB_OK;

    struct address *kept = arena_zero(dump->arena, 1, sizeof *kept);

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
static int list_addresses(struct route *route, int index, struct arena *arena, struct address **ret)
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
        code = ask(route, header, collect_address, &dump);
        if (dump.no_memory)
            return -ENOMEM;
        *ret = dump.first;
    }
    return code;
}

static int add_address(struct route *route, int index, const struct address *address)
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
    return order(route, header);
}

static int add_addresses(struct route *route, int index, const struct address *first)
{
    for (const struct address *address = first; address != NULL; address = address->next) {
        int code = add_address(route, index, address);

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

static int route_open(struct route *route, int fd)
{
    route->socket = fd < 0 ? mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC) : mnl_socket_fdopen(fd);
    if (route->socket == NULL)
        return -errno;
    if (mnl_socket_bind(route->socket, 0, MNL_SOCKET_AUTOPID) < 0)
        return -errno;
    return 0;
}

static void route_close(struct route *route)
{
    if (route->socket != NULL)
        mnl_socket_close(route->socket);
    route->socket = NULL;
}

/* --- moving --------------------------------------------------------------------------------- */

struct move {
    struct arena arena;
    struct route host;
    struct route inside;
    int host_namespace;
    int namespace_fd;
};

/* What is needed to put an interface back. */
struct moved {
    struct address *addresses;
    bool gone; /* perhaps: the request to move it was made */
    bool was_up;
};

static int move_open(struct move *move, struct error *err)
{
    /* This thread's, not the process's: a daemon's threads may differ. */
    move->host_namespace = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    if (move->host_namespace < 0)
        return fail(err, errno, "open /proc/thread-self/ns/net");

    int code = route_open(&move->host, -1);

    if (code < 0)
        return fail(err, -code, "open a netlink socket");

    autoclose int fd = socket_inside(move->namespace_fd);

    if (fd < 0)
        return fail(err, -fd, "open a netlink socket in the container's network namespace");
    code = route_open(&move->inside, fd);
    if (move->inside.socket != NULL)
        take_fd(&fd);
    return code < 0 ? fail(err, -code, "use a netlink socket in the container's network namespace")
                    : 0;
}

static void move_done(struct move *move)
{
    route_close(&move->host);
    route_close(&move->inside);
    close_fd(&move->host_namespace);
    arena_free(&move->arena);
}

/* After a failure: back under its old name, with its addresses.  What fails here has no better
 * remedy.  A move whose renaming failed leaves the interface inside under its old name. */
static void put_back(struct move *move, const struct network_device *device,
                     const struct moved *moved)
{
    struct link link;

    if (!moved->gone || find_link(&move->host, device->host_name, &link) == 0)
        return;
    if (find_link(&move->inside, device->name, &link) < 0 &&
        find_link(&move->inside, device->host_name, &link) < 0)
        return;
    if (move_link(&move->inside, link.index, move->host_namespace, device->host_name) < 0 ||
        find_link(&move->host, device->host_name, &link) < 0)
        return;
    if (add_addresses(&move->host, link.index, moved->addresses) == 0 && moved->was_up &&
        set_up(&move->host, link.index) < 0)
        return;
}

/* The names must be free inside, or the kernel would move and then fail to rename, or invent a
 * name. */
static int check_free(struct move *move, const struct network_device *device, struct error *err)
{
    const char *const names[] = {device->name, device->host_name};

    for (size_t i = 0; i < count_of(names); i++) {
        struct link link;
        int code = find_link(&move->inside, names[i], &link);

        if (code == 0)
            return refuse(err, EEXIST, ": the container's network namespace has a \"%s\" already",
                          names[i]);
        if (code != -ENODEV)
            return fail(err, -code, ": look for \"%s\" in the container's network namespace",
                        names[i]);
    }
    return 0;
}

static int move_one(struct move *move, const struct network_device *device, struct moved *moved,
                    struct error *err)
{
    struct link link;
    int code = find_link(&move->host, device->host_name, &link);

    if (code == -ENODEV)
        return refuse(err, ENODEV, ": the host has no such interface");
    if (code < 0)
        return fail(err, -code, ": look for it on the host");
    code = check_free(move, device, err);
    if (code < 0)
        return code;
    moved->was_up = link.flags & IFF_UP;
    code = list_addresses(&move->host, link.index, &move->arena, &moved->addresses);
    if (code < 0)
        return fail(err, -code, ": list its addresses");
    moved->gone = true;
    code = move_link(&move->host, link.index, move->namespace_fd, device->name);
    if (code < 0)
        return fail(err, -code, ": move it to the container as \"%s\"", device->name);
    code = find_link(&move->inside, device->name, &link);
    if (code < 0)
        return fail(err, -code, ": find it again in the container as \"%s\"", device->name);
    code = add_addresses(&move->inside, link.index, moved->addresses);
    if (code < 0)
        return fail(err, -code, ": give it back its addresses in the container");
    code = set_up(&move->inside, link.index);
    return code < 0 ? fail(err, -code, ": set it up in the container") : 0;
}

static int move_all(struct move *move, const struct network_plan *plan, struct error *err)
{
    struct moved *moved = arena_zero(&move->arena, plan->count, sizeof *moved);

    if (moved == NULL)
        return no_memory(err);
    for (size_t i = 0; i < plan->count; i++) {
        int code = move_one(move, &plan->devices[i], &moved[i], err);

        if (code == 0)
            continue;
        for (size_t back = i + 1; back-- > 0;)
            put_back(move, &plan->devices[back], &moved[back]);
        in_key(err, plan->devices[i].host_name);
        return prefix(err, "linux.netDevices");
    }
    return 0;
}

int network_move_devices(const struct network_plan *plan, int namespace_fd, struct error *err)
{
    struct move move = {.host_namespace = -1, .namespace_fd = namespace_fd};

    if (plan->count == 0)
        return 0;

    int code = move_open(&move, err);

    if (code < 0)
        within(err, "linux.netDevices");
    else
        code = move_all(&move, plan, err);
    move_done(&move);
    return code;
}
