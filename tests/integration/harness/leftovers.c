#include "tests/integration/harness/leftovers.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <linux/bpf.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/kernel.h"
#include "base/own.h"

enum { PROCESSES_MOST = 8192, POLL_MS = 20 };

struct listing {
    struct arena *arena;
    struct leftover_list *list;
    size_t room;
};

static void add(struct listing *listing, const char *line)
{
    struct leftover_list *list = listing->list;

    if (list->count == listing->room) {
        size_t room = listing->room == 0 ? 64 : 2 * listing->room;
        char **items = arena_zero(listing->arena, room, sizeof *items);

        if (list->count > 0)
            memcpy(items, list->items, list->count * sizeof *items);
        list->items = items;
        listing->room = room;
    }
    list->items[list->count++] = arena_string(listing->arena, line);
}

/* --- processes -------------------------------------------------------------------------------- */

struct process_entry {
    pid_t pid;
    pid_t parent;
    char state;
    char name[64];
};

static bool read_process(pid_t pid, struct process_entry *entry)
{
    char path[64], line[512] = "";
    autoclose int fd = -1;
    const char *open, *close;

    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    fd = openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || read(fd, line, sizeof line - 1) <= 0)
        return false;
    open = strchr(line, '(');
    close = strrchr(line, ')');
    if (open == NULL || close == NULL)
        return false;
    entry->pid = pid;
    snprintf(entry->name, sizeof entry->name, "%.*s", (int)(close - open - 1), open + 1);
    return sscanf(close + 1, " %c %d", &entry->state, &entry->parent) == 2;
}

static size_t read_processes(struct process_entry *entries)
{
    DIR *proc = opendir("/proc");
    size_t count = 0;

    for (struct dirent *entry; proc != NULL && (entry = readdir(proc)) != NULL;) {
        pid_t pid = (pid_t)atoi(entry->d_name);

        if (pid > 0 && count < PROCESSES_MOST && read_process(pid, &entries[count]))
            count++;
    }
    if (proc != NULL)
        closedir(proc);
    return count;
}

/* Visit the living descendants of this process.  Parents may stand behind their children in the
 * list (pids wrap), hence the repetition. */
static void each_descendant(void (*visit)(void *context, const struct process_entry *entry),
                            void *context)
{
    autofree struct process_entry *entries = calloc(PROCESSES_MOST, sizeof *entries);
    autofree bool *ours = calloc(PROCESSES_MOST, sizeof *ours);
    size_t count = read_processes(entries);
    bool grown = true;

    while (grown) {
        grown = false;
        for (size_t i = 0; i < count; i++) {
            bool mine = entries[i].parent == getpid();

            for (size_t j = 0; !mine && j < count; j++)
                mine = ours[j] && entries[j].pid == entries[i].parent;
            if (mine && !ours[i])
                ours[i] = grown = true;
        }
    }
    for (size_t i = 0; i < count; i++)
        if (ours[i] && entries[i].state != 'Z' && entries[i].state != 'X')
            visit(context, &entries[i]);
}

static void add_process(void *context, const struct process_entry *entry)
{
    char line[128];

    snprintf(line, sizeof line, "%d (%s)", (int)entry->pid, entry->name);
    add(context, line);
}

static void list_processes(struct listing *listing, const struct leftover_scope *scope)
{
    (void)scope;
    /* First processes of containers are ours to wait for, as they are a shim's or conmon's. */
    while (waitpid(-1, NULL, WNOHANG) > 0)
        ;
    each_descendant(add_process, listing);
}

/* --- directories ------------------------------------------------------------------------------ */

static int by_name(const FTSENT **left, const FTSENT **right)
{
    return strcmp((*left)->fts_name, (*right)->fts_name);
}

/* Every file below `directory` but not what is directly in it and called `except`. */
static void list_tree(struct listing *listing, const char *directory, const char *except)
{
    char *const paths[] = {(char *)directory, NULL};
    FTS *tree = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, by_name);

    for (FTSENT *entry; tree != NULL && (entry = fts_read(tree)) != NULL;) {
        if (entry->fts_level == 0 || entry->fts_info == FTS_DP)
            continue;
        if (except != NULL && entry->fts_level == 1 && strcmp(entry->fts_name, except) == 0)
            fts_set(tree, entry, FTS_SKIP);
        else
            add(listing, entry->fts_path);
    }
    if (tree != NULL)
        fts_close(tree);
}

