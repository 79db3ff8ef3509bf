#include "namespaces/user.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/kernel.h"
#include "base/own.h"
#include "base/text.h"

enum {
    MOST_LINES = 340,     /* user_namespaces(7), since 4.15 */
    MOST_TEXT = 4096 - 1, /* one write, less than a page */
    LINES_SURE_TO_FIT = MOST_TEXT / (sizeof "4294967295 4294967295 4294967295\n" - 1),
    HELPER_SECONDS = 10,
    HELPER_OUTPUT = 512 /* bytes of its complaint worth telling */
};

/* The two maps differ only in names. */
struct map_kind {
    const char *member;
    const char *file;
    const char *helper;
    const char *ranges; /* what the helper reads */
};

static const struct map_kind uid_kind = {"uidMappings", "uid_map", "newuidmap", "/etc/subuid"};
static const struct map_kind gid_kind = {"gidMappings", "gid_map", "newgidmap", "/etc/subgid"};

/* --- the plan ------------------------------------------------------------------------------- */

/* Ids end at 2^32 - 2: the last one means "none". */
static bool fits(uint32_t first, uint32_t size)
{
    return (uint64_t)first + size <= UINT32_MAX;
}

static bool overlap(uint32_t first, uint32_t size, uint32_t other, uint32_t other_size)
{
    return (uint64_t)first < (uint64_t)other + other_size &&
           (uint64_t)other < (uint64_t)first + size;
}

static int check_range(const struct spec_id_mappings *mappings, size_t index,
                       const struct map_kind *kind, struct error *err)
{
    const struct spec_id_mapping *one = &mappings->items[index];

    if (one->size == 0)
        return refuse(err, EINVAL, "linux.%s[%zu].size: is 0", kind->member, index);
    if (!fits(one->container_id, one->size))
        return refuse(err, ERANGE,
                      "linux.%s[%zu]: containerID %u and size %u go beyond the last id",
                      kind->member, index, one->container_id, one->size);
    if (!fits(one->host_id, one->size))
        return refuse(err, ERANGE, "linux.%s[%zu]: hostID %u and size %u go beyond the last id",
                      kind->member, index, one->host_id, one->size);
    for (size_t i = 0; i < index; i++) {
        const struct spec_id_mapping *other = &mappings->items[i];

        if (overlap(one->container_id, one->size, other->container_id, other->size))
            return refuse(err, EINVAL, "linux.%s[%zu].containerID: overlaps linux.%s[%zu]",
                          kind->member, index, kind->member, i);
        if (overlap(one->host_id, one->size, other->host_id, other->size))
            return refuse(err, EINVAL, "linux.%s[%zu].hostID: overlaps linux.%s[%zu]", kind->member,
                          index, kind->member, i);
    }
    return 0;
}

static int check_mappings(const struct spec_id_mappings *mappings, const struct map_kind *kind,
                          struct error *err)
{
    if (mappings->count == 0) {
        refuse(err, EINVAL, "linux.%s: a new user namespace needs at least one mapping",
               kind->member);
        return hint(err, "for example {\"containerID\": 0, \"hostID\": 100000, \"size\": 65536}");
    }
    if (mappings->count > MOST_LINES)
        return refuse(err, E2BIG, "linux.%s: %zu mappings, the kernel takes at most %d",
                      kind->member, mappings->count, MOST_LINES);
    for (size_t i = 0; i < mappings->count; i++) {
        int code = check_range(mappings, i, kind, err);

        if (code < 0)
            return code;
    }
    return 0;
}

/* "INSIDE OUTSIDE SIZE\n" for each range. */
static int map_text(const char **ret, const struct spec_id_mappings *mappings,
                    const struct map_kind *kind, struct arena *arena, struct error *err)
{
    char bytes[MOST_TEXT + 1] = "";
    struct text text = TEXT_IN(bytes);

    for (size_t i = 0; i < mappings->count; i++)
        text_print(&text, "%u %u %u\n", mappings->items[i].container_id, mappings->items[i].host_id,
                   mappings->items[i].size);
    if (text.cut) {
        refuse(err, E2BIG, "linux.%s: longer than the %d bytes that the kernel takes", kind->member,
               MOST_TEXT);
        return hint(err, "join neighbouring ranges");
    }
    *ret = arena_copy(arena, text.bytes, text.used);
    return *ret == NULL ? no_memory(err) : 0;
}

