#pragma once

/* The two maps of a user namespace, which differ only in names. */

struct id_map_kind {
    const char *member; /* of "linux" in config.json */
    const char *file;   /* in /proc/PID */
    const char *helper; /* who writes it for an ordinary user */
    const char *ranges; /* what the helper reads */
};

extern const struct id_map_kind id_map_uids;
extern const struct id_map_kind id_map_gids;
