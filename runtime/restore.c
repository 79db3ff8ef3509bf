/*
 * restore: a new container whose processes come from images.  The parent's table of steps, as that
 * of create, with CRIU in the place of the first process.
 */

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/kernel.h"
#include "base/own.h"
#include "namespaces/mount/mount.h"
#include "runtime/creation.h"
#include "runtime/criu.h"
#include "runtime/criu_choices.h"
#include "runtime/criu_externals.h"
#include "runtime/criu_images.h"
#include "runtime/hooks.h"
#include "runtime/notify.h"
#include "runtime/unix_socket.h"

/* What restore has beside a creation. */
struct restoration {
    const struct restore_request *request;
    struct criu_directories directories;
    struct criu_options options;
    const char *program;
    struct criu_descriptor inherit[CRIU_DESCRIPTORS_MOST];
    size_t namespace_count; /* of those: the plan's, not ours to close */
};

/* --- before anything is made
 * ------------------------------------------------------------------------- */

/* Mode strict takes no cgroup that is there already.  It is our job to look: CRIU comes when we
 * have made it, and gets to know the mode that else does the same. */
static int check_cgroup(struct creation *creation, struct error *err)
{
    struct criu_options *options = &creation->restoration->options;
    const struct cgroup_record *record = &creation->plan.cgroup_record;

    if (options->manage_cgroups_mode != CRIU_CGROUPS_STRICT)
        return 0;
    /* systemd starts no unit that is there. */
    for (size_t i = 0; record->unit == NULL && i < record->directories.count; i++) {
        if (record->directories.items[i].made == 0)
            return refuse(err, EEXIST, "--manage-cgroups-mode strict: %s exists",
                          record->directories.items[i].directory);
    }
    options->manage_cgroups_mode = CRIU_CGROUPS_FULL;
    return 0;
}

/* CRIU opens the image of the time namespace in a process that is in the container's user namespace
 * already and may still be the host's root there, without its rights: as a member of root's group
 * it has to be let in. */
static int let_group_in(const struct creation *creation, int images, mode_t mode, struct error *err)
{
    if ((creation->plan.namespaces.create & CLONE_NEWTIME) == 0 || (mode & S_IXGRP) != 0)
        return 0;
    return fchmod(images, (mode & 07777) | S_IXGRP) < 0 ? fail(err, errno, "change its mode") : 0;
}

/* The container's root reads the images too, and can only where others may search their directory
 * or where it is its own.  Mapped is the directory above, as earlier images are reached by "../".
 */
