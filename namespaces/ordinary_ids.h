#pragma once

/* Which ids of the host an ordinary user may map into a user namespace: the own one, and those of
 * /etc/subuid and /etc/subgid. */

#include <stdbool.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/error.h"
#include "namespaces/id_map_kind.h"
#include "namespaces/subids.h"
#include "spec/spec.h"

/* What an ordinary user can map when nobody says what: root inside is the user, and all that the
 * user's lines of /etc/subuid and of /etc/subgid hold comes after that, in their order, each host
 * id once. */
struct ordinary_user_ids {
    struct spec_id_mappings uids;
    struct spec_id_mappings gids;
    /* Why there is the own id only, of both: "/etc/subgid has no usable line for tester".  NULL:
     * there are more. */
    const char *missing;
    bool has_half; /* one of the files does have lines, which are worth nothing without the other */
};

/* Reads the files; without newuidmap and newgidmap they do not count.  Never fails for want of
 * ranges. */
must_check int ordinary_user_ids(struct ordinary_user_ids *ret, uid_t uid, gid_t gid,
                                 struct arena *arena, struct error *err);

/* The same from the texts, pure. */
must_check int ordinary_user_ids_from(struct ordinary_user_ids *ret, const char *subuid,
                                      const char *subgid, const struct subid_owner *owner,
                                      gid_t gid, struct arena *arena, struct error *err);

/* The first mapping that is neither the owner's own id nor in the text of the kind's file: refused,
 * with the line that is missing.  0 when there is none.  Pure. */
must_check int ordinary_user_check_ranges(const struct spec_id_mappings *mappings,
                                          const struct id_map_kind *kind, const char *text,
                                          const struct subid_owner *owner, uint32_t own_id,
                                          struct error *err);

/* The same for the caller, with the system's files; and whether there is a helper at all. */
must_check int ordinary_user_check_maps(const struct id_map_kind *kind,
                                        const struct spec_id_mappings *mappings, struct error *err);

/* After a helper refused: `err`, which has its word, says instead which line the caller lacks; when
 * none, it is completed with the member.  Returns -err->code. */
int ordinary_user_explain_refusal(const struct id_map_kind *kind,
                                  const struct spec_id_mappings *mappings, struct error *err);
