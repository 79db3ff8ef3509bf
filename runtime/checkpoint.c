/* checkpoint: the processes of a container into images, by CRIU. */

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/own.h"
#include "base/timing.h"
#include "cgroups/cgroup.h"
#include "namespaces/mount/mount.h"
#include "namespaces/namespaces.h"
#include "runtime/criu.h"
#include "runtime/criu_choices.h"
#include "runtime/criu_externals.h"
#include "runtime/handle.h"
#include "runtime/plan.h"

enum { FREEZE_DEADLINE_MS = 10000 };

/* What is alive during it. */
struct checkpoint {
    const struct runtime *runtime;
    const struct checkpoint_request *request;
    struct container *container;
    struct spec *spec;
    struct namespace_plan namespaces;
    struct cgroup_host cgroup_host;
    struct criu_directories directories;
    struct criu_options options;
    const char *program;
};

static int check_state(struct container *container, struct error *err)
{
    enum container_status status = container_status(container);

    if (status == CONTAINER_RUNNING || status == CONTAINER_PAUSED)
        return 0;
    if (status == CONTAINER_STOPPED)
        return refuse(err, EINVAL, "container not running");
    return refuse(err, EINVAL, "cannot checkpoint a container that is %s",
                  container_status_name(status));
}

/* Images hold no files.  Those of a layer in memory would be gone with the container. */
static int check_supported(const struct container *container, struct error *err)
{
    if (!container->record.over_layer)
        return 0;
    return refuse(err, ENOTSUP,
                  "what the container has written is in a layer of its own (--overlay), which "
                  "images do not hold");
}

static int check_request(const struct checkpoint_request *request, struct error *err)
{
    char quoted[1040];

    if (request->parent_path != NULL && *request->parent_path == '/')
        return refuse(err, EINVAL, "--parent-path: \"%s\" must be relative to --image-path",
                      quotable(quoted, request->parent_path));
    if (request->pre_dump && request->choices.lazy_pages)
        return refuse(err, EINVAL, "--lazy-pages and --pre-dump are not for the same checkpoint");
    return 0;
}

/* --- the options
 * ------------------------------------------------------------------------------------- */

static int find_mounts(struct checkpoint *checkpoint, struct error *err)
{
    struct container *container = checkpoint->container;
    uint64_t own = checkpoint->namespaces.create | checkpoint->namespaces.join;
    struct mount_request request = {
        .spec = checkpoint->spec,
        .bundle = container->record.bundle,
        .new_user_namespace = (own & CLONE_NEWUSER) != 0,
        .new_mount_namespace = (checkpoint->namespaces.create & CLONE_NEWNS) != 0,
        .new_network_namespace = (own & CLONE_NEWNET) != 0,
        .new_cgroup_namespace = (checkpoint->namespaces.create & CLONE_NEWCGROUP) != 0,
    };
    struct mount_plan *mounts;
    struct log none = {.write = NULL};
    char path[64];

    snprintf(path, sizeof path, "/proc/%d/root", container_pid(container));

    autoclose int root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (root < 0)
        return fail(err, errno, "open %s", path);
    if (plan_cgroup_mounts(&request, &checkpoint->cgroup_host, &container->record.cgroup,
                           &container->arena, err) < 0 ||
        mount_plan_from_spec(&mounts, &request, &container->arena, &none, err) < 0)
        return -err->code;
    return criu_mounts_to_dump(mounts, root, &container->arena,
                               &checkpoint->options.external_mounts, err);
}

static int find_externals(struct checkpoint *checkpoint, struct error *err)
{
    struct container *container = checkpoint->container;
    struct string_list *external = &checkpoint->options.external;

    external->items = arena_zero(&container->arena, CRIU_EXTERNALS_MOST, sizeof *external->items);
    if (external->items == NULL)
        return no_memory(err);
    if (find_mounts(checkpoint, err) < 0 ||
        criu_namespaces_to_dump(&checkpoint->namespaces, &container->arena, external, err) < 0)
        return -err->code;
    return criu_save_streams(checkpoint->directories.images, container_pid(container),
                             &container->arena, external, err);
}

/* One that all processes are in: v2, or the freezer of v1. */
static const char *freezer_of(const struct cgroup_record *record)
{
    for (size_t i = 0; i < record->directories.count; i++) {
        const char *hierarchy = record->directories.items[i].hierarchy;

        if (strcmp(hierarchy, "freezer") == 0)
            return record->directories.items[i].directory;
    }
    for (size_t i = 0; i < record->directories.count; i++) {
        if (*record->directories.items[i].hierarchy == '\0')
            return record->directories.items[i].directory;
    }
    return NULL;
}

static int fill_options(struct checkpoint *checkpoint, struct error *err)
{
    const struct checkpoint_request *request = checkpoint->request;
    struct container *container = checkpoint->container;
    struct criu_options *options = &checkpoint->options;

    options->pid = container_pid(container);
    options->root = container->record.rootfs;
    options->leave_running = request->leave_running;
    options->parent_images = request->parent_path;
    options->track_memory = request->pre_dump || request->parent_path != NULL;
    options->freeze_cgroup = freezer_of(&container->record.cgroup);
    options->config_file = criu_config_file(&container->record.annotations);
    options->external_sharing = options->external_masters = true;
    if (request->status_fd >= 0)
        options->status_fd = request->status_fd + 1;
    /* A pre-dump is of memory alone. */
    return request->pre_dump ? 0 : find_externals(checkpoint, err);
}

