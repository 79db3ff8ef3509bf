#pragma once

/*
 * The mount namespace of a container: its root, what is mounted there, devices, and what is hidden.
 *
 * mount_plan_from_spec() is pure and runs in the parent.  The verbs below it run in the child, in
 * the order in which they stand here, and do not allocate.  Nothing below the root is ever opened,
 * made or mounted by a joined string: base/inroot resolves to an fd, the new mount API takes fds
 * (fsopen/fsmount/open_tree/move_mount 5.2, mount_setattr 5.12).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/log.h"
#include "spec/spec.h"

/* How a mount of type "cgroup" is to be filled: one entry a hierarchy (see cgroups/cgroup.h, which
 * this folder must not include; runtime/ copies one into the other). */
struct mount_cgroup_source {
    const char *name;      /* directory below the mount: "cpu,cpuacct"; "" on pure v2 */
    const char *options;   /* v1 mount data: "cpu,cpuacct", "none,name=systemd"; NULL on v2 */
    const char *directory; /* of the host: what is shown without a cgroup namespace */
    bool is_v2;
};

struct mount_request {
    const struct spec *spec;
    const char *bundle; /* absolute */
    const struct mount_cgroup_source *cgroups;
    size_t cgroup_count;
    bool new_user_namespace; /* created or joined: device nodes are bind-mounted, sysfs may fall
                                back */
    bool new_mount_namespace;
    bool new_network_namespace; /* created or joined, as the next two */
    bool new_pid_namespace;
    bool new_ipc_namespace;
    bool new_cgroup_namespace;
    bool overlay;                  /* a writable layer over the root */
    const char *overlay_directory; /* absolute; NULL: tmpfs */
    bool no_pivot;
};

struct mount_plan; /* see plan.h; in the arena */

/* Refuses nonsense by place: "mounts[3].options[1]: ...".  Warnings (relative destinations) go to
 * the log. */
must_check int mount_plan_from_spec(struct mount_plan **ret, const struct mount_request *request,
                                    struct arena *arena, const struct log *log, struct error *err);

/* Whether a file of the host's is mounted as a disk, or a device made that linux.devices lists:
 * then a filter of devices has a say in what becomes of it. */
bool mount_plan_needs_devices(const struct mount_plan *plan);

/* Whether a mount begins with what it covers (tmpcopyup). */
bool mount_plan_copies_up(const struct mount_plan *plan);

/* The absolute path of the root file system on the host. */
const char *mount_plan_rootfs(const struct mount_plan *plan);

/* In the parent, on request of a child that may not (EACCES, EPERM, EINVAL in a user namespace):
 * open source `index` as a detached tree with its attributes and id map set.  Index
 * MOUNT_SOURCE_ROOT is the root file system; then mounts[] in order; then devices.  Returns the fd.
 */
enum { MOUNT_SOURCE_ROOT = 0 };
must_check int mount_open_source(const struct mount_plan *plan, unsigned index,
                                 const struct log *log, struct error *err);

/* Directory `path` of the host in a detached mount where users are those of the container's new
 * user namespace: what the host's root owns belongs to the container's root.  Groups are the
 * host's, so that the host's root, too, has rights there, as a member of its group.
 * mount_setattr(2), MOUNT_ATTR_IDMAP (5.12).  Returns the fd, O_RDONLY, of the directory. */
must_check int mount_open_mapped(const char *path, const struct spec *spec, struct arena *arena,
                                 struct error *err);

/* How the child asks for it: returns an fd (to be closed) or -errno with err filled. */
struct mount_helper {
    int (*open_source)(void *context, unsigned index, struct error *err);
    void *context;
    const struct log *log; /* callable in the child */
};

/* Inside namespaces/mount: a file system that the child has made (ours.h). */
enum { MOUNT_OURS_MOST = 8 };
struct mount_ours {
    const char *destination; /* the plan's */
    int root;
    bool is_kept; /* the fd is somebody else's */
};

/* The child's fds while it mounts.  Start from MOUNT_CHILD_EMPTY. */
struct mount_child {
    int root; /* O_PATH of the container's root */
    int proc; /* a private, verified procfs (subset=pid where the kernel has it) for our own writes
               */
    int host_null; /* /dev/null of the host, checked to be char 1:3: the source of file masks */
    int cwd;       /* where it was when it began, for one that goes elsewhere to mount */
    struct mount_ours ours[MOUNT_OURS_MOST];
    size_t ours_count;
};

#define MOUNT_CHILD_EMPTY                                  \
    (struct mount_child)                                   \
    {                                                      \
        .root = -1, .proc = -1, .host_null = -1, .cwd = -1 \
    }

/* Propagation of "/" (private or as linux.rootfsPropagation says), then the root as a mount of its
 * own: a clone of the rootfs or an overlay over it. */
must_check int mount_private_root(const struct mount_plan *plan, struct mount_child *child,
                                  const struct mount_helper *helper, struct error *err);

/* Everything in mounts[], in order. */
must_check int mount_all(const struct mount_plan *plan, struct mount_child *child,
                         const struct mount_helper *helper, struct error *err);

/* linux.devices, the defaults of config-linux.md "Default Devices", and the links in /dev. */
must_check int mount_make_devices(const struct mount_plan *plan, struct mount_child *child,
                                  const struct mount_helper *helper, struct error *err);