/* What everybody may write: one id, one's own.  user_namespaces(7). */
static bool is_own_id(const struct spec_id_mappings *mappings, uint32_t id)
{
    return mappings->count == 1 && mappings->items[0].size == 1 && mappings->items[0].host_id == id;
}

static int refuse_without_namespace(const struct spec_linux *linux_part, struct error *err)
{
    if (linux_part == NULL ||
        (linux_part->uid_mappings.count == 0 && linux_part->gid_mappings.count == 0))
        return 0;
    refuse(err, EINVAL, "linux.%s: the container has no user namespace of its own",
           linux_part->uid_mappings.count > 0 ? uid_kind.member : gid_kind.member);
    return hint(err, "add {\"type\": \"user\"} to linux.namespaces");
}

int id_map_plan_from_spec(struct id_map_plan *ret, const struct spec *spec, bool privileged,
                          uid_t caller_uid, gid_t caller_gid, struct arena *arena,
                          struct error *err)
{
    const struct spec_namespace *user = spec_namespace_find(spec, SPEC_NAMESPACE_USER);
    struct id_map_plan plan = {0};

    if (user == NULL) {
        *ret = plan;
        return refuse_without_namespace(spec->linux_, err);
    }
    plan.uids = spec->linux_->uid_mappings;
    plan.gids = spec->linux_->gid_mappings;
    if (user->path != NULL && user->path[0] != '\0') {
        /* Its maps are written; callers repeat them here, for look-ups.  Nothing is to be done. */
        *ret = plan;
        return 0;
    }

    int code = check_mappings(&plan.uids, &uid_kind, err);

    if (code == 0)
        code = check_mappings(&plan.gids, &gid_kind, err);
    if (code == 0)
        code = map_text(&plan.uid_map, &plan.uids, &uid_kind, arena, err);
    if (code == 0)
        code = map_text(&plan.gid_map, &plan.gids, &gid_kind, arena, err);
    if (code < 0)
        return code;
    plan.direct = privileged ||
                  (is_own_id(&plan.uids, caller_uid) && is_own_id(&plan.gids, caller_gid));
    plan.deny_setgroups = plan.direct && !privileged;
    *ret = plan;
    return 0;
}

int64_t id_map_to_host(const struct spec_id_mappings *mappings, uint32_t inside)
{
    for (size_t i = 0; i < mappings->count; i++) {
        const struct spec_id_mapping *range = &mappings->items[i];

        if (inside >= range->container_id && inside - range->container_id < range->size)
            return (int64_t)range->host_id + (inside - range->container_id);
    }
    return -1;
}

/* --- what an ordinary user may give ---------------------------------------------------------- */

/* Host ids behind those that are there; what goes beyond the kernel's limits is left out. */
static void append(struct spec_id_mappings *mappings, uint32_t first, uint64_t count)
{
    const struct spec_id_mapping *last = &mappings->items[mappings->count - 1];
    uint32_t inside = last->container_id + last->size;
    uint64_t room = UINT32_MAX - inside;

    if (room == 0 || mappings->count == LINES_SURE_TO_FIT)
        return;
    mappings->items[mappings->count++] = (struct spec_id_mapping){
        .container_id = inside,
        .host_id = first,
        .size = (uint32_t)(count < room ? count : room),
    };
}

/* Behind the mapping that has the host id already; `id` itself when none has. */
static uint64_t behind_taken(const struct spec_id_mappings *mappings, uint64_t id)
{
    for (size_t i = 0; i < mappings->count; i++) {
        const struct spec_id_mapping *one = &mappings->items[i];

        if (id >= one->host_id && id < (uint64_t)one->host_id + one->size)
            return (uint64_t)one->host_id + one->size;
    }
    return id;
}

/* The first host id after `id` that a mapping has; `end` when none before that. */
static uint64_t next_taken(const struct spec_id_mappings *mappings, uint64_t id, uint64_t end)
{
    for (size_t i = 0; i < mappings->count; i++) {
        if (mappings->items[i].host_id > id && mappings->items[i].host_id < end)
            end = mappings->items[i].host_id;
    }
    return end;
}

/* A line may hold the user's own id, or what another line holds (one for the name, one for the
 * number): the kernel takes no host id twice. */
