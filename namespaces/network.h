#pragma once

/* Network namespaces: the loopback interface, and interfaces moved in. */

#include <sys/types.h>

#include "base/arena.h"
#include "base/error.h"
#include "namespaces/rtnetlink.h"
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

/* What is needed to give interfaces back: it holds the container's network namespace, which else
 * would go with its last process, and virtual interfaces with it. */
struct network_move {
    struct arena arena;
    struct rtnetlink host;
    struct rtnetlink inside;
    int host_namespace;
    const struct network_device *devices; /* the plan's */
    size_t count;
    struct network_moved *moved;
};

#define NETWORK_MOVE_EMPTY   \
    (struct network_move)    \
    {                        \
        .host_namespace = -1 \
    }

/* In the parent, in the host's network namespace: move each interface into the network namespace
 * `namespace_fd` under its new name, set it up there and give it back its permanent addresses.
 * rtnetlink(7).  On failure those already moved are moved back, and *ret stays empty. */
must_check int network_move_devices(const struct network_plan *plan, int namespace_fd,
                                    struct network_move *ret, struct error *err);

/* When the container does not come to be after all: all of them back under their old names, with
 * their addresses, and up when they were.  As far as possible.  *move is empty afterwards. */
void network_move_back(struct network_move *move);
void network_move_done(struct network_move *move);
