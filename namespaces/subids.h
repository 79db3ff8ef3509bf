#pragma once

/*
 * Ids that an ordinary user may give away: the lines of /etc/subuid and /etc/subgid, "NAME or
 * UID:FIRST:COUNT".  subuid(5).  Pure: the text comes from the caller.  The helpers newuidmap and
 * newgidmap have the last word, for a system may keep the ranges elsewhere (libsubid).
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct subid_range {
    uint32_t first;
    uint32_t count;
};

/* Whose lines are meant: a line begins with the name or with the number. */
struct subid_owner {
    const char *name; /* NULL: the user has none */
    uid_t uid;
};

/* The owner's next range that is not empty; *text moves behind its line.  False when there is none
 * any more. */
bool subids_next(const char **text, const struct subid_owner *owner, struct subid_range *ret);

/* True when the owner's lines, alone or one after the other, hold the whole range. */
bool subids_cover(const char *text, const struct subid_owner *owner,
                  const struct subid_range *range);
