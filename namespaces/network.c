#include "namespaces/network.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/own.h"
#include "namespaces/rtnetlink.h"
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

/* The kernel's rule for names.  Of those with a "%" it takes "%d" alone, for any number that is
 * free: the name would be nobody's to know, and no interface is called so. */
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

/* --- moving --------------------------------------------------------------------------------- */

/* What is needed to put an interface back. */
struct network_moved {
    struct rtnetlink_address *addresses;
    bool gone; /* perhaps: the request to move it was made */
    bool was_up;
};

static int move_open(struct network_move *move, int namespace_fd, struct error *err)
{
    /* This thread's, not the process's: a daemon's threads may differ. */
    move->host_namespace = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    if (move->host_namespace < 0)
        return fail(err, errno, "open /proc/thread-self/ns/net");

    int code = rtnetlink_open(&move->host);

    if (code < 0)
        return fail(err, -code, "open a netlink socket");
    code = rtnetlink_open_inside(&move->inside, namespace_fd);
    return code < 0 ? fail(err, -code, "open a netlink socket in the container's network namespace")
                    : 0;
}

void network_move_done(struct network_move *move)
{
    rtnetlink_close(&move->host);
    rtnetlink_close(&move->inside);
    close_fd(&move->host_namespace);
    arena_free(&move->arena);
    *move = NETWORK_MOVE_EMPTY;
}

/* After a failure: back under its old name, with its addresses.  What fails here has no better
 * remedy.  A move whose renaming failed leaves the interface inside under its old name. */
static void put_back(struct network_move *move, const struct network_device *device,
                     const struct network_moved *moved)
{
    struct rtnetlink_link link;

    if (!moved->gone || rtnetlink_find_link(&move->host, device->host_name, &link) == 0)
        return;
    if (rtnetlink_find_link(&move->inside, device->name, &link) < 0 &&
        rtnetlink_find_link(&move->inside, device->host_name, &link) < 0)
        return;
    if (rtnetlink_move_link(&move->inside, link.index, move->host_namespace, device->host_name) <
            0 ||
        rtnetlink_find_link(&move->host, device->host_name, &link) < 0)
        return;
    if (rtnetlink_add_addresses(&move->host, link.index, moved->addresses) == 0 && moved->was_up &&
        rtnetlink_set_up(&move->host, link.index) < 0)
        return;
}

/* The names must be free inside, or the kernel would move and then fail to rename, or invent a
 * name. */
static int check_free(struct network_move *move, const struct network_device *device,
                      struct error *err)
{
    const char *const names[] = {device->name, device->host_name};

    for (size_t i = 0; i < count_of(names); i++) {
        struct rtnetlink_link link;
        int code = rtnetlink_find_link(&move->inside, names[i], &link);

        if (code == 0)
            return refuse(err, EEXIST, ": the container's network namespace has a \"%s\" already",
                          names[i]);
        if (code != -ENODEV)
            return fail(err, -code, ": look for \"%s\" in the container's network namespace",
                        names[i]);
    }
    return 0;
}

static int move_one(struct network_move *move, size_t index, int namespace_fd, struct error *err)
{
    const struct network_device *device = &move->devices[index];
    struct network_moved *moved = &move->moved[index];
    struct rtnetlink_link link;
    int code = rtnetlink_find_link(&move->host, device->host_name, &link);

    if (code == -ENODEV)
        return refuse(err, ENODEV, ": the host has no such interface");
    if (code < 0)
        return fail(err, -code, ": look for it on the host");
    code = check_free(move, device, err);
    if (code < 0)
        return code;
    moved->was_up = link.flags & IFF_UP;
    code = rtnetlink_list_addresses(&move->host, link.index, &move->arena, &moved->addresses);
    if (code < 0)
        return fail(err, -code, ": list its addresses");
    moved->gone = true;
    code = rtnetlink_move_link(&move->host, link.index, namespace_fd, device->name);
    if (code < 0)
        return fail(err, -code, ": move it to the container as \"%s\"", device->name);
    code = rtnetlink_find_link(&move->inside, device->name, &link);
    if (code < 0)
        return fail(err, -code, ": find it again in the container as \"%s\"", device->name);
    code = rtnetlink_add_addresses(&move->inside, link.index, moved->addresses);
    if (code < 0)
        return fail(err, -code, ": give it back its addresses in the container");
    code = rtnetlink_set_up(&move->inside, link.index);
    return code < 0 ? fail(err, -code, ": set it up in the container") : 0;
}

static void put_all_back(struct network_move *move)
{
    for (size_t back = move->count; back-- > 0;)
        put_back(move, &move->devices[back], &move->moved[back]);
}

static int move_all(struct network_move *move, int namespace_fd, struct error *err)
{
    move->moved = arena_zero(&move->arena, move->count, sizeof *move->moved);
    if (move->moved == NULL)
        return no_memory(err);
    for (size_t i = 0; i < move->count; i++) {
        int code = move_one(move, i, namespace_fd, err);

        if (code == 0)
            continue;
        put_all_back(move);
        in_key(err, move->devices[i].host_name);
        return prefix(err, "linux.netDevices");
    }
    return 0;
}

int network_move_devices(const struct network_plan *plan, int namespace_fd,
                         struct network_move *ret, struct error *err)
{
    struct network_move move = NETWORK_MOVE_EMPTY;

    if (plan->count == 0)
        return 0;
    move.devices = plan->devices;
    move.count = plan->count;

    int code = move_open(&move, namespace_fd, err);

    if (code < 0)
        within(err, "linux.netDevices");
    else
        code = move_all(&move, namespace_fd, err);
    if (code < 0)
        network_move_done(&move);
    else
        *ret = move;
    return code;
}

void network_move_back(struct network_move *move)
{
    if (move->moved != NULL)
        put_all_back(move);
    network_move_done(move);
}
