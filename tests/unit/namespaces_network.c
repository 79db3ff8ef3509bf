/* The loopback interface, and interfaces that move into a container: names refused, and moves
 * between throw-away network namespaces, with a pair of virtual interfaces. */

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/own.h"
#include "namespaces/network.h"

/* --- plans ---------------------------------------------------------------------------------- */

static int plan_of(struct network_plan *ret, struct spec_net_device *devices, size_t count,
                   struct spec_namespace namespace, struct arena *arena, struct error *err)
{
    struct spec_linux linux_part = {
        .namespaces = {&namespace, 1    },
        .net_devices = {devices,    count},
    };
    const struct spec spec = {.linux_ = &linux_part};

    return network_plan_from_spec(ret, &spec, arena, err);
}

static const struct spec_namespace new_network = {SPEC_NAMESPACE_NETWORK, NULL};

static void expect_refusal(const char *host_name, const char *name, const char *text)
{
    autoarena struct arena arena = {0};
    struct spec_net_device devices[] = {
        {"eth0",    "net0"},
        {host_name, name  }
    };
    struct network_plan plan;
    struct error err = {0};

    cr_expect_eq(plan_of(&plan, devices, 2, new_network, &arena, &err), -EINVAL, "%s", text);
    cr_expect_str_eq(err.text, text);
}

Test(network, an_interface_keeps_its_name_unless_it_gets_another)
{
    autoarena struct arena arena = {0};
    struct spec_net_device devices[] = {
        {"eth0",            NULL  },
        {"fifteen-bytes-x", "eth1"},
        {"eth2",            ""    },
    };
    struct network_plan plan;
    struct error err = {0};

    cr_assert_eq(plan_of(&plan, devices, 3, new_network, &arena, &err), 0, "%s", err.text);
    cr_assert_eq(plan.count, 3);
    cr_expect_str_eq(plan.devices[0].name, "eth0");
    cr_expect_str_eq(plan.devices[1].host_name, "fifteen-bytes-x");
    cr_expect_str_eq(plan.devices[1].name, "eth1");
    cr_expect_str_eq(plan.devices[2].name, "eth2");
}

Test(network, interfaces_need_a_network_namespace)
{
    autoarena struct arena arena = {0};
    struct spec_net_device device = {"eth0", NULL};
    const struct spec empty = {0};
    struct network_move move = NETWORK_MOVE_EMPTY;
    struct network_plan plan;
    struct error err = {0};

    cr_expect_eq(
        plan_of(&plan, &device, 1, (struct spec_namespace){SPEC_NAMESPACE_PID, NULL}, &arena, &err),
        -EINVAL);
    cr_expect_str_eq(err.text, "linux.netDevices: the container has the host's network (add "
                               "{\"type\": \"network\"} to linux.namespaces)");
    cr_expect_eq(network_plan_from_spec(&plan, &empty, &arena, &err), 0);
    cr_expect_eq(plan.count, 0);
    cr_expect_eq(network_move_devices(&plan, -1, &move, &err), 0);
    network_move_back(&move);
}

Test(network, names_that_the_kernel_would_not_take_are_refused)
{
    static const char *const names[] = {"sixteen-bytes-xx", "a/b", "a:1", ".", "..", "e%d", "a b"};

    for (size_t i = 0; i < count_of(names); i++) {
        char text[256];

        snprintf(
            text, sizeof text,
            "linux.netDevices.eth1.name: \"%s\" is not the name of an interface (1 to 15 bytes "
            "without space, \"/\", \":\" and \"%%\")",
            names[i]);
        expect_refusal("eth1", names[i], text);
        snprintf(text, sizeof text,
                 "linux.netDevices[\"%s\"]: \"%s\" is not the name of an interface (1 to 15 bytes "
                 "without space, \"/\", \":\" and \"%%\")",
                 names[i], names[i]);
        if (strcmp(names[i], "sixteen-bytes-xx") != 0) /* a plain word stands without brackets */
            expect_refusal(names[i], "eth1", text);
    }
    expect_refusal("eth1", "lo",
                   "linux.netDevices.eth1.name: every network namespace has a lo of its own");
    expect_refusal("lo", "eth1",
                   "linux.netDevices.lo: every network namespace has a lo of its own");
}

Test(network, two_interfaces_cannot_get_one_name)
{
    expect_refusal("eth1", "net0",
                   "linux.netDevices.eth1.name: \"net0\" is the name for \"eth0\" "
                   "already");
    expect_refusal("net0", NULL,
                   "linux.netDevices.net0: \"net0\" is the name for \"eth0\" already");
}

/* --- in the kernel: a child in namespaces of its own -------------------------------------------
 */

