#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/kernel.h"
#include "base/own.h"
#include "base/timing.h"
#include "namespaces/mount/mount.h"
#include "namespaces/mount/options.h"
#include "namespaces/mount/ours.h"
#include "namespaces/mount/steps.h"
#include "namespaces/mount/tree.h"

enum inroot_links mount_links_of(const struct planned_mount *mount)
{
    if (mount->no_links)
        return INROOT_NO_LINKS;
    return mount->extensions & MOUNT_DESTINATION_NOFOLLOW ? INROOT_NOFOLLOW : INROOT_FOLLOW;
}

/* By name, /proc was judged in the plan; this is for links of the image that lead there. */
static int check_target(const struct planned_mount *mount, int target, bool directory,
                        struct error *err)
{
    struct stat status;

    if (fstat(target, &status) < 0)
        return fail(err, errno, "stat");
    if (S_ISDIR(status.st_mode) != directory)
        return refuse(err, directory ? ENOTDIR : EISDIR,
                      "cannot mount %s on %s: the destination is %s",
                      directory ? "a directory" : "a file", directory ? "a file" : "a directory",
                      tree_type_name(status.st_mode));
    if (!mount_destination_is_in_proc(mount->destination) &&
        strcmp(mount->destination, "/proc") != 0 && tree_is_filesystem(target, PROC_SUPER_MAGIC))
        return refuse(err, EPERM, "the destination leads into a procfs");
    return 0;
}

static int make_target(const struct mount_step *step, bool directory, bool *ret_is_plain,
                       struct error *err)
{
    const struct planned_mount *mount = step->mount;
    int root = step->child->root;
    int made = inroot_make_place(root, mount->destination, directory, step->made, err);

    if (step->plan->new_user_namespace && (made == -EACCES || made == -EPERM || made == -EOVERFLOW))
        return hint(err, "the container's root does not own the root file system: give it to the "
                         "mapped user");
    if (made < 0)
        return made;

    int plain = inroot_open(root, mount->destination, INROOT_NO_LINKS, err);

    *ret_is_plain = plain >= 0;
    if (plain < 0 && !mount->no_links)
        return made;
    close_fd(&made);
    return plain;
}

/* Without a walk from the root.  False when it is not there, or not to be had so. */
static bool open_in_ours(const struct mount_step *step, bool directory, struct mount_target *ret)
{
    const char *below;
    int root = mount_find_ours(step->child, step->mount->destination, &below);

    if (root < 0 || step->made != NULL)
        return false;
    ret->fd = mount_make_in_ours(root, below, directory, &ret->is_made);
    ret->is_ours = ret->is_plain = ret->fd >= 0;
    return ret->is_ours;
}

/* Most have no links on their way. */
static int open_from_root(const struct mount_step *step, bool *ret_is_plain, struct error *err)
{
    const struct planned_mount *mount = step->mount;
    enum inroot_links links = mount_links_of(mount);
    int target = inroot_open(step->child->root, mount->destination, INROOT_NO_LINKS, err);

    *ret_is_plain = target >= 0;
    return target == -ELOOP && links != INROOT_NO_LINKS
               ? inroot_open(step->child->root, mount->destination, links, err)
               : target;
}

int mount_open_target(const struct mount_step *step, bool directory, struct mount_target *ret,
                      struct error *err)
{
    struct mount_target target = MOUNT_TARGET_EMPTY;

    if (!open_in_ours(step, directory, &target)) {
        target.fd = open_from_root(step, &target.is_plain, err);
        target.is_made |= target.fd == -ENOENT;
        if (target.fd == -ENOENT)
            target.fd = make_target(step, directory, &target.is_plain, err);
        if (target.fd < 0)
            return target.fd;
    }
    /* What is ours and for a directory was opened as one, and is nowhere in a procfs but in /proc.
     */
    if ((!target.is_ours || !directory) &&
        check_target(step->mount, target.fd, directory, err) < 0) {
        mount_target_done(&target);
        return -err->code;
    }
    *ret = target;
    return 0;
}

int mount_place(const struct mount_step *step, int tree, const struct mount_target *target,
                struct error *err)
{
    const struct planned_mount *mount = step->mount;
    int error = mount_set_propagation(tree, mount, err);

    if (error == 0)
        error = target->is_ours ? tree_attach(tree, target->fd, err)
                                : tree_attach_at(tree, target->fd, step->child->root,
                                                 mount->destination, mount_links_of(mount), err);
    if (error == 0)
        mount_cover_ours(step->child, mount->destination, target->is_plain);
    return error;
}

