#pragma once

/*
 * Interfaces and their addresses, by rtnetlink(7).  The only user of libmnl.  All verbs return 0 or
 * -errno: what was meant by it, the caller knows.
 */

#include <stdbool.h>

#include "base/arena.h"

struct mnl_socket;

/* A netlink socket speaks to the network namespace in which it was opened.  Starts as {0}. */
struct rtnetlink {
    struct mnl_socket *socket;
    unsigned sequence;
};

struct rtnetlink_link {
    int index;
    unsigned flags; /* IFF_UP, ...: netdevice(7) */
};

struct rtnetlink_address;

/* In the caller's network namespace, or in another; the caller stays where it is.  To be closed
 * after a failure, too; closing accepts what was never opened. */
must_check int rtnetlink_open(struct rtnetlink *ret);
must_check int rtnetlink_open_inside(struct rtnetlink *ret, int namespace_fd);
void rtnetlink_close(struct rtnetlink *netlink);

/* The interface of that name; -ENODEV. */
must_check int rtnetlink_find_link(struct rtnetlink *netlink, const char *name,
                                   struct rtnetlink_link *ret);

/* Into a network namespace, under that name.  Its routes and addresses are lost; its MTU and
 * hardware address stay. */
must_check int rtnetlink_move_link(struct rtnetlink *netlink, int index, int namespace_fd,
                                   const char *name);
must_check int rtnetlink_set_up(struct rtnetlink *netlink, int index);

/* The addresses of an interface that can be given to it again elsewhere, in the arena. */
must_check int rtnetlink_list_addresses(struct rtnetlink *netlink, int index, struct arena *arena,
                                        struct rtnetlink_address **ret);
must_check int rtnetlink_add_addresses(struct rtnetlink *netlink, int index,
                                       const struct rtnetlink_address *first);
