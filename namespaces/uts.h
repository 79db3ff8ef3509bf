#pragma once

/* The names of a container: sethostname(2), setdomainname(2). */

#include "base/error.h"

/* In the child.  NULL: that name stays. */
must_check int uts_apply(const char *hostname, const char *domainname, struct error *err);
