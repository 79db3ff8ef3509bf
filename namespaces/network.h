#pragma once

/* Network namespaces: the loopback interface, and interfaces moved in. */

#include <sys/types.h>

#include "base/arena.h"
#include "base/error.h"
#include "spec/spec.h"

/* In the child, in its new network namespace: set lo up.  netdevice(7).  Does not allocate. */
must_check int network_loopback_up(struct error *err);

struct network_device {
    const char *host_name;
    const char *name; /* inside */
};

struct network_plan {
    struct network_device *devices;
    size_t count;
};

/* Pure.  linux.netDevices. */
must_check int network_plan_from_spec(struct network_plan *ret, const struct spec *spec,
                                      struct arena *arena, struct error *err);

/* In the parent, in the host's network namespace: move each interface into the network namespace
 * `namespace_fd` under its new name, set it up there and give it back its permanent addresses.
 * rtnetlink(7).  On failure those already moved are moved back. */
must_check int network_move_devices(const struct network_plan *plan, int namespace_fd,
                                    struct error *err);