enum { SKIP = -1 };

/* What the child came to: 0, SKIP, or the line of what was not so, and why. */
struct outcome {
    int line;
    struct error err;
};

#define demand(condition)                                                           \
    do {                                                                            \
        if (!(condition)) {                                                         \
            outcome->line = __LINE__;                                               \
            snprintf(outcome->err.text + strlen(outcome->err.text),                 \
                     sizeof outcome->err.text - strlen(outcome->err.text), " [%s]", \
                     strerror(errno));                                              \
            return;                                                                 \
        }                                                                           \
    } while (0)

static void expect_in_child(void (*child)(struct outcome *))
{
    struct outcome outcome = {0};
    int ends[2];

    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);

    pid_t pid = fork();

    cr_assert_geq(pid, 0);
    if (pid == 0) {
        if (unshare(CLONE_NEWNET | (geteuid() == 0 ? 0 : CLONE_NEWUSER)) < 0)
            outcome.line = SKIP;
        else
            child(&outcome);
        _exit(write(ends[1], &outcome, sizeof outcome) != sizeof outcome);
    }
    close(ends[1]);
    cr_assert_eq(read(ends[0], &outcome, sizeof outcome), (ssize_t)sizeof outcome);
    close(ends[0]);
    waitpid(pid, NULL, 0);
    if (outcome.line == SKIP)
        cr_skip_test("no network namespaces, or no virtual interfaces, for this process");
    cr_expect_eq(outcome.line, 0, "line %d: %s", outcome.line, outcome.err.text);
}

static int flags_of(const char *name)
{
    struct ifreq request = {0};
    autoclose int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    strncpy(request.ifr_name, name, IFNAMSIZ - 1);
    return ioctl(fd, SIOCGIFFLAGS, &request) < 0 ? -errno : (unsigned short)request.ifr_flags;
}

static int mtu_of(const char *name)
{
    struct ifreq request = {0};
    autoclose int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    strncpy(request.ifr_name, name, IFNAMSIZ - 1);
    return ioctl(fd, SIOCGIFMTU, &request) < 0 ? -errno : request.ifr_mtu;
}

static void loopback(struct outcome *outcome)
{
    demand(!(flags_of("lo") & IFF_UP));
    demand(network_loopback_up(&outcome->err) == 0);
    demand(flags_of("lo") & IFF_UP);
    demand(network_loopback_up(&outcome->err) == 0);
}

Test(network, loopback_comes_up)
{
    expect_in_child(loopback);
}

/* --- a pair of virtual interfaces ------------------------------------------------------------ */

struct message {
    struct nlmsghdr header;
    struct ifinfomsg info;
    char attributes[512];
};

static struct rtattr *put(struct message *message, unsigned short type, const void *value,
                          size_t length)
{
    struct rtattr *attribute = (void *)((char *)message + NLMSG_ALIGN(message->header.nlmsg_len));

    attribute->rta_type = type;
    attribute->rta_len = (unsigned short)RTA_LENGTH(length);
    if (length > 0)
        memcpy(RTA_DATA(attribute), value, length);
    message->header.nlmsg_len = (unsigned)(NLMSG_ALIGN(message->header.nlmsg_len) +
                                           RTA_ALIGN(attribute->rta_len));
    return attribute;
}

static void close_nest(struct message *message, struct rtattr *nest)
{
    nest->rta_len = (unsigned short)((char *)message + message->header.nlmsg_len - (char *)nest);
}

/* `name` and "peer0", as ip-link(8) would make them. */
static int make_pair(const char *name)
{
    static const struct ifinfomsg nothing;
    struct message message = {
        .header = {.nlmsg_len = NLMSG_LENGTH(sizeof message.info),
                   .nlmsg_type = RTM_NEWLINK,
                   .nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK},
    };
    autoclose int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    char reply[4096];

    put(&message, IFLA_IFNAME, name, strlen(name) + 1);

    struct rtattr *link = put(&message, IFLA_LINKINFO, NULL, 0);

    put(&message, IFLA_INFO_KIND, "veth", sizeof "veth");

    struct rtattr *data = put(&message, IFLA_INFO_DATA, NULL, 0);
    struct rtattr *peer = put(&message, VETH_INFO_PEER, &nothing, sizeof nothing);

    put(&message, IFLA_IFNAME, "peer0", sizeof "peer0");
    close_nest(&message, peer);
    close_nest(&message, data);
    close_nest(&message, link);
    if (send(fd, &message, message.header.nlmsg_len, 0) < 0 || recv(fd, reply, sizeof reply, 0) < 0)
        return -errno;

    struct nlmsgerr error;

    memcpy(&error, reply + NLMSG_HDRLEN, sizeof error);
    return error.error;
}