static void list_files(struct listing *listing, const struct leftover_scope *scope)
{
    /* The test's own files are in base/work; bundles are there too. */
    list_tree(listing, scope->base, "work");
    for (const char *const *directory = scope->outside; *directory != NULL; directory++)
        list_tree(listing, *directory, "criu.kdat"); /* /run: what criu found out of the kernel */
}

static void list_state(struct listing *listing, const struct leftover_scope *scope)
{
    list_tree(listing, scope->root, NULL);
}

/* --- cgroups ---------------------------------------------------------------------------------- */

static void each_cgroup(const struct leftover_scope *scope,
                        void (*visit)(void *context, const char *directory), void *context)
{
    FILE *mounts = fopen("/proc/self/mountinfo", "re");
    char line[4096];

    while (mounts != NULL && fgets(line, sizeof line, mounts) != NULL) {
        char directory[4096] = "";
        const char *type = strstr(line, " - ");
        char *const paths[] = {directory, NULL};
        FTS *tree;

        if (type == NULL || strncmp(type + 3, "cgroup", 6) != 0)
            continue;
        sscanf(line, "%*s %*s %*s %*s %4095s", directory);
        tree = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV | FTS_NOSTAT, NULL);
        for (FTSENT *entry; tree != NULL && (entry = fts_read(tree)) != NULL;)
            if (entry->fts_info == FTS_DP && strstr(entry->fts_path, scope->tag) != NULL)
                visit(context, entry->fts_path);
        if (tree != NULL)
            fts_close(tree);
    }
    if (mounts != NULL)
        fclose(mounts);
}

static void add_line(void *context, const char *directory)
{
    add(context, directory);
}

static void list_cgroups(struct listing *listing, const struct leftover_scope *scope)
{
    each_cgroup(scope, add_line, listing);
}

/* --- mounts, keys, device filters ------------------------------------------------------------- */

static void list_lines(struct listing *listing, const char *file)
{
    FILE *lines = fopen(file, "re");
    char line[4096];

    while (lines != NULL && fgets(line, sizeof line, lines) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        add(listing, line);
    }
    if (lines != NULL)
        fclose(lines);
}

static void list_mounts(struct listing *listing, const struct leftover_scope *scope)
{
    (void)scope;
    list_lines(listing, "/proc/self/mountinfo");
}

/* Those with the test's tag, by serial number: the rest of the line counts users, which change, and
 * other programs make session keyrings all the time. */
static void list_keys(struct listing *listing, const struct leftover_scope *scope)
{
    FILE *keys = fopen("/proc/keys", "re");
    char line[512];

    while (keys != NULL && fgets(line, sizeof line, keys) != NULL) {
        const char *description = strstr(line, "keyring   ");
        char entry[160];

        if (description == NULL || strstr(description, scope->tag) == NULL)
            continue;
        snprintf(entry, sizeof entry, "%.8s %.100s", line, description + 10);
        entry[strcspn(entry, ":\n")] = '\0';
        add(listing, entry);
    }
    if (keys != NULL)
        fclose(keys);
}

/* bpf(2) needs CAP_SYS_ADMIN to walk: for others the list is empty. */
static void list_device_filters(struct listing *listing, const struct leftover_scope *scope)
{
    (void)scope;
    for (unsigned id = 0;;) {
        union bpf_attr next = {.start_id = id};
        union bpf_attr open = {0}, info = {0};
        struct bpf_prog_info program = {0};
        autoclose int fd = -1;
        char line[64];

        if (kernel_bpf(BPF_PROG_GET_NEXT_ID, &next, sizeof next) < 0)
            return;
        id = next.next_id;
        open.prog_id = id;
        fd = (int)kernel_bpf(BPF_PROG_GET_FD_BY_ID, &open, sizeof open);
        info.info.bpf_fd = (unsigned)fd;
        info.info.info = (uintptr_t)&program;
        info.info.info_len = sizeof program;
        if (fd < 0 || kernel_bpf(BPF_OBJ_GET_INFO_BY_FD, &info, sizeof info) < 0 ||
            program.type != BPF_PROG_TYPE_CGROUP_DEVICE ||
            strcmp(program.name, OUR_DEVICE_FILTERS) != 0)
            continue;
        snprintf(line, sizeof line, "program %u", id);
        add(listing, line);
    }
}

/* --- comparing -------------------------------------------------------------------------------- */