int mount_make_filesystem(const struct mount_step *step, const char *type,
                          const struct mount_datum *more, struct error *err)
{
    const struct planned_mount *mount = step->mount;
    const struct filesystem filesystem = {
        .type = type,
        .source = mount->source,
        .data = mount->data,
        .data_count = mount->data_count,
        .more = more,
        .attributes = mount_attributes_of_top(mount).set,
    };

    return filesystem_make(&filesystem, err);
}

/* File systems that show a namespace: in a user namespace they can be mounted anew only with that
 * namespace of one's own.  Without, what the host has mounted shows the same.  Of /sys every mount
 * below it turns read-only, or its cgroups could be written (CVE-2023-25809). */
/* clang-format off */
static const struct shown_namespace {
    const char *type;
    const char *kind;
    size_t is_new; /* a bool of struct mount_plan: the container has its own */
    const char *host_path;
    uint64_t forced;
} shown_namespaces[] = {
    {"sysfs",  "network", offsetof(struct mount_plan, new_network_namespace), "/sys",
     MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC             },
    {"proc",   "pid",     offsetof(struct mount_plan, new_pid_namespace),     "/proc",       0},
    {"mqueue", "ipc",     offsetof(struct mount_plan, new_ipc_namespace),     "/dev/mqueue", 0},
};
/* clang-format on */

static const struct shown_namespace *find_shown(const char *type)
{
    for (size_t i = 0; i < count_of(shown_namespaces); i++)
        if (strcmp(shown_namespaces[i].type, type) == 0)
            return &shown_namespaces[i];
    return NULL;
}

/* The host's has options of its own. */
static int tell_left_out(const struct mount_step *step, const struct shown_namespace *shown,
                         struct error *err)
{
    const struct planned_mount *mount = step->mount;
    const struct log *log = step->helper == NULL ? NULL : step->helper->log;

    if (mount->data_count == 0)
        return 0;
    if (log_is_strict(log))
        return refuse(err, EINVAL,
                      "options[%zu]: \"%s\" has no effect without a %s namespace of its own: the "
                      "container gets the host's %s",
                      mount->data[0].option, mount->data[0].key, shown->kind, shown->host_path);
    log_warning(log,
                "mounts[%zu] %s: options[%zu]: \"%s\" is left out: without a %s namespace of its "
                "own the container gets the host's %s, which has options of its own",
                mount->index, mount->destination, mount->data[0].option, mount->data[0].key,
                shown->kind, shown->host_path);
    return 0;
}

/* Access times of the host's mount are locked in a user namespace: they stay then. */
static int clone_of_host(const struct mount_step *step, const struct shown_namespace *shown,
                         struct error *err)
{
    const struct planned_mount *mount = step->mount;
    const struct mount_attributes asked = mount_attributes_of_top(mount);
    const struct mount_attributes attributes = {
        .set = asked.set | shown->forced,
        .clear = asked.clear & MOUNT_ATTR__ATIME,
    };
    struct mount_attributes no_atime = {.set = attributes.set & ~(uint64_t)MOUNT_ATTR__ATIME};
    autoclose int tree = tree_clone(AT_FDCWD, shown->host_path, true, err);
    int error;

    if (tree < 0)
        return tree;
    if (tell_left_out(step, shown, err) < 0)
        return -err->code;
    error = tree_set(tree, true, &attributes, err);
    if (error == -EPERM)
        error = tree_set(tree, true, &no_atime, err);
    return error < 0 ? error : take_fd(&tree);
}

/* A namespace that is joined by path may be the caller's.  One namespace has one file system of
 * queues, however often it is mounted; until pivot_root(2) we see where the caller has his. */
static bool shows_callers_queues(int tree)
{
    struct stat ours, callers;

    return fstat(tree, &ours) == 0 && stat("/dev/mqueue", &callers) == 0 &&
           ours.st_dev == callers.st_dev;
}