static void append_free(struct spec_id_mappings *mappings, const struct subid_range *range)
{
    uint64_t end = (uint64_t)range->first + range->count;

    for (uint64_t at = range->first; at < end;) {
        uint64_t behind = behind_taken(mappings, at);

        if (behind > at) {
            at = behind;
            continue;
        }

        uint64_t next = next_taken(mappings, at, end);

        append(mappings, (uint32_t)at, next - at);
        at = next;
    }
}

static int own_id_and_ranges(struct spec_id_mappings *ret, uint32_t own, const char *text,
                             const struct subid_owner *owner, struct arena *arena,
                             struct error *err)
{
    struct subid_range range;

    ret->items = arena_zero(arena, LINES_SURE_TO_FIT, sizeof *ret->items);
    if (ret->items == NULL)
        return no_memory(err);
    ret->items[0] = (struct spec_id_mapping){.container_id = 0, .host_id = own, .size = 1};
    ret->count = 1;
    while (subids_next(&text, owner, &range)) {
        if (fits(range.first, range.count))
            append_free(ret, &range);
    }
    return 0;
}

static const char *missing_lines(bool has_uids, bool has_gids, const struct subid_owner *owner,
                                 struct arena *arena)
{
    const char *files = has_uids   ? "/etc/subgid has"
                        : has_gids ? "/etc/subuid has"
                                   : "/etc/subuid and /etc/subgid have";

    return owner->name != NULL
               ? arena_print(arena, "%s no line for %s", files, owner->name)
               : arena_print(arena, "%s no line for user %u", files, (unsigned)owner->uid);
}

int ordinary_user_ids_from(struct ordinary_user_ids *ret, const char *subuid, const char *subgid,
                           const struct subid_owner *owner, gid_t gid, struct arena *arena,
                           struct error *err)
{
    struct ordinary_user_ids ids = {0};

    if (own_id_and_ranges(&ids.uids, owner->uid, subuid, owner, arena, err) < 0 ||
        own_id_and_ranges(&ids.gids, gid, subgid, owner, arena, err) < 0)
        return -err->code;

    bool has_uids = ids.uids.count > 1, has_gids = ids.gids.count > 1;

    if (!has_uids || !has_gids) {
        ids.missing = missing_lines(has_uids, has_gids, owner, arena);
        if (ids.missing == NULL)
            return no_memory(err);
        ids.has_half = has_uids || has_gids;
        ids.uids.count = ids.gids.count = 1;
    }
    *ret = ids;
    return 0;
}

int id_map_check_ranges(const struct spec_id_mappings *mappings, const char *member,
                        const char *file, const char *text, const struct subid_owner *owner,
                        uint32_t own_id, struct error *err)
{
    for (size_t i = 0; i < mappings->count; i++) {
        const struct subid_range range = {mappings->items[i].host_id, mappings->items[i].size};
        char number[16];

        if ((range.count == 1 && range.first == own_id) || subids_cover(text, owner, &range))
            continue;
        snprintf(number, sizeof number, "%u", (unsigned)owner->uid);
        return refuse(err, EPERM, "linux.%s[%zu]: %u..%u is not yours: %s has no line \"%s:%u:%u\"",
                      member, i, range.first, range.first + (range.count - 1), file,
                      owner->name != NULL ? owner->name : number, range.first, range.count);
    }
    return 0;
}

/* --- writing directly ----------------------------------------------------------------------- */

static int write_map(int proc, const struct map_kind *kind, const char *map, struct error *err)
{
    int code = write_pseudo_file(proc, kind->file, map);

    if (code == 0)
        return 0;
    fail(err, -code, "linux.%s: write %s", kind->member, kind->file);
    if (code == -EPERM)
        hint(err, "each range of host ids must lie within one line of the caller's own "
                  "/proc/self/uid_map or gid_map, and the caller needs CAP_SETUID and CAP_SETGID "
                  "there");
    return code;
}

static int write_maps(const struct id_map_plan *plan, pid_t pid, struct error *err)
{
    char path[sizeof "/proc/-2147483648"];

    snprintf(path, sizeof path, "/proc/%d", (int)pid);

    autoclose int proc = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (proc < 0)
        return fail(err, errno, "open %s", path);

    /* Groups may be what keeps somebody out of a file: who can drop them gains.  Hence the kernel's
     * rule that an unprivileged writer of gid_map gives up setgroups(2) first. */
    int code = plan->deny_setgroups ? write_pseudo_file(proc, "setgroups", "deny") : 0;

    if (code < 0)
        return fail(err, -code, "write \"deny\" to setgroups");
    code = write_map(proc, &gid_kind, plan->gid_map, err);
    return code < 0 ? code : write_map(proc, &uid_kind, plan->uid_map, err);
}

