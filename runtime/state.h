#pragma once

/*
 * The state directory ROOT/ID: what must be known to find a container again, and to remove it.
 *
 *     state.json   the record, replaced by rename, so that readers need no lock
 *     config.json  the spec as it was started, overrides included: what exec needs
 *     start.sock   where `start` meets the waiting first process
 *     notify/      mounted into the container; `start` listens to it there (sd_notify(3))
 *
 * The directory itself is the lock (flock(2)).  The record is written before the first side effect
 * and is unlinked last: a directory without a record has had none.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/file.h"
#include "cgroups/cgroup.h"
#include "runtime/identity.h"
#include "runtime/resctrl.h"
#include "spec/fields.h"
#include "spec/spec.h"

enum state_phase {
    STATE_CREATING, /* intent: side effects may exist, nobody has been told */
    STATE_CREATED,  /* the first process waits for start */
    STATE_STARTING, /* go has been or is about to be said */
    STATE_RUNNING,
    STATE_DELETING
};

struct state_record {
    int64_t version;
    const char *id;
    int phase; /* enum state_phase */
    const char *oci_version;
    const char *bundle;
    const char *rootfs;
    const char *created; /* RFC 3339, nanoseconds, UTC */
    int64_t owner;       /* uid of whoever created it */
    struct process_identity init;
    bool no_new_keyring;
    bool own_pid_namespace; /* killing the first process ends all others */
    struct cgroup_record cgroup;
    struct resctrl_record resctrl;
    bool over_layer;   /* the root is an overlay of ours (--overlay) */
    const char *layer; /* the directory that keeps the overlay's writes, noted as in use; or NULL */
    int64_t time_limit_ns; /* 0: none, or watched by the foreground */
    int64_t time_limit_grace_ns;
    struct spec_hook_list poststart;
    struct spec_hook_list poststop;
    struct string_map annotations;
};

enum { STATE_VERSION = 1 };

struct state_directory {
    int fd; /* of ROOT/ID, also the lock; -1 when empty */
};

/* "container id cannot be empty", "invalid container ID format: ..." (runc's words):
 * [A-Za-z0-9_+.-], not beginning with '.', at most 255 bytes. */
must_check int state_check_id(const char *id, struct error *err);

/* Make ROOT (0700) when missing, then ROOT/ID, locked.  EEXIST: "container with given ID already
 * exists".  A root that others may write to is refused. */
must_check int state_claim(const char *root, const char *id, struct state_directory *ret,
                           struct error *err);

/* Open ROOT itself, refusing one that others may write to; the second makes it (0700) first. */
must_check int state_open_root(const char *root, struct error *err);
must_check int state_make_root(const char *root, struct error *err);

/* Open ROOT/ID.  ENOENT: "container does not exist". */
must_check int state_open(const char *root, const char *id, struct state_directory *ret,
                          struct error *err);
/* The same in a root that is open. */
must_check int state_open_in(int parent, const char *root, const char *id,
                             struct state_directory *ret, struct error *err);

/* Take the lock, waiting at most `deadline_ms`: EBUSY "another command is working on it".  After
 * that the directory is known to be the one of that name still. */
must_check int state_lock(const struct state_directory *directory, const char *root, const char *id,
                          int deadline_ms, struct error *err);

void state_close(struct state_directory *directory);

must_check int state_read(const struct state_directory *directory, const char *id,
                          struct arena *arena, struct state_record *ret, struct error *err);
must_check int state_write(const struct state_directory *directory,
                           const struct state_record *record, struct error *err);

/* The first half of it: replacement_commit() is the other.  `ret` borrows the directory. */
must_check int state_prepare(const struct state_directory *directory,
                             const struct state_record *record, struct replacement *ret,
                             struct error *err);

/* Store and load the effective spec. */
must_check int state_write_config(const struct state_directory *directory, const struct spec *spec,
                                  struct error *err);
must_check int state_read_config(const struct state_directory *directory, struct arena *arena,
                                 struct spec **ret, struct error *err);
/* The first half of replacing the effective spec: it is on disk, beside the old one, and has been
 * read back, for what cannot be read again would be refused by every later command. */
must_check int state_prepare_config(const struct state_directory *directory,
                                    const struct spec *spec, struct replacement *ret,
                                    struct error *err);

/* Unlink everything, the record last, and remove the directory.  What is missing is success. */
must_check int state_remove(const struct state_directory *directory, const char *root,
                            const char *id, struct error *err);