static int set_address(const char *name, const char *address, const char *mask)
{
    struct ifreq request = {0};
    struct sockaddr_in internet = {.sin_family = AF_INET};
    autoclose int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    strncpy(request.ifr_name, name, IFNAMSIZ - 1);
    inet_pton(AF_INET, address, &internet.sin_addr);
    memcpy(&request.ifr_addr, &internet, sizeof internet);
    if (ioctl(fd, SIOCSIFADDR, &request) < 0)
        return -errno;
    inet_pton(AF_INET, mask, &internet.sin_addr);
    memcpy(&request.ifr_netmask, &internet, sizeof internet);
    return ioctl(fd, SIOCSIFNETMASK, &request) < 0 ? -errno : 0;
}

/* As in linux/ipv6.h, which does not go together with the C library's headers. */
struct address_request {
    struct in6_addr address;
    unsigned prefix;
    int index;
};

static int set_address_6(const char *name, const char *address)
{
    struct address_request request = {.prefix = 64, .index = (int)if_nametoindex(name)};
    autoclose int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    inet_pton(AF_INET6, address, &request.address);
    return ioctl(fd, SIOCSIFADDR, &request) < 0 ? -errno : 0;
}

static int set_mtu_and_up(const char *name, int mtu)
{
    struct ifreq request = {0};
    autoclose int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    strncpy(request.ifr_name, name, IFNAMSIZ - 1);
    request.ifr_mtu = mtu;
    if (ioctl(fd, SIOCSIFMTU, &request) < 0)
        return -errno;
    request.ifr_flags = IFF_UP;
    return ioctl(fd, SIOCSIFFLAGS, &request) < 0 ? -errno : 0;
}

/* Whether the interface has the address, with as long a prefix as `mask`. */
static bool has_address(const char *name, const char *address, const char *mask)
{
    struct ifaddrs *list = NULL;
    bool found = false;

    if (getifaddrs(&list) < 0)
        return false;
    for (struct ifaddrs *one = list; one != NULL; one = one->ifa_next) {
        char text[INET6_ADDRSTRLEN] = "";
        char mask_text[INET6_ADDRSTRLEN] = "";
        int family = one->ifa_addr == NULL ? AF_UNSPEC : one->ifa_addr->sa_family;
        size_t at = family == AF_INET ? offsetof(struct sockaddr_in, sin_addr)
                                      : offsetof(struct sockaddr_in6, sin6_addr);

        if (strcmp(one->ifa_name, name) != 0 || (family != AF_INET && family != AF_INET6))
            continue;
        inet_ntop(family, (char *)one->ifa_addr + at, text, sizeof text);
        inet_ntop(family, (char *)one->ifa_netmask + at, mask_text, sizeof mask_text);
        found |= strcmp(text, address) == 0 && strcmp(mask_text, mask) == 0;
    }
    freeifaddrs(list);
    return found;
}

static int own_namespace(void)
{
    return open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
}

/* The "container's" namespace, and a "host" with host0 in which the child goes on. */
static int make_host(struct outcome *outcome)
{
    int inside = own_namespace();

    if (unshare(CLONE_NEWNET) < 0 || make_pair("host0") < 0)
        outcome->line = SKIP;
    else if (set_mtu_and_up("host0", 1400) < 0 ||
             set_address("host0", "10.1.2.3", "255.255.255.0") < 0)
        outcome->line = __LINE__;
    else if (access("/proc/sys/net/ipv6", F_OK) == 0 && set_address_6("host0", "fd00::3") < 0)
        outcome->line = __LINE__;
    return inside;
}

static void check_host0(struct outcome *outcome, const char *name)
{
    demand(flags_of(name) >= 0);
    demand(flags_of(name) & IFF_UP);
    demand(mtu_of(name) == 1400);
    demand(has_address(name, "10.1.2.3", "255.255.255.0"));
    if (access("/proc/sys/net/ipv6", F_OK) == 0)
        demand(has_address(name, "fd00::3", "ffff:ffff:ffff:ffff::"));
}

static void move_one(struct outcome *outcome)
{
    struct network_move move = NETWORK_MOVE_EMPTY;
    struct network_device device = {"host0", "eth0"};
    const struct network_plan plan = {&device, 1};
    int inside = make_host(outcome);

    if (outcome->line != 0)
        return;

    int before = dup(inside);

    close(before);
    demand(network_move_devices(&plan, inside, &move, &outcome->err) == 0);
    demand(flags_of("host0") == -ENODEV);
    demand(flags_of("peer0") >= 0); /* the caller is where it was */
    network_move_done(&move);

    int after = dup(inside);

    close(after);
    demand(before == after); /* and has no fd more */
    demand(setns(inside, CLONE_NEWNET) == 0);
    demand(flags_of("host0") == -ENODEV);
    check_host0(outcome, "eth0");
}