/* --- newuidmap, newgidmap ------------------------------------------------------------------- */

/* The set-uid helper by absolute path: PATH belongs to the caller. */
static const char *find_helper(const struct map_kind *kind, struct arena *arena)
{
    static const char *const directories[] = {"/usr/bin", "/bin"};

    for (size_t i = 0; i < count_of(directories); i++) {
        const char *path = arena_print(arena, "%s/%s", directories[i], kind->helper);

        if (path != NULL && access(path, X_OK) == 0)
            return path;
    }
    return NULL;
}

enum { RANGES_MOST = 4 * 1024 * 1024 };

/* A file of subuid(5), "" when it is not there or cannot be read. */
static const char *read_ranges(const struct map_kind *kind, struct arena *arena)
{
    struct error ignored;
    char *text;

    if (read_file(AT_FDCWD, kind->ranges, RANGES_MOST, arena, &text, NULL, &ignored) < 0)
        return "";
    return text;
}

/* The name that the lines begin with. */
static struct subid_owner find_owner(uid_t uid, struct arena *arena)
{
    struct subid_owner owner = {NULL, uid};
    char strings[4096];
    struct passwd entry;
    struct passwd *found = NULL;

    if (getpwuid_r(uid, &entry, strings, sizeof strings, &found) == 0 && found != NULL)
        owner.name = arena_string(arena, found->pw_name);
    return owner;
}

int ordinary_user_ids(struct ordinary_user_ids *ret, uid_t uid, gid_t gid, struct arena *arena,
                      struct error *err)
{
    autoarena struct arena own = {0};
    const struct subid_owner owner = find_owner(uid, &own);
    bool helpers = find_helper(&uid_kind, &own) != NULL && find_helper(&gid_kind, &own) != NULL;
    const char *subuid = helpers ? read_ranges(&uid_kind, &own) : "";
    const char *subgid = helpers ? read_ranges(&gid_kind, &own) : "";

    if (ordinary_user_ids_from(ret, subuid, subgid, &owner, gid, arena, err) < 0)
        return -err->code;
    if (!helpers)
        ret->missing = "newuidmap and newgidmap are not there (Debian's package uidmap has them)";
    return 0;
}

/* newuidmap PID INSIDE OUTSIDE SIZE ... */
static const char **helper_arguments(const char *path, pid_t pid,
                                     const struct spec_id_mappings *mappings, struct arena *arena)
{
    const char **arguments = arena_zero(arena, 2 + 3 * mappings->count + 1, sizeof *arguments);
    size_t count = 0;

    if (arguments == NULL)
        return NULL;
    arguments[count++] = path;
    arguments[count++] = arena_print(arena, "%d", (int)pid);
    for (size_t i = 0; i < mappings->count; i++) {
        arguments[count++] = arena_print(arena, "%u", mappings->items[i].container_id);
        arguments[count++] = arena_print(arena, "%u", mappings->items[i].host_id);
        arguments[count++] = arena_print(arena, "%u", mappings->items[i].size);
    }
    for (size_t i = 0; i < count; i++) {
        if (arguments[i] == NULL)
            return NULL;
    }
    return arguments;
}

/* In the forked child: only what is safe beside other threads. */
static _Noreturn void become_helper(const char *const *arguments, int output)
{
    static char *const nothing[] = {NULL};
    sigset_t none;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(output, STDOUT_FILENO) < 0 ||
        dup2(output, STDERR_FILENO) < 0)
        _exit(126);
    kernel_close_range(3, ~0U, 0); /* before 5.9 there is none, and ours are close-on-exec */
    execve(arguments[0], (char *const *)arguments, nothing);
    _exit(127);
}

static int64_t now_milliseconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* What the helper says, as far as there is room; true at the end of its output. */
static bool drain(int pipe, char *output, size_t *used)
{
    char more[256];
    ssize_t length = read(pipe, more, sizeof more);

    if (length <= 0)
        return !(length < 0 && (errno == EINTR || errno == EAGAIN));
    for (ssize_t i = 0; i < length && *used < HELPER_OUTPUT; i++)
        output[(*used)++] = more[i];
    return false;
}