static int open_images_to_container(struct creation *creation, struct error *err)
{
    struct restoration *restoration = creation->restoration;
    const char *path = restoration->request->choices.image_path;
    const char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;
    struct arena *arena = &creation->container->arena;
    struct stat status;

    if ((creation->plan.namespaces.create & CLONE_NEWUSER) == 0 || *name == '\0')
        return 0;
    if (fstat(restoration->directories.images, &status) < 0)
        return fail(err, errno, "--image-path: %s", path);
    if ((status.st_mode & S_IXOTH) != 0)
        return 0;

    const char *above = slash == NULL   ? "."
                        : slash == path ? "/"
                                        : arena_copy(arena, path, (size_t)(slash - path));

    if (above == NULL)
        return no_memory(err);
    if (let_group_in(creation, restoration->directories.images, status.st_mode, err) < 0)
        return within(err, "--image-path: %s", path);

    autoclose int mapped = mount_open_mapped(above, creation->spec, arena, err);
    int images = mapped < 0 ? -1 : openat(mapped, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (mapped < 0)
        return within(err, "--image-path: the container's root cannot read it");
    if (images < 0)
        return fail(err, errno, "--image-path: %s", path);
    close_fd(&restoration->directories.images);
    restoration->directories.images = restoration->options.images_dir = images;
    return 0;
}

static int find_images(struct creation *creation, struct error *err)
{
    struct restoration *restoration = creation->restoration;
    struct arena *arena = &creation->container->arena;

    if (creation->plan.layer.wanted)
        return refuse(err, ENOTSUP,
                      "a container cannot be restored over a writable layer of its "
                      "own (annotation run.crun-lite.overlay)");
    if (check_cgroup(creation, err) < 0 ||
        criu_find(creation->runtime->environment, restoration->request->give_up, arena,
                  &restoration->program, err) < 0)
        return -err->code;
    if (criu_open_directories(&restoration->directories, &restoration->options,
                              &restoration->request->choices, false, arena, err) < 0)
        return -err->code;
    if (criu_check_pages(restoration->directories.images, err) < 0)
        return within(err, "--image-path");
    return open_images_to_container(creation, err);
}

static int find_externals(struct creation *creation, struct error *err)
{
    struct restoration *restoration = creation->restoration;
    struct criu_options *options = &restoration->options;
    struct arena *arena = &creation->container->arena;
    struct criu_descriptors *inherit = &options->inherit;

    inherit->items = restoration->inherit;
    if (criu_mounts_to_restore(creation->plan.mounts, arena, &options->external_mounts, err) < 0)
        return -err->code;

    int code = criu_namespaces_to_restore(&creation->plan.namespaces, arena, inherit,
                                          &options->join_namespaces, err);

    restoration->namespace_count = inherit->count;
    if (code < 0)
        return code;
    return criu_load_streams(restoration->directories.images, arena, inherit, err);
}

/* The limits are ours to set, on a cgroup that may have another name now: CRIU only puts the
 * processes there. */
static int place_in_cgroup(struct creation *creation, struct error *err)
{
    struct criu_options *options = &creation->restoration->options;
    struct criu_pair *root = arena_zero(&creation->container->arena, 1, sizeof *root);

    if (root == NULL)
        return no_memory(err);
    if (creation->plan.cgroup.path == NULL)
        return 0;
    *root = (struct criu_pair){NULL, creation->plan.cgroup.path};
    options->cgroup_roots = (struct criu_pairs){root, 1};
    return 0;
}

static int fill_options(struct creation *creation, struct error *err)
{
    struct restoration *restoration = creation->restoration;
    struct criu_options *options = &restoration->options;

    options->root = mount_plan_rootfs(creation->plan.mounts);
    options->sibling = true;
    options->external_sharing = options->external_masters = true;
    options->lsm_profile = restoration->request->lsm_profile;
    options->lsm_mount_context = restoration->request->lsm_mount_context;
    options->config_file = criu_config_file(&creation->plan.spec->annotations);
    if (find_externals(creation, err) < 0)
        return -err->code;
    return place_in_cgroup(creation, err);
}

static int make_mount_points(struct creation *creation, struct error *err)
{
    return criu_make_mount_points(creation->plan.mounts, err);
}

/* --- the processes
 * ----------------------------------------------------------------------------------- */

static int take_terminal(struct creation *creation, int fd, struct error *err)
{
    static const char name[] = "/dev/ptmx";

    if (fd < 0)
        return refuse(err, EPROTO, "criu: no terminal came");
    if (creation->console >= 0)
        return unix_send_fd(creation->console, name, strlen(name), fd, err) < 0
                   ? within(err, "console socket")
                   : 0;
    creation->container->terminal = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    return creation->container->terminal < 0 ? fail(err, errno, "keep the terminal") : 0;
}

/* The namespaces are there, the processes not yet.  CRIU lets nobody in before the root is pivoted,
 * so createContainer hooks run outside as well, with the pid to enter by. */
static int run_hooks(struct creation *creation, pid_t pid, struct error *err)
{
    const struct container_plan *plan = &creation->plan;
    const struct {
        const struct spec_hook_list *list;
        const char *kind;
    } hooks[] = {
        {&plan->hooks->prestart,         "prestart"       },
        {&plan->hooks->create_runtime,   "createRuntime"  },
        {&plan->hooks->create_container, "createContainer"},
    };

    for (size_t i = 0; i < count_of(hooks); i++) {
        if (hooks_run_until(hooks[i].list, hooks[i].kind, &plan->creating, pid,
                            creation->runtime->environment, creation->restoration->request->give_up,
                            err) < 0)
            return -err->code;
    }
    return 0;
}

/* The first process, as soon as it is named.  It is a child of ours, so its pid stays its own until
 * we have waited for it. */
static int keep_process(struct creation *creation, pid_t pid, struct error *err)
{
    struct spawned *spawned = &creation->spawned;

    if (spawned->pidfd >= 0)
        return 0;
    spawned->pid = pid;
    spawned->pidfd = kernel_pidfd_open(pid, 0);
    return spawned->pidfd < 0 ? fail(err, errno, "restored process %d", pid) : 0;
}

static int notified(void *context, const char *script, pid_t pid, int fd, struct error *err)
{
    struct creation *creation = context;

    if (pid > 0 && keep_process(creation, pid, err) < 0)
        return -err->code;
    if (strcmp(script, "setup-namespaces") == 0)
        return run_hooks(creation, pid, err);
    if (strcmp(script, "orphan-pts-master") == 0)
        return take_terminal(creation, fd, err);
    return 0;
}

/* CRIU ends what it has made, unless it has died over it; and to wait for it is always ours. */
static void end_process(struct creation *creation)
{
    if (creation->spawned.pidfd >= 0)
        creation_kill_child(creation);
    close_fd(&creation->container->terminal);
}

static int restore_processes(struct creation *creation, struct error *err)
{
    struct restoration *restoration = creation->restoration;
    struct criu_job job = {
        .program = restoration->program,
        .environment = creation->runtime->environment,
        .options = &restoration->options,
        .type = CRIU_RESTORE,
        .work_path = restoration->directories.work_path,
        .host = &creation->plan.cgroup_host,
        .cgroup = &creation->cgroup,
        .mount_root = mount_plan_rootfs(creation->plan.mounts),
        .notified = notified,
        .context = creation,
        .give_up = restoration->request->give_up,
    };
    pid_t pid = 0;

    if (criu_run(&job, restoration->directories.log_path, &pid, err) == 0 &&
        keep_process(creation, pid, err) == 0)
        return 0;
    end_process(creation);
    return -err->code;
}

static int list_restored(void *context, struct arena *arena, pid_t **ret, size_t *ret_count,
                         struct error *err)
{
    struct creation *creation = context;

    if (cgroup_processes(&creation->cgroup, arena, ret, ret_count, err) < 0)
        return -err->code;
    if (*ret_count == 0) { /* there is no cgroup to ask */
        *ret = &creation->spawned.pid;
        *ret_count = 1;
    }
    return 0;
}

/* They run already, and may have children. */
static int enter_class(struct creation *creation, struct error *err)
{
    const struct resctrl_members members = {list_restored, creation};

    return creation_enter_class(creation, &members, err);
}

/* A message may come as soon as the processes go on. */
static int open_notify(struct creation *creation, struct error *err)
{
    const char *address = creation->request->notify_socket;

    return address == NULL
               ? 0
               : notify_open(&creation->container->notify, creation->container->directory.fd,
                             address, creation_log(creation), err);
}

static int write_state(struct creation *creation, struct error *err)
{
    return creation_write_state(creation, STATE_RUNNING, err);
}

static int run_poststart(struct creation *creation, struct error *err)
{
    struct spec_state state = creation->state;
    struct hook_state text;

    state.status = "running";
    if (creation->plan.hooks->poststart.count == 0)
        return 0;
    if (hook_state_init(&text, &state, &creation->container->arena, err) < 0)
        return -err->code;
    return hooks_run_until(&creation->plan.hooks->poststart, "poststart", &text,
                           creation->spawned.pid, creation->runtime->environment,
                           creation->restoration->request->give_up, err);
}

static int keep_pidfd(struct creation *creation, struct error *err)
{
    (void)err;
    creation->container->pidfd = take_fd(&creation->spawned.pidfd);
    return 0;
}

/* --- the table
 * --------------------------------------------------------------------------------------- */

static const struct create_step restore_steps[] = {
    {"claim-id",          creation_claim_id,       creation_release_id,      true },
    {"make-plan",         creation_make_plan,      NULL,                     true },
    {"find-images",       find_images,             NULL,                     true },
    {"write-intent",      creation_write_intent,   NULL,                     false},
    {"write-config",      creation_write_config,   NULL,                     false},
    {"make-notify",       creation_make_notify,    NULL,                     false},
    {"open-notify",       open_notify,             NULL,                     false},
    {"open-doors",        creation_open_doors,     NULL,                     false},
    {"fill-options",      fill_options,            NULL,                     true },
    {"make-mount-points", make_mount_points,       NULL,                     false},
    {"make-class",        creation_make_class,     creation_remove_class,    true },
    {"make-cgroup",       creation_make_cgroup,    creation_remove_cgroup,   false},
    {"set-limits",        creation_set_limits,     NULL,                     false},
    {"filter-devices",    creation_filter_devices, NULL,                     false},
    {"restore-processes", restore_processes,       creation_kill_child,      true },
    {"enter-class",       enter_class,             NULL,                     true },
    {"write-state",       write_state,             creation_forget_pid_file, false},
    {"run-poststart",     run_poststart,           NULL,                     true },
    {"keep-pidfd",        keep_pidfd,              NULL,                     false},
};

/* Copies, of which CRIU has its own. */
static void close_streams(const struct restoration *restoration)
{
    const struct criu_descriptors *inherit = &restoration->options.inherit;

    for (size_t i = restoration->namespace_count; i < inherit->count; i++)
        close_fd(&inherit->items[i].fd);
}

int container_restore(const struct runtime *runtime, const struct restore_request *request,
                      struct container **ret, struct error *err)
{
    struct restoration restoration = {.request = request, .directories = CRIU_DIRECTORIES_CLOSED};
    struct creation creation = {.runtime = runtime,
                                .request = &request->create,
                                .restoration = &restoration,
                                CREATION_EMPTY};

    if (criu_check_caller("restore", err) < 0 ||
        criu_options_from_choices(&restoration.options, &request->choices, err) < 0)
        return -err->code;

    int code = creation_run(&creation, "restore", restore_steps, count_of(restore_steps), ret, err);

    close_streams(&restoration);
    if (code < 0)
        criu_forget_directories(&restoration.directories);
    criu_close_directories(&restoration.directories);
    return code;
}