/* Not where the queues are the host's: so are their labels. */
static int label_root(const struct mount_step *step, int tree, struct error *err)
{
    const char *label = step->mount->root_label;
    autoclose int root = -1;

    if (label == NULL || !step->plan->new_ipc_namespace || shows_callers_queues(tree))
        return 0;
    root = openat(tree, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return fail(err, errno, "open its root");
    if (fsetxattr(root, "security.selinux", label, strlen(label) + 1, 0) < 0)
        return fail(err, errno, "linux.mountLabel: label it %s", label);
    return 0;
}

/* With a namespace of one's own the kernel refuses as well where the caller sees a part of /proc or
 * /sys covered: a whole one would uncover it (mount_too_revealing() in the kernel). */
static int make_or_clone(const struct mount_step *step, bool *ret_is_new, struct error *err)
{
    const struct shown_namespace *shown = find_shown(step->mount->type);
    const struct mount_plan *plan = step->plan;
    autoclose int tree = mount_make_filesystem(step, step->mount->type, NULL, err);

    *ret_is_new = tree >= 0;
    if (tree >= 0)
        return label_root(step, tree, err) < 0 ? -err->code : take_fd(&tree);
    if (shown == NULL || tree != -EPERM || !plan->new_user_namespace)
        return tree;
    if (!*(const bool *)((const char *)plan + shown->is_new))
        return clone_of_host(step, shown, err);
    return hint(err,
                "parts of the caller's %s are covered, as in a container, so that the kernel "
                "gives no whole one: uncover them, or leave the %s namespace out",
                shown->host_path, shown->kind);
}

/* devpts: gid=5 is the group tty, which a user namespace with few ids does not have.  Terminals
 * belong to the container's root then. */
static int make_without_group(const struct mount_step *step, struct error *err)
{
    const struct planned_mount *mount = step->mount;
    struct mount_datum kept[16];
    struct filesystem devpts = {
        .type = mount->type,
        .source = mount->source,
        .data = kept,
        .attributes = mount_attributes_of_top(mount).set,
    };

    if (step->helper != NULL && log_is_strict(step->helper->log))
        return -err->code;
    for (size_t i = 0; i < mount->data_count; i++) {
        if (strcmp(mount->data[i].key, "gid") == 0)
            continue;
        if (devpts.data_count == count_of(kept))
            return -err->code;
        kept[devpts.data_count++] = mount->data[i];
    }
    return devpts.data_count == mount->data_count ? -err->code : filesystem_make(&devpts, err);
}

/* A read-only disk can only be mounted read-only as a file system, not just by this mount. */
static int make_filesystem(const struct mount_step *step, struct error *err)
{
    static const struct mount_datum read_only = {.key = "ro"};
    const struct planned_mount *mount = step->mount;
    bool ro = mount_attributes_of_top(mount).set & MOUNT_ATTR_RDONLY && *mount->source == '/';
    bool is_new;
    int tree = ro ? mount_make_filesystem(step, mount->type, &read_only, err)
                  : make_or_clone(step, &is_new, err);

    if (tree == -EINVAL && step->plan->new_user_namespace && strcmp(mount->type, "devpts") == 0)
        tree = make_without_group(step, err);
    return tree;
}

/* What may have to do without an option, or be cloned, is made by fsopen(2): it has nothing that
 * counts changes or could be loud. */
static bool is_mounted_in_one_call(const struct planned_mount *mount)
{
    return mount_wants_one_call(mount) && find_shown(mount->type) == NULL &&
           strcmp(mount->type, "devpts") != 0;
}

static int mount_filesystem(const struct mount_step *step, struct error *err)
{
    const struct planned_mount *mount = step->mount;
    autotarget target = MOUNT_TARGET_EMPTY;
    autoclose int tree = -1;

    if (mount_open_target(step, true, &target, err) < 0)
        return -err->code;
    if (is_mounted_in_one_call(mount)) {
        tree = mount_in_one_call(step, mount->type, NULL, target.fd, err);
        return tree < 0 ? tree : 0;
    }
    if (mount_at_a_stroke(step, mount->type, NULL, &target))
        return 0;
    tree = make_filesystem(step, err);
    return tree < 0 ? tree : mount_place(step, tree, &target, err);
}

static int mount_proc(const struct mount_step *step, struct error *err)
{
    autotarget target = MOUNT_TARGET_EMPTY;
    autoclose int tree = -1;
    bool is_new;

    if (mount_open_target(step, true, &target, err) < 0)
        return -err->code;
    tree = make_or_clone(step, &is_new, err);
    if (tree < 0)
        return tree;
    if (mount_place(step, tree, &target, err) < 0)
        return -err->code;
    /* Fresh from the kernel, in a mount namespace that only we are in: as good as one that is
     * nowhere, and that one would be slow to close.  Not so the host's, which may be covered. */
    if (step->child->proc < 0 && is_new) {
        step->child->proc = take_fd(&tree);
        /* One elsewhere is guarded by check_target(). */
        if (target.is_plain && strcmp(step->mount->destination, "/proc") == 0)
            mount_remember_ours(step->plan, step->mount, step->child, &step->child->proc, true);
    }
    return 0;
}

static int mount_sysfs(const struct mount_step *step, struct error *err)
{
    autotarget target = MOUNT_TARGET_EMPTY;
    autoclose int tree = -1;
    bool is_new;

    if (mount_open_target(step, true, &target, err) < 0)
        return -err->code;
    tree = make_or_clone(step, &is_new, err);
    if (tree < 0)
        return tree;
    if (mount_place(step, tree, &target, err) < 0)
        return -err->code;
    if (is_new && target.is_plain)
        mount_remember_ours(step->plan, step->mount, step->child, &tree, false);
    return 0;
}

/* An empty tmpfs looks like the directory it covers, unless told otherwise. */
static const struct mount_datum *mode_of(const struct planned_mount *mount,
                                         const struct mount_target *target, char text[static 16],
                                         struct mount_datum *ret)
{
    struct stat status;

    if (mount->has_mode || target->is_made || fstat(target->fd, &status) < 0)
        return NULL;
    snprintf(text, 16, "%o", status.st_mode & 07777U);
    *ret = (struct mount_datum){.key = "mode", .value = text};
    return ret;
}

static int copy_target(const struct mount_step *step, int target, int tree, struct error *err)
{
    const struct log *log = step->helper == NULL ? NULL : step->helper->log;
    autoclose int from = openat(target, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int error;

    if (from < 0)
        return fail(err, errno, "tmpcopyup: open the directory");
    error = mount_copy_up(from, tree, log, err);
    return error < 0 ? within(err, "tmpcopyup") : 0;
}

static int mount_tmpfs(const struct mount_step *step, struct error *err)
{
    const struct planned_mount *mount = step->mount;
    const struct mount_datum *more;
    struct mount_datum mode;
    char text[16];
    bool at_once = mount_wants_one_call(mount);
    bool copies_up = mount->extensions & MOUNT_COPY_UP;
    autotarget target = MOUNT_TARGET_EMPTY;
    autoclose int tree = -1;
    int error = 0;

    if (mount_open_target(step, true, &target, err) < 0)
        return -err->code;
    more = mode_of(mount, &target, text, &mode);
    if (!at_once && !copies_up && mount_at_a_stroke(step, "tmpfs", more, &target))
        return 0;
    tree = at_once ? mount_in_one_call(step, "tmpfs", more, target.fd, err)
                   : mount_make_filesystem(step, "tmpfs", more, err);
    if (tree < 0)
        return tree;
    if (copies_up && !target.is_made)
        error = copy_target(step, target.fd, tree, err);
    if (error == 0 && !at_once)
        error = mount_place(step, tree, &target, err);
    if (error == 0 && !at_once && target.is_plain)
        mount_remember_ours(step->plan, mount, step->child, &tree, false);
    return error;
}

static bool parent_may_help(const struct mount_step *step, int error)
{
    return step->helper != NULL && step->plan->new_user_namespace &&
           (error == -EACCES || error == -EPERM || error == -EINVAL);
}

static int open_source(const struct mount_step *step, struct error *err)
{
    const struct planned_mount *mount = step->mount;
    const struct mount_helper *helper = step->helper;
    int tree;

    if (mount->id_map != NULL) {
        if (helper == NULL)
            return refuse(err, EPERM, "ids can only be mapped by the parent");
        return helper->open_source(helper->context, mount_source_of_mount(mount), err);
    }
    tree = mount_clone_source(mount, helper == NULL ? NULL : helper->log, err);
    if (tree < 0 && parent_may_help(step, tree))
        tree = helper->open_source(helper->context, mount_source_of_mount(mount), err);
    return tree;
}

static int make_bind(const struct mount_step *step, struct error *err)
{
    const struct planned_mount *mount = step->mount;
    autoclose int tree = open_source(step, err);

    if (tree < 0)
        return within(err, "source %s", mount->source);
    if (strcmp(mount->destination, "/proc") == 0 && !tree_is_filesystem(tree, PROC_SUPER_MAGIC))
        return refuse(err, EINVAL, "%s is no procfs: /proc can only be one", mount->source);
    return take_fd(&tree);
}

/* "copy-symlink": a link of the host becomes the same link in the container.  One that is there
 * already, as from the last time, is as good. */
static int copy_link(const struct mount_step *step, int link, struct error *err)
{
    char wanted[PATH_MAX], found[PATH_MAX], name[256];
    ssize_t length = readlinkat(link, "", wanted, sizeof wanted - 1);
    autoclose int parent = -1;

    if (length < 0)
        return fail(err, errno, "read the link %s", step->mount->source);
    wanted[length] = '\0';
    parent = inroot_open_parent(step->child->root, step->mount->destination, name, err);
    if (parent < 0)
        return parent;
    if (symlinkat(wanted, parent, name) == 0)
        return 0;
    if (errno != EEXIST)
        return fail(err, errno, "make the link to %s", wanted);
    if (readlinkat(parent, name, found, sizeof found) == length &&
        memcmp(found, wanted, (size_t)length) == 0)
        return 0;
    return refuse(err, EEXIST, "something else is there than a link to %s", wanted);
}

/* "src-nofollow": what is mounted is a link itself, which must not be followed when we look whether
 * it has landed; nor is one that is in its place. */
static int place_link(const struct mount_step *step, int tree, struct error *err)
{
    struct planned_mount mount = *step->mount;
    struct mount_step link = *step;
    autotarget target = MOUNT_TARGET_EMPTY;

    mount.extensions |= MOUNT_DESTINATION_NOFOLLOW;
    link.mount = &mount;
    return mount_open_target(&link, false, &target, err) < 0
               ? -err->code
               : mount_place(&link, tree, &target, err);
}

static int mount_bind(const struct mount_step *step, struct error *err)
{
    const struct planned_mount *mount = step->mount;
    autoclose int tree = make_bind(step, err);
    autotarget target = MOUNT_TARGET_EMPTY;
    struct stat status;

    if (tree == -ENOENT && mount->extensions & MOUNT_OPTIONAL)
        return 0;
    if (tree < 0)
        return tree;
    if (fstat(tree, &status) < 0)
        return fail(err, errno, "stat %s", mount->source);
    if (S_ISLNK(status.st_mode) && mount->extensions & MOUNT_COPY_SYMLINK)
        return copy_link(step, tree, err);
    if (S_ISLNK(status.st_mode))
        return place_link(step, tree, err);
    return mount_open_target(step, S_ISDIR(status.st_mode), &target, err) < 0
               ? -err->code
               : mount_place(step, tree, &target, err);
}

static int (*const kinds[MOUNT_KINDS])(const struct mount_step *, struct error *) = {
    [MOUNT_KIND_FILESYSTEM] = mount_filesystem, [MOUNT_KIND_BIND] = mount_bind,
    [MOUNT_KIND_REMOUNT] = mount_remount,       [MOUNT_KIND_PROC] = mount_proc,
    [MOUNT_KIND_SYSFS] = mount_sysfs,           [MOUNT_KIND_TMPFS] = mount_tmpfs,
    [MOUNT_KIND_CGROUP] = mount_cgroup,         [MOUNT_KIND_OVERLAY] = mount_overlay,
};

/* base/inroot names the path, and so do we, with more around it: once is enough. */
static void drop_path(struct error *err, const char *path)
{
    size_t length = strlen(path);

    if (strncmp(err->text, path, length) == 0 && strncmp(err->text + length, ": ", 2) == 0)
        memmove(err->text, err->text + length + 2, strlen(err->text + length + 2) + 1);
}

int mount_name_place(struct error *err, size_t index, const char *destination)
{
    drop_path(err, destination);
    return within(err, "mounts[%zu] %s", index, destination);
}

static int make_sysfs(const struct mount_step *step, struct error *err)
{
    bool is_new;

    return make_or_clone(step, &is_new, err);
}

static int make_tmpfs(const struct mount_step *step, struct error *err)
{
    return mount_make_filesystem(step, "tmpfs", NULL, err);
}

static int (*const makers[MOUNT_KINDS])(const struct mount_step *, struct error *) = {
    [MOUNT_KIND_FILESYSTEM] = make_filesystem, [MOUNT_KIND_BIND] = make_bind,
    [MOUNT_KIND_SYSFS] = make_sysfs,           [MOUNT_KIND_TMPFS] = make_tmpfs,
    [MOUNT_KIND_OVERLAY] = mount_make_overlay,
};

bool mount_can_make_tree(enum mount_kind kind)
{
    return makers[kind] != NULL;
}

int mount_make_tree(const struct mount_step *step, struct error *err)
{
    return makers[step->mount->kind](step, err);
}

int mount_all(const struct mount_plan *plan, struct mount_child *child,
              const struct mount_helper *helper, struct error *err)
{
    for (size_t i = 0; i < plan->mount_count; i++) {
        const struct planned_mount *mount = &plan->mounts[i];
        const struct mount_step step = {plan, mount, child, helper, NULL};
        const struct log *log = helper == NULL ? NULL : helper->log;
        int64_t begun = timing_begin(log);

        if (kinds[mount->kind](&step, err) < 0)
            return mount_name_place(err, i, mount->destination);
        timing_end_of(log, "child", begun, "mounts[%zu] %s", i, mount->destination);
    }
    if (child->proc < 0)
        child->proc = mount_private_proc(err);
    return child->proc < 0 ? child->proc : 0;
}