/* Read the helper's output until it has ended; -ETIMEDOUT when it does not in time. */
static int listen_to_helper(int pidfd, int output_pipe, char *output, size_t *used)
{
    int64_t deadline = now_milliseconds() + HELPER_SECONDS * 1000;
    bool silent = false;
    bool over = false;

    while (!over) {
        struct pollfd fds[] = {
            {silent ? -1 : output_pipe, POLLIN, 0},
            {pidfd,                     POLLIN, 0}
        };
        int64_t left = deadline - now_milliseconds();

        if (left <= 0)
            return -ETIMEDOUT;
        if (poll(fds, count_of(fds), (int)left) < 0 && errno != EINTR)
            return -errno;
        if (fds[0].revents != 0)
            silent = drain(output_pipe, output, used);
        else
            over = fds[1].revents != 0;
        if (silent && pidfd < 0)
            over = true; /* before 5.3: the end of its output has to do */
    }
    return 0;
}

/* Its exit as a wait status.  A daemon that reaps everybody may have been faster. */
static int reap(pid_t helper)
{
    int status = 0;
    pid_t reaped;

    do
        reaped = waitpid(helper, &status, 0);
    while (reaped < 0 && errno == EINTR);
    return reaped < 0 ? -errno : status;
}

/* One line out of what it said. */
static void one_line(char *output, size_t used)
{
    while (used > 0 && (output[used - 1] == '\n' || output[used - 1] == ' '))
        used--;
    output[used] = '\0';
    for (size_t i = 0; i < used; i++) {
        if (output[i] == '\n')
            output[i] = ';';
    }
}

static int tell_helper(struct error *err, const struct map_kind *kind, int status,
                       const char *output)
{
    char shown[1040];

    quotable(shown, output);
    if (status < 0)
        return fail(err, -status, "wait for %s", kind->helper);
    if (WIFSIGNALED(status))
        return refuse(err, EPERM, "%s: killed by signal %d", kind->helper, WTERMSIG(status));
    if (WEXITSTATUS(status) == 127)
        return refuse(err, ENOEXEC, "%s: cannot be executed", kind->helper);
    refuse(err, EPERM, "%s: %s", kind->helper, shown[0] == '\0' ? "failed without a word" : shown);
    return hint(err,
                "%s must give user %u all these host ids (see subuid(5)), and %s must be set-uid "
                "root or have file capabilities",
                kind->ranges, (unsigned)getuid(), kind->helper);
}

/* Run the helper to its end: 0, or -errno with err filled. */
static int spawn_helper(const struct map_kind *kind, const char *const *arguments,
                        struct error *err)
{
    char output[HELPER_OUTPUT + 1];
    size_t used = 0;
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0)
        return fail(err, errno, "pipe to %s", kind->helper);

    autoclose int from_helper = ends[0];
    autoclose int to_us = ends[1];
    pid_t helper = fork();

    if (helper < 0)
        return fail(err, errno, "fork for %s", kind->helper);
    if (helper == 0)
        become_helper(arguments, to_us);
    close_fd(&to_us);

    autoclose int pidfd = kernel_pidfd_open(helper, 0);
    int code = listen_to_helper(pidfd, from_helper, output, &used);

    if (code < 0)
        kill(helper, SIGKILL);

    int status = reap(helper);

    one_line(output, used);
    if (code == -ETIMEDOUT)
        return refuse(err, ETIMEDOUT, "%s: not done after %d s, killed", kind->helper,
                      HELPER_SECONDS);
    if (code < 0)
        return fail(err, -code, "wait for %s", kind->helper);
    return status == 0 ? 0 : tell_helper(err, kind, status, output);
}

static int explain_refusal(const struct map_kind *kind, const struct spec_id_mappings *mappings,
                           struct arena *arena, struct error *err)
{
    const struct subid_owner owner = find_owner(getuid(), arena);
    struct error missing;

    if (id_map_check_ranges(mappings, kind->member, kind->ranges, read_ranges(kind, arena), &owner,
                            kind == &uid_kind ? getuid() : getgid(), &missing) == 0)
        return within(err, "linux.%s", kind->member);
    *err = missing;
    return -err->code;
}