/* Make the root the root: pivot_root(2) onto itself, old root detached (or MS_MOVE + chroot with
 * no_pivot).  Afterwards child->root is "/". */
must_check int mount_pivot(const struct mount_plan *plan, struct mount_child *child,
                           struct error *err);

/* Open a terminal in the container's own devpts, bind its peer (TIOCGPTPEER, never a path) onto
 * /dev/console.  Gives the master and the peer, both O_CLOEXEC.  For exec, `plan` is NULL: the
 * console is the first process's. */
must_check int mount_open_terminal(const struct mount_plan *plan, struct mount_child *child,
                                   int *ret_master, int *ret_peer, struct error *err);

/* maskedPaths, readonlyPaths, read-only tmpfs mounts (places were made in them until now), then the
 * read-only root; each verified after mounting.  And at the very end linux.rootfsPropagation, which
 * is for the container and not for our work in it. */
must_check int mount_hide_paths(const struct mount_plan *plan, struct mount_child *child,
                                struct error *err);

/* Make process.cwd when it is missing (runc does), inside the root.  Does not chdir. */
must_check int mount_make_cwd(const struct mount_child *child, const char *cwd, uid_t uid,
                              gid_t gid, struct error *err);

/* A procfs of the caller's pid namespace that nothing can be mounted over: fsopen("proc",
 * subset=pid), else a clone of /proc, verified.  Returns the fd of its root.  Used for exec too. */
must_check int mount_private_proc(struct error *err);

/* The "sys" directory of a whole procfs of ours, for sysctls (subset=pid has none): the kernel's
 * own files, with nothing mounted over them.  O_PATH.  Falls back to a clone of /proc, verified. */
must_check int mount_private_proc_sys(struct error *err);

/* Somebody else has been in the mount namespace, who may have mounted anything: nothing in it is
 * taken for what we have made any more.  After hooks. */
void mount_forget_ours(struct mount_child *child);

/* Open the container's /dev/null for reading and writing, where it is in a file system that the
 * child has made itself; -1 where it is not, or is no null device. */
int mount_open_our_null(const struct mount_child *child);

void mount_child_done(struct mount_child *child);

/* --- a container that lives already
 * ---------------------------------------------------------------------------------------------- */

struct mount_live; /* see live.h; in the arena */

/* Pure.  The spec is the container's, but for its mounts, which are those to add.  Refuses beside
 * what mount_plan_from_spec() refuses: types that belong to a container's creation (proc, cgroup),
 * "remount", "tmpcopyup", "copy-symlink", "src-nofollow", "iversion", "silent", and destinations at
 * or above a masked or read-only path. */
must_check int mount_live_plan_add(struct mount_live **ret, const struct mount_request *request,
                                   struct arena *arena, const struct log *log, struct error *err);

/* The same for mounts to be removed, of which only the destinations are read. */
must_check int mount_live_plan_remove(struct mount_live **ret, const struct mount_request *request,
                                      struct arena *arena, const struct log *log,
                                      struct error *err);

/* In a child of the caller, in this order; none allocates, and what is open goes with the child.
 * Where everything is as the caller has it: open the root of process `pid`, and what only the
 * caller may open. */
must_check int mount_live_prepare(struct mount_live *live, pid_t pid, struct error *err);

/* To add: in the container's namespaces but for its mount namespace, where sources are the host's:
 * make every mount, detached. */
must_check int mount_live_make(struct mount_live *live, struct error *err);

/* In the container's mount namespace: make its root ours, which must be that of the namespace.
 * Changes the working directory. */
must_check int mount_live_enter(struct mount_live *live, struct error *err);

/* Before a fork: what becomes of each mount is known to both sides from here on.  The child has the
 * same fds (CLONE_FILES), and starts with mount_live_reopen(). */
must_check int mount_live_share(struct mount_live *live, struct error *err);
must_check int mount_live_reopen(struct mount_live *live, struct error *err);

/* Put them all in their places, in order, making the places that are missing.  After a failure, or
 * when the process that did it is gone: take off what was mounted, which waits for no file system,
 * and remove what was made, which may.  Both as far as possible. */
must_check int mount_live_add(struct mount_live *live, struct error *err);
void mount_live_take_back(struct mount_live *live);
void mount_live_remove_made(struct mount_live *live);

/* After mount_live_rehearse(): take them all off, the last one first.  Files that are open there
 * stay open (MNT_DETACH). */
must_check int mount_live_remove(struct mount_live *live, struct error *err);

/* How many of the list, from its end, mount_live_remove() has taken off. */
size_t mount_live_count_removed(const struct mount_live *live);

/* The same in a copy of the mount namespace, in which the caller is afterwards: whether it would
 * fail, or lay open what linux.maskedPaths and linux.readonlyPaths protect; for a mount that has
 * been taken off cannot be put back for those who were using it. */
must_check int mount_live_rehearse(struct mount_live *live, struct error *err);

/* Whether this kernel has mount_setattr(2), of 5.12. */
bool mount_knows_attributes(void);

/* Whether this kernel can map ids on a mount, for `features`. */
bool mount_knows_id_maps(void);

/* Whether the file system of that source is one that no kernel maps ids on: its name, or NULL. */
const char *mount_source_without_id_maps(const char *source);

/* The names of all mount options, for `features`: sorted, in the arena. */
must_check int mount_option_names(struct string_list *ret, struct arena *arena, struct error *err);
