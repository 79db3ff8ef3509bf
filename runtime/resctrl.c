#include "runtime/resctrl.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mountinfo.h"
#include "base/own.h"
#include "base/text.h"
#include "runtime/deadline.h"
#include "runtime/schemata.h"
#include "spec/rows.h"

enum { LOCK_DEADLINE_MS = 5000, SCHEMATA_SIZE = 16 * 1024 };

#define OWNER struct resctrl_record
static const struct field record_rows[] = {
    ROW("mountPoint", FIELD_STRING, mount_point),
    ROW("class", FIELD_STRING, class_name),
    ROW("monitor", FIELD_STRING, monitor),
    ROW("made", FIELD_BOOL, made),
};
#undef OWNER
const struct fields resctrl_record_fields = FIELDS_OF(struct resctrl_record, record_rows);

/* --- finding it, planning
 * ----------------------------------------------------------------------------------------- */

struct search {
    struct arena *arena;
    const char *found;
    bool out_of_memory;
};

static bool see_mount(const struct mount_line *mount, void *context)
{
    struct search *search = context;

    if (strcmp(mount->type, "resctrl") != 0 || strcmp(mount->root, "/") != 0)
        return true;
    search->found = arena_string(search->arena, mount->mount_point);
    search->out_of_memory = search->found == NULL;
    return false;
}

int resctrl_find(const char *mountinfo, const char **ret, struct arena *arena, struct error *err)
{
    struct search search = {.arena = arena};

    if (mountinfo_read(mountinfo, see_mount, &search, err) < 0)
        return -err->code;
    *ret = search.found;
    return search.out_of_memory ? no_memory(err) : 0;
}

int resctrl_plan_from_spec(struct resctrl_plan *ret, const struct spec_intel_rdt *rdt,
                           const char *id, const char *mount_point, struct arena *arena,
                           struct error *err)
{
    bool is_own = rdt->clos_id == NULL || *rdt->clos_id == '\0';
    bool is_default = !is_own && strcmp(rdt->clos_id, "/") == 0;

    if (mount_point == NULL)
        return refuse(err, ENOTSUP,
                      "linux.intelRdt: intelRdt is specified in config, but Intel RDT is not "
                      "enabled: no resctrl file system is mounted (where the processor has it: "
                      "mount -t resctrl resctrl /sys/fs/resctrl)");
    *ret = (struct resctrl_plan){
        .record = {.mount_point = mount_point,
                   .class_name = is_own       ? id
                                 : is_default ? ""
                                              : rdt->clos_id,
                   .monitor = rdt->enable_monitoring ? id : NULL},
    };
    if (schemata_from_spec(rdt, &ret->schemata, arena, err) < 0)
        return -err->code;
    ret->may_make = is_own || (ret->schemata != NULL && !is_default);
    return 0;
}

/* --- what is there
 * ----------------------------------------------------------------------------------------- */

/* The mount point, locked, and the class in it. */
struct opened {
    int root;
    int class; /* -1: not there */
};

#define OPENED_EMPTY            \
    {                           \
        .root = -1, .class = -1 \
    }

static void close_opened(struct opened *opened)
{
    close_fd(&opened->class);
    close_fd(&opened->root); /* and with it the lock */
}

#define autoopened __attribute__((cleanup(close_opened)))