Test(network, an_interface_moves_with_name_addresses_and_mtu)
{
    expect_in_child(move_one);
}

/* The kernel makes a new one for each place; one that was given comes with the link, not with us.
 */
static void move_with_address_of_the_link(struct outcome *outcome)
{
    struct network_move move = NETWORK_MOVE_EMPTY;
    struct network_device device = {"host0", "eth0"};
    const struct network_plan plan = {&device, 1};
    int inside = make_host(outcome);

    if (access("/proc/sys/net/ipv6", F_OK) < 0)
        outcome->line = SKIP;
    if (outcome->line != 0)
        return;
    demand(set_address_6("host0", "fe80::77") == 0);
    demand(network_move_devices(&plan, inside, &move, &outcome->err) == 0);
    network_move_done(&move);
    demand(setns(inside, CLONE_NEWNET) == 0);
    check_host0(outcome, "eth0");
    demand(!has_address("eth0", "fe80::77", "ffff:ffff:ffff:ffff::"));
}

Test(network, an_address_of_the_link_stays_behind)
{
    expect_in_child(move_with_address_of_the_link);
}

/* The namespace has nobody else any more, as when the child has died. */
static void move_and_come_back(struct outcome *outcome)
{
    struct network_move move = NETWORK_MOVE_EMPTY;
    struct network_device device = {"host0", "eth0"};
    const struct network_plan plan = {&device, 1};
    int inside = make_host(outcome);

    if (outcome->line != 0)
        return;
    demand(network_move_devices(&plan, inside, &move, &outcome->err) == 0);
    demand(flags_of("host0") == -ENODEV);
    close(inside);
    network_move_back(&move);
    check_host0(outcome, "host0");
    network_move_back(&move); /* nothing more to do */
}

Test(network, what_was_moved_comes_back_out_of_a_namespace_that_is_left)
{
    expect_in_child(move_and_come_back);
}

static void move_and_fail(struct outcome *outcome)
{
    struct network_move move = NETWORK_MOVE_EMPTY;
    struct network_device devices[] = {
        {"host0",   "eth0"},
        {"missing", "eth1"}
    };
    const struct network_plan plan = {devices, 2};
    int inside = make_host(outcome);

    if (outcome->line != 0)
        return;
    demand(network_move_devices(&plan, inside, &move, &outcome->err) == -ENODEV);
    demand(strcmp(outcome->err.text, "linux.netDevices.missing: the host has no such interface") ==
           0);
    check_host0(outcome, "host0");
    if (outcome->line != 0)
        return;
    demand(setns(inside, CLONE_NEWNET) == 0);
    demand(flags_of("eth0") == -ENODEV);
}

Test(network, after_a_failure_all_are_back_as_they_were)
{
    expect_in_child(move_and_fail);
}

static void move_onto_another(struct outcome *outcome)
{
    struct network_move move = NETWORK_MOVE_EMPTY;
    struct network_device device = {"host0", "eth0"};
    const struct network_plan plan = {&device, 1};
    int inside;
    int host;

    if (make_pair("eth0") < 0) {
        outcome->line = SKIP;
        return;
    }
    inside = make_host(outcome);
    if (outcome->line != 0)
        return;
    demand(network_move_devices(&plan, inside, &move, &outcome->err) == -EEXIST);
    demand(strcmp(outcome->err.text,
                  "linux.netDevices.host0: the container's network namespace has "
                  "a \"eth0\" already") == 0);
    check_host0(outcome, "host0");
    host = own_namespace();
    demand(network_move_devices(&plan, host, &move, &outcome->err) == -EEXIST); /* the host's own */
    check_host0(outcome, "host0");
}

Test(network, a_name_in_use_inside_is_refused_before_anything_moves)
{
    expect_in_child(move_onto_another);
}

static void move_nowhere(struct outcome *outcome)
{
    struct network_move move = NETWORK_MOVE_EMPTY;
    struct network_device device = {"host0", "eth0"};
    const struct network_plan plan = {&device, 1};
    autoclose int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

    demand(network_move_devices(&plan, null, &move, &outcome->err) == -EINVAL);
    demand(strstr(outcome->err.text, "linux.netDevices: open a netlink socket in the container's "
                                     "network namespace: Invalid argument") != NULL);
}

Test(network, what_is_no_namespace_is_told)
{
    expect_in_child(move_nowhere);
}