static int run_helper(const struct map_kind *kind, pid_t pid,
                      const struct spec_id_mappings *mappings, struct error *err)
{
    autoarena struct arena arena = {0};
    const char *path = find_helper(kind, &arena);

    if (path == NULL) {
        refuse(err, ENOENT, "linux.%s: %s: not found in /usr/bin or /bin", kind->member,
               kind->helper);
        return hint(err, "it maps ids for those who are not root; install the package uidmap "
                         "(Debian, Ubuntu), shadow-utils (Fedora, Alpine) or shadow (Arch)");
    }

    const char **arguments = helper_arguments(path, pid, mappings, &arena);

    if (arguments == NULL)
        return no_memory(err);

    int code = spawn_helper(kind, arguments, err);

    /* The helper says that it may not, and not what is missing.  Only now: the ranges may be kept
     * somewhere else than in the file, and then it knows better than we do. */
    if (code == -EPERM)
        return explain_refusal(kind, mappings, &arena, err);
    return code < 0 ? within(err, "linux.%s", kind->member) : 0;
}

int id_map_plan_apply(const struct id_map_plan *plan, pid_t pid, struct error *err)
{
    if (plan->uid_map == NULL)
        return 0;
    if (plan->direct)
        return write_maps(plan, pid, err);

    int code = run_helper(&gid_kind, pid, &plan->gids, err);

    return code < 0 ? code : run_helper(&uid_kind, pid, &plan->uids, err);
}

/* --- in the child --------------------------------------------------------------------------- */

static int tell_root(struct error *err, int code, const char *what, const struct map_kind *kind)
{
    fail(err, code, "become %s 0 of the user namespace", what);
    if (code == EINVAL)
        hint(err, "linux.%s must map containerID 0", kind->member);
    return -code;
}

int user_become_root(struct error *err)
{
    if (kernel_setresgid(0) < 0)
        return tell_root(err, errno, "group", &gid_kind);
    if (kernel_setresuid(0) < 0)
        return tell_root(err, errno, "user", &uid_kind);
    /* A change of credentials may reset it; processes of a joined namespace must not trace us. */
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return fail(err, errno, "become not dumpable");
    return 0;
}

/* --- why there is none ---------------------------------------------------------------------- */

int user_namespace_hint_in(int proc_sys, struct error *err)
{
    static const struct {
        const char *path;
        const char *forbids;
        const char *advice;
    } switches[] = {
  /* path below /proc/sys, the value that forbids, what to tell */
        {"user/max_user_namespaces",                     "0",
         "user namespaces are switched off: sysctl user.max_user_namespaces is 0"          },
        {"kernel/unprivileged_userns_clone",             "0",
         "only root may make user namespaces: sysctl kernel.unprivileged_userns_clone is 0"},
        {"kernel/apparmor_restrict_unprivileged_userns", "1",
         "AppArmor keeps user namespaces from programs without a profile: sysctl "
         "kernel.apparmor_restrict_unprivileged_userns is 1"                               },
    };
    char value[32];

    for (size_t i = 0; proc_sys >= 0 && i < count_of(switches); i++) {
        if (read_pseudo_file(proc_sys, switches[i].path, value, sizeof value) > 0 &&
            strcmp(value, switches[i].forbids) == 0)
            return hint(err, "%s", switches[i].advice);
    }
    if (err->code != ENOSPC)
        return -err->code;
    if (proc_sys < 0 || read_pseudo_file(proc_sys, switches[0].path, value, sizeof value) <= 0)
        snprintf(value, sizeof value, "unknown");
    return hint(err,
                "the limit of namespaces is reached: sysctl user.max_user_namespaces is %s "
                "here, perhaps less further out; or more than 32 levels",
                value);
}

int user_namespace_hint(struct error *err)
{
    autoclose int sys = open("/proc/sys", O_PATH | O_DIRECTORY | O_CLOEXEC);

    return user_namespace_hint_in(sys, err);
}

/* It lets the namespace be made and takes every capability in it: mounting fails then, or naming
 * the host. */
int user_namespace_rights_hint(struct error *err)
{
    char label[64];

    if ((err->code != EPERM && err->code != EACCES) ||
        read_pseudo_file(AT_FDCWD, "/proc/self/attr/apparmor/current", label, sizeof label) <= 0 ||
        strcmp(label, "unconfined") != 0)
        return -err->code;
    return user_namespace_hint(err);
}