static const struct leftover_kind {
    const char *name;
    void (*list)(struct listing *listing, const struct leftover_scope *scope);
    bool may_not_go; /* fewer than before is wrong too */
} kinds[LEFTOVER_KINDS] = {
    {"process",       list_processes,      false},
    {"cgroup",        list_cgroups,        false},
    {"mount",         list_mounts,         true },
    {"state",         list_state,          false},
    {"file",          list_files,          false},
    {"device filter", list_device_filters, false},
    {"keyring",       list_keys,           false},
};

static int compare_lines(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

void snapshot_take(struct snapshot *ret, const struct leftover_scope *scope)
{
    *ret = (struct snapshot){0};
    for (size_t kind = 0; kind < LEFTOVER_KINDS; kind++) {
        struct listing listing = {.arena = &ret->arena, .list = &ret->kinds[kind]};

        kinds[kind].list(&listing, scope);
        if (listing.list->count > 0)
            qsort(listing.list->items, listing.list->count, sizeof(char *), compare_lines);
    }
}

void snapshot_done(struct snapshot *snapshot)
{
    arena_free(&snapshot->arena);
}

/* Append a line for everything in `now` that `before` has not, each as often as it is there. */
static char *compare_lists(struct arena *arena, char *text, const char *what,
                           const struct leftover_list *now, const struct leftover_list *before)
{
    size_t old = 0;

    for (size_t i = 0; i < now->count; i++) {
        while (old < before->count && strcmp(before->items[old], now->items[i]) < 0)
            old++;
        if (old < before->count && strcmp(before->items[old], now->items[i]) == 0)
            old++;
        else
            text = arena_print(arena, "%s%s: %s\n", text, what, now->items[i]);
    }
    return text;
}

static char *compare_snapshots(const struct snapshot *before, const struct snapshot *now,
                               struct arena *arena)
{
    char *text = arena_string(arena, "");

    for (size_t kind = 0; kind < LEFTOVER_KINDS; kind++) {
        text = compare_lists(arena, text, kinds[kind].name, &now->kinds[kind],
                             &before->kinds[kind]);
        if (kinds[kind].may_not_go)
            text = compare_lists(arena, text, arena_print(arena, "%s gone", kinds[kind].name),
                                 &before->kinds[kind], &now->kinds[kind]);
    }
    return text;
}

const char *leftovers(const struct snapshot *before, const struct leftover_scope *scope,
                      int patience_ms, struct arena *arena)
{
    for (int waited = 0;; waited += POLL_MS) {
        struct snapshot now;
        char *text;

        snapshot_take(&now, scope);
        text = compare_snapshots(before, &now, arena);
        snapshot_done(&now);
        if (*text == '\0' || waited >= patience_ms)
            return text;
        nanosleep(&(struct timespec){.tv_nsec = POLL_MS * 1000000L}, NULL);
    }
}

/* --- cleaning up ------------------------------------------------------------------------------ */

static void kill_process(void *context, const struct process_entry *entry)
{
    autoclose int pidfd = kernel_pidfd_open(entry->pid, 0);

    (*(size_t *)context)++;
    if (pidfd >= 0)
        kernel_pidfd_send_signal(pidfd, SIGKILL);
}

static void thaw_cgroup(void *context, const char *directory)
{
    static const struct {
        const char *file, *value;
    } switches[] = {
        {"cgroup.freeze", "0"     },
        {"freezer.state", "THAWED"},
    };

    (void)context;
    for (size_t i = 0; i < count_of(switches); i++) {
        char path[4200];
        autoclose int fd = -1;

        snprintf(path, sizeof path, "%s/%s", directory, switches[i].file);
        fd = openat(AT_FDCWD, path, O_WRONLY | O_CLOEXEC);
        if (fd >= 0 && write(fd, switches[i].value, strlen(switches[i].value)) < 0)
            continue;
    }
}

static void remove_cgroup(void *context, const char *directory)
{
    (void)context;
    rmdir(directory);
}

void leftovers_remove(const struct leftover_scope *scope)
{
    size_t alive = 1;

    each_cgroup(scope, thaw_cgroup, NULL);
    for (int round = 0; round < 200 && alive > 0; round++) {
        alive = 0;
        each_descendant(kill_process, &alive);
        while (waitpid(-1, NULL, WNOHANG) > 0)
            ;
        if (alive > 0)
            nanosleep(&(struct timespec){.tv_nsec = POLL_MS * 1000000L}, NULL);
    }
    each_cgroup(scope, remove_cgroup, NULL);
}