/* Whatever is wrong with them is said before anything is done. */
static int take_choices(struct checkpoint *checkpoint, struct error *err)
{
    const struct checkpoint_request *request = checkpoint->request;

    if (criu_options_from_choices(&checkpoint->options, &request->choices, err) < 0)
        return -err->code;
    return request->page_server != NULL
               ? criu_page_server_from_text(&checkpoint->options, request->page_server,
                                            &checkpoint->container->arena, err)
               : 0;
}

static int prepare(struct checkpoint *checkpoint, struct error *err)
{
    const struct criu_choices *choices = &checkpoint->request->choices;
    struct container *container = checkpoint->container;

    if (check_state(container, err) < 0 || check_supported(container, err) < 0 ||
        state_read_config(&container->directory, &container->arena, &checkpoint->spec, err) < 0 ||
        namespace_plan_from_spec(&checkpoint->namespaces, checkpoint->spec, err) < 0 ||
        cgroup_host_probe(&checkpoint->cgroup_host, &container->arena, err) < 0 ||
        take_choices(checkpoint, err) < 0 ||
        criu_find(checkpoint->runtime->environment, checkpoint->request->give_up, &container->arena,
                  &checkpoint->program, err) < 0 ||
        criu_open_directories(&checkpoint->directories, &checkpoint->options, choices, true,
                              &container->arena, err) < 0)
        return -err->code;
    return fill_options(checkpoint, err);
}

/* --- the dump
 * ---------------------------------------------------------------------------------------- */

static int freeze(const struct checkpoint *checkpoint, bool frozen, struct error *err)
{
    struct cgroup cgroup = CGROUP_EMPTY;
    int code = cgroup_open(&cgroup, &checkpoint->container->record.cgroup, err);

    if (code == 0)
        code = cgroup_freeze(&cgroup, frozen, FREEZE_DEADLINE_MS, err);
    cgroup_done(&cgroup);
    return code;
}

/* CRIU works with a cgroup that it finds frozen, if it looks at the same freezer: on a hybrid host
 * it takes that of v1, and `pause` that of v2. */
static bool must_thaw_first(const struct checkpoint *checkpoint, bool was_paused)
{
    return was_paused && !checkpoint->cgroup_host.pure_v2;
}

/* As it was before: CRIU lets go of what it leaves or could not dump, but a cgroup left frozen
 * would be as good as dead.  One that CRIU was about to freeze when it died is not paused yet, so
 * thawing is not for paused ones alone. */
static void settle(const struct checkpoint *checkpoint, bool was_paused)
{
    enum container_status status = container_status(checkpoint->container);
    struct error err;

    if (status == CONTAINER_STOPPED || (was_paused && status == CONTAINER_PAUSED) ||
        freezer_of(&checkpoint->container->record.cgroup) == NULL)
        return;
    if (freeze(checkpoint, was_paused, &err) < 0)
        log_warning(&checkpoint->runtime->log, "%s", err.text);
}

static int dump(const struct checkpoint *checkpoint, struct error *err)
{
    const struct checkpoint_request *request = checkpoint->request;
    bool was_paused = container_status(checkpoint->container) == CONTAINER_PAUSED;
    struct criu_job job = {
        .program = checkpoint->program,
        .environment = checkpoint->runtime->environment,
        .options = &checkpoint->options,
        .type = request->pre_dump ? CRIU_PRE_DUMP : CRIU_DUMP,
        .work_path = checkpoint->directories.work_path,
        .host = &checkpoint->cgroup_host,
        .give_up = request->give_up,
    };
    int64_t begun = timing_begin(&checkpoint->runtime->log);

    if (must_thaw_first(checkpoint, was_paused) && freeze(checkpoint, false, err) < 0)
        return -err->code;

    int code = criu_run(&job, checkpoint->directories.log_path, NULL, err);

    timing_end(&checkpoint->runtime->log, "checkpoint", "dump", begun);
    if (code < 0 || request->leave_running || request->pre_dump)
        settle(checkpoint, was_paused);
    return code;
}

int container_checkpoint(const struct runtime *runtime, const char *id,
                         const struct checkpoint_request *request, struct error *err)
{
    struct checkpoint checkpoint = {
        .runtime = runtime, .request = request, .directories = CRIU_DIRECTORIES_CLOSED};

    if (check_request(request, err) < 0 || criu_check_caller("checkpoint", err) < 0 ||
        container_open(runtime, id, &checkpoint.container, err) < 0)
        return -err->code;

    int code = container_lock(checkpoint.container, err);

    if (code == 0)
        code = prepare(&checkpoint, err);
    if (code == 0)
        code = dump(&checkpoint, err);
    if (code < 0)
        criu_forget_directories(&checkpoint.directories);
    criu_close_directories(&checkpoint.directories);
    container_free(checkpoint.container);
    return code;
}
