#pragma once

/* The config.json that `spec` writes to start from. */

#include <sys/types.h>

#include "base/arena.h"
#include "base/error.h"

struct default_config {
    int rootless; /* for a user without rights on the host ... */
    uid_t uid;    /* ... with these ids, which become root inside */
    gid_t gid;
};

/* The text, indented with tabs, a newline at its end; the arena's. */
must_check int default_config_print(const struct default_config *config, struct arena *arena,
                                    const char **ret, size_t *ret_length, struct error *err);
