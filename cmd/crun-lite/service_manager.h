#pragma once

/* What a service manager (systemd) hands to its services through their environment, and we to
 * containers. */

#include "base/error.h"

/* How many descriptors from 3 on the caller hands over by the LISTEN_FDS protocol
 * (sd_listen_fds(3)); 0 when they are not meant for us.  *ret_names is LISTEN_FDNAMES, or NULL. */
must_check int listen_fds_from_environment(unsigned *ret, const char **ret_names,
                                           struct error *err);

/* Where it listens for what sd_notify(3) says; NULL: nowhere. */
const char *notify_socket_from_environment(void);
