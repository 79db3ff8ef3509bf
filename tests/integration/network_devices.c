/* config-linux.md "Network Devices": an interface of the host that moves into the container.  The
 * "host" is a network namespace of the test's own. */

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/own.h"
#include "tests/integration/harness/bundle.h"
#include "tests/integration/harness/scenario.h"

/* host0, a virtual interface with the address 10.1.2.3, up; it is gone when the fd is closed, and
 * when its network namespace is. */
static int make_host0(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    struct ifreq request = {.ifr_name = "host0", .ifr_flags = IFF_TAP | IFF_NO_PI};
    autoclose int internet = -1;
    autoclose int fd = -1;

    cr_assert_eq(unshare(CLONE_NEWNET), 0);
    fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC); /* belongs to the namespace it is opened in */
    if (fd < 0)
        skip("no /dev/net/tun here: %s", strerror(errno));
    cr_assert_eq(ioctl(fd, TUNSETIFF, &request), 0, "%s", strerror(errno));
    internet = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    inet_pton(AF_INET, "10.1.2.3", &address.sin_addr);
    memcpy(&request.ifr_addr, &address, sizeof address);
    cr_assert_eq(ioctl(internet, SIOCSIFADDR, &request), 0, "%s", strerror(errno));
    request.ifr_flags = IFF_UP;
    cr_assert_eq(ioctl(internet, SIOCSIFFLAGS, &request), 0, "%s", strerror(errno));
    return take_fd(&fd);
}

static bool host_has(const char *name)
{
    return if_nametoindex(name) != 0;
}

Scenario(network_devices, an_interface_moves_in_under_its_new_name_with_its_address)
{
    need_root();

    autoclose int host0 = make_host0();
    struct bundle *bundle = bundle_new();

    cr_assert(host0 >= 0 && host_has("host0"));
    bundle_set(bundle, "linux.netDevices", "{\"host0\": {\"name\": \"eth0\"}}");
    bundle_start(bundle);
    cr_assert_not(host_has("host0"));

    const char *addresses = inside_running(bundle, "ip addr show eth0");

    cr_assert(strstr(addresses, "inet 10.1.2.3/8") != NULL, "%s", addresses);
    cr_assert(strstr(addresses, "UP") != NULL, "%s", addresses);
    bundle_delete(bundle);
}

Scenario(network_devices, a_missing_interface_is_named_and_the_others_stay)
{
    need_root();

    autoclose int host0 = make_host0();
    struct bundle *bundle = bundle_new();

    bundle_set(bundle, "linux.netDevices", "{\"host0\": {}, \"missing0\": {}}");

    struct outcome outcome = bundle_run(bundle);

    cr_assert_eq(outcome.code, 1);
    cr_assert(strstr(outcome.err, "linux.netDevices.missing0: the host has no such interface") !=
                  NULL,
              "%s", outcome.err);
    cr_assert(host0 >= 0 && host_has("host0"));
}

/* As it was before: there, up, with its address. */
static void assert_host0_is_back(const char *when)
{
    struct ifreq request = {.ifr_name = "host0"};
    autoclose int internet = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address;

    cr_assert(host_has("host0"), "%s", when);
    cr_assert_eq(ioctl(internet, SIOCGIFFLAGS, &request), 0);
    cr_assert(request.ifr_flags & IFF_UP, "%s: it is down", when);
    cr_assert_eq(ioctl(internet, SIOCGIFADDR, &request), 0, "%s: %s", when, strerror(errno));
    memcpy(&address, &request.ifr_addr, sizeof address);
    cr_assert_eq(address.sin_addr.s_addr, inet_addr("10.1.2.3"), "%s", when);
}

/* runtime.md, create: a failure leaves nothing; and the kernel destroys virtual interfaces with the
 * namespace that they are in. */
Scenario(network_devices, a_later_failure_gives_the_interface_back)
{
    static const struct {
        const char *path, *value; /* what of config.json makes it fail */
        const char *option;       /* or of the command line */
        const char *step;
    } cases[] = {
        {"hooks.createRuntime",   "[{\"path\":\"/bin/false\"}]", NULL,             "ask-hooks"   },
        {"hooks.createContainer", "[{\"path\":\"/bin/false\"}]", NULL,             "create-hooks"},
        {"process.args",          "[\"/no/such/program\"]",      NULL,             "find-program"},
        {"process.args",          "[\"/bin/true\"]",             "--pidfd-socket", "write-state" },
    };

    need_root();

    autoclose int host0 = make_host0();

    for (size_t i = 0; i < 2 * count_of(cases); i++) {
        struct bundle *bundle = bundle_new();
        const char *option = cases[i / 2].option;

        bundle_set(bundle, "linux.netDevices", "{\"host0\": {\"name\": \"eth0\"}}");
        bundle_set(bundle, cases[i / 2].path, "%s", cases[i / 2].value);
        if (i % 2 == 1)
            bundle_map_users(bundle, 100000, 65536);

        struct outcome outcome = crun("create", "-b", bundle->path, bundle->id, option,
                                      work_path("nobody"));

        cr_assert_eq(outcome.code, 1);
        assert_has(outcome.err, cases[i / 2].step);
        assert_host0_is_back(cases[i / 2].step);
    }
    cr_assert(host0 >= 0);
}