static int open_directory(int parent, const char *name)
{
    return openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static int lock(int root, const char *mount_point, struct error *err)
{
    struct deadline deadline = deadline_in_ms(LOCK_DEADLINE_MS);

    while (flock(root, LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return fail(err, errno, "lock %s", mount_point);
        if (deadline_passed(&deadline))
            return refuse(err, EBUSY, "somebody keeps %s locked", mount_point);
        deadline_pause(&deadline, 2);
    }
    return 0;
}

/* ENOENT is told by ret->class alone. */
static int open_class(const struct resctrl_record *record, struct opened *ret, struct error *err)
{
    const char *name = *record->class_name != '\0' ? record->class_name : ".";

    ret->root = open_directory(AT_FDCWD, record->mount_point);
    if (ret->root < 0)
        return fail(err, errno, "open %s", record->mount_point);
    if (lock(ret->root, record->mount_point, err) < 0)
        return -err->code;
    ret->class = open_directory(ret->root, name);
    return ret->class < 0 && errno != ENOENT
               ? fail(err, errno, "open %s/%s", record->mount_point, record->class_name)
               : 0;
}

static int need_class(const struct resctrl_record *record, struct opened *ret, struct error *err)
{
    if (open_class(record, ret, err) < 0)
        return -err->code;
    return ret->class < 0 ? refuse(err, ENOENT, "the container's class of service %s/%s has gone",
                                   record->mount_point, record->class_name)
                          : 0;
}

/* --- schemata
 * ----------------------------------------------------------------------------------------- */

/* The kernel says in words what it has against it. */
static void add_reason(int root, struct error *err)
{
    char status[512];

    if (read_pseudo_file(root, "info/last_cmd_status", status, sizeof status) > 0 &&
        strcmp(status, "ok") != 0)
        hint(err, "resctrl says: %s", status);
}

static int write_schemata(const struct opened *opened, const char *schemata, struct error *err)
{
    int code = write_pseudo_file(opened->class, "schemata", schemata);

    if (code == 0)
        return 0;
    fail(err, -code, "linux.intelRdt: write the schemata \"%.*s\"", (int)strcspn(schemata, "\n"),
         schemata);
    add_reason(opened->root, err);
    return -err->code;
}

static int read_schemata(int class, char *buffer, size_t size, struct error *err)
{
    ssize_t length = read_pseudo_file(class, "schemata", buffer, size);

    return length < 0 ? fail(err, (int)-length, "linux.intelRdt: read schemata") : 0;
}

/* What the kernel rounds a bandwidth up to, in the resource's own directory of `info`. */
static uint64_t granularity_of(int root, const char *line)
{
    char file[64], number[32];
    struct error ignored;
    uint64_t step;

    snprintf(file, sizeof file, "info/%.*s/bandwidth_gran", (int)strcspn(line, ":\n"), line);
    return read_pseudo_file(root, file, number, sizeof number) > 0 &&
                   parse_uint64(number, UINT32_MAX, &step, &ignored) == 0
               ? step
               : 0;
}

/* A class that is there already may be others' too: nobody's share is changed by a container that
 * only starts (config-linux.md: "generate an error if doesn't match"). */
static int compare_schemata(const struct opened *opened, const struct resctrl_plan *plan,
                            struct error *err)
{
    char have[SCHEMATA_SIZE];

    if (plan->schemata == NULL)
        return 0;
    if (read_schemata(opened->class, have, sizeof have, err) < 0)
        return -err->code;
    for (const char *line = plan->schemata; *line != '\0'; line += strcspn(line, "\n") + 1) {
        size_t length = strcspn(line, "\n");

        if (!schemata_match(have, line, granularity_of(opened->root, line)))
            return refuse(err, EEXIST,
                          "linux.intelRdt: the class \"%s\" is there already, and \"%.*s\" is not "
                          "what it has",
                          plan->record.class_name, (int)length, line);
    }
    return 0;
}

/* --- making
 * ----------------------------------------------------------------------------------------- */

/* EEXIST too: whoever has made it does not lock, and it is his. */
static int make_directory(const struct resctrl_record *record, struct opened *opened,
                          struct error *err)
{
    if (mkdirat(opened->root, record->class_name, 0755) < 0) {
        fail(err, errno, "linux.intelRdt: make class %s/%s", record->mount_point,
             record->class_name);
        add_reason(opened->root, err);
        return -err->code;
    }
    opened->class = open_directory(opened->root, record->class_name);
    if (opened->class >= 0)
        return 0;
    fail(err, errno, "open %s/%s", record->mount_point, record->class_name);
    unlinkat(opened->root, record->class_name, AT_REMOVEDIR);
    return -err->code;
}

static int make_class(const struct resctrl_plan *plan, struct resctrl_record *record,
                      struct opened *opened, const struct resctrl_intent *intent, struct error *err)
{
    if (!plan->may_make)
        return refuse(err, ENOENT,
                      "linux.intelRdt.closID: there is no class \"%s\" in %s, and no schema is "
                      "given to make it of",
                      record->class_name, record->mount_point);
    record->made = true;
    if (intent->write(intent->context, err) < 0 || make_directory(record, opened, err) < 0) {
        record->made = false;
        return -err->code;
    }
    return plan->schemata != NULL ? write_schemata(opened, plan->schemata, err) : 0;
}

static int find_class(const struct resctrl_plan *plan, struct resctrl_record *record,
                      struct opened *opened, const struct resctrl_intent *intent, struct error *err)
{
    if (opened->class < 0)
        return make_class(plan, record, opened, intent, err);
    return record->made ? 0 : compare_schemata(opened, plan, err);
}

static int make_monitor(const struct resctrl_record *record, const struct opened *opened,
                        bool *ret_made, struct error *err)
{
    char name[NAME_MAX + sizeof "mon_groups/"];

    if (record->monitor == NULL)
        return 0;
    snprintf(name, sizeof name, "mon_groups/%s", record->monitor);
    *ret_made = mkdirat(opened->class, name, 0755) == 0;
    return !*ret_made && errno != EEXIST
               ? fail(err, errno, "linux.intelRdt.enableMonitoring: make %s", name)
               : 0;
}

static int put_in(int class, const char *tasks, const char *thread, struct error *err)
{
    int code = write_pseudo_file(class, tasks, thread);

    return code < 0 && code != -ESRCH
               ? fail(err, -code, "put process %s into resctrl's %s", thread, tasks)
               : 0;
}

/* A group takes only those who are in its class. */
static int put_threads_in(const struct resctrl_record *record, int class, DIR *threads,
                          size_t *ret_count, struct error *err)
{
    char group[NAME_MAX + sizeof "mon_groups//tasks"];
    struct dirent *entry;

    snprintf(group, sizeof group, "mon_groups/%s/tasks",
             record->monitor != NULL ? record->monitor : "");
    *ret_count = 0;
    while ((entry = readdir(threads)) != NULL) {
        if (*entry->d_name == '.')
            continue;
        if (put_in(class, "tasks", entry->d_name, err) < 0 ||
            (record->monitor != NULL && put_in(class, group, entry->d_name, err) < 0))
            return -err->code;
        ++*ret_count;
    }
    return 0;
}

enum { LOOKS_MOST = 100 };

/* Its threads one at a time, again while there are more of them than at the last look. */
static int put_process_in(const struct resctrl_record *record, int class, pid_t pid,
                          struct error *err)
{
    size_t before = 0, count = 0;
    char path[64];
    DIR *threads;
    int code;

    snprintf(path, sizeof path, "/proc/%d/task", pid);
    threads = opendir(path);
    if (threads == NULL)
        return errno == ENOENT ? 0 : fail(err, errno, "open %s", path);
    for (int looks = 0; looks < LOOKS_MOST; looks++) {
        before = count;
        rewinddir(threads);
        code = put_threads_in(record, class, threads, &count, err);
        if (code < 0 || count <= before || count == 1)
            break;
    }
    closedir(threads);
    return code;
}

/* Both ascending. */
static bool are_among(const pid_t *pids, size_t count, const pid_t *known, size_t known_count)
{
    size_t at = 0;

    for (size_t i = 0; i < count; i++) {
        while (at < known_count && known[at] < pids[i])
            at++;
        if (at == known_count || known[at] != pids[i])
            return false;
    }
    return true;
}

static int put_members_in(const struct resctrl_record *record, const struct opened *opened,
                          const struct resctrl_members *members, struct error *err)
{
    autoarena struct arena arena = {NULL};
    pid_t *known = NULL, *pids = NULL;
    size_t known_count = 0, count = 0;

    for (int looks = 0; looks < LOOKS_MOST; looks++) {
        if (members->list(members->context, &arena, &pids, &count, err) < 0)
            return -err->code;
        if (looks > 0 && are_among(pids, count, known, known_count))
            return 0;
        for (size_t i = 0; i < count; i++) {
            if (put_process_in(record, opened->class, pids[i], err) < 0)
                return -err->code;
        }
        known = pids;
        known_count = count;
    }
    return refuse(err, EAGAIN, "processes come faster than they can be put into resctrl's %s",
                  record->class_name);
}

/* --- leaving
 * ----------------------------------------------------------------------------------------- */

/* proc_pid_stat(5): the state stands behind the name, which may hold anything. */
static bool is_alive(int pid)
{
    char path[64], stat[512];
    const char *name_end;

    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    if (read_pseudo_file(AT_FDCWD, path, stat, sizeof stat) <= 0)
        return false;
    name_end = strrchr(stat, ')');
    return name_end == NULL || (name_end[1] != '\0' && strchr("ZX", name_end[2]) == NULL);
}

/* Whoever has ended is in it until its parent has taken notice. */
static bool is_used(int class)
{
    int fd = openat(class, "tasks", O_RDONLY | O_CLOEXEC), pid;
    autostream FILE *tasks = fd < 0 ? NULL : fdopen(fd, "r");

    if (tasks == NULL) {
        close_fd(&fd);
        return true; /* as far as we know */
    }
    while (fscanf(tasks, "%d", &pid) == 1) {
        if (is_alive(pid))
            return true;
    }
    return false;
}

static int remove_groups(const struct resctrl_record *record, const struct opened *opened,
                         bool even_if_used, struct error *err)
{
    char group[NAME_MAX + sizeof "mon_groups/"];

    if (opened->class < 0)
        return 0;
    snprintf(group, sizeof group, "mon_groups/%s", record->monitor != NULL ? record->monitor : "");
    if (record->monitor != NULL && unlinkat(opened->class, group, AT_REMOVEDIR) < 0 &&
        errno != ENOENT)
        return fail(err, errno, "remove %s/%s/%s", record->mount_point, record->class_name, group);
    /* The kernel moves those who are in it to the default class. */
    if (!record->made || (!even_if_used && is_used(opened->class)))
        return 0;
    return unlinkat(opened->root, record->class_name, AT_REMOVEDIR) < 0 && errno != ENOENT
               ? fail(err, errno, "remove %s/%s", record->mount_point, record->class_name)
               : 0;
}

/* Its classes have gone with an unmounted resctrl; whatever is there now is somebody else's. */
static int leave(const struct resctrl_record *record, bool even_if_used, struct error *err)
{
    autoopened struct opened opened = OPENED_EMPTY;

    if (record->mount_point == NULL)
        return 0;
    if (open_class(record, &opened, err) < 0)
        return err->code == ENOENT ? 0 : -err->code;
    return remove_groups(record, &opened, even_if_used, err);
}

int resctrl_leave(const struct resctrl_record *record, struct error *err)
{
    return leave(record, false, err);
}

int resctrl_undo(const struct resctrl_record *record, struct error *err)
{
    return leave(record, true, err);
}

/* --- entering
 * ----------------------------------------------------------------------------------------- */

/* What is not ours is left as it is. */
static void undo_entering(struct resctrl_record *record, const struct opened *opened,
                          bool made_monitor)
{
    struct resctrl_record ours = *record;
    struct error ignored;

    if (!made_monitor)
        ours.monitor = NULL;
    (void)!remove_groups(&ours, opened, true, &ignored);
    record->made = false;
}

int resctrl_enter(const struct resctrl_plan *plan, struct resctrl_record *record,
                  const struct resctrl_members *members, const struct resctrl_intent *intent,
                  struct error *err)
{
    autoopened struct opened opened = OPENED_EMPTY;
    bool made_monitor = false;

    if (open_class(record, &opened, err) < 0)
        return -err->code;
    if (find_class(plan, record, &opened, intent, err) == 0 &&
        make_monitor(record, &opened, &made_monitor, err) == 0 &&
        (members == NULL || put_members_in(record, &opened, members, err) == 0))
        return 0;
    undo_entering(record, &opened, made_monitor);
    return -err->code;
}

int resctrl_join(const struct resctrl_record *record, const struct resctrl_members *members,
                 struct error *err)
{
    autoopened struct opened opened = OPENED_EMPTY;

    return need_class(record, &opened, err) < 0 ? -err->code
                                                : put_members_in(record, &opened, members, err);
}

int resctrl_change(const struct resctrl_record *record, const char *schemata, const char **ret_old,
                   struct arena *arena, struct error *err)
{
    autoopened struct opened opened = OPENED_EMPTY;
    char old[SCHEMATA_SIZE];

    if (need_class(record, &opened, err) < 0 ||
        read_schemata(opened.class, old, sizeof old, err) < 0)
        return -err->code;
    *ret_old = arena_print(arena, "%s\n", old);
    return *ret_old == NULL ? no_memory(err) : write_schemata(&opened, schemata, err);
}
