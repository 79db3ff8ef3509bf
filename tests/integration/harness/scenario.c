#include "tests/integration/harness/scenario.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/kernel.h"
#include "base/own.h"
#include "tests/integration/harness/host_mounts.h"

enum { PATIENCE_MS = 8000 };

/* Criterion runs every test in a process of its own: this is one test's, and begins empty. */
static struct scenario {
    struct arena arena;
    char tag[32];
    char *base;
    char *work;
    char *root;
    const char *program;
    const char *environment[24];
    struct leftover_scope scope;
    struct snapshot before;
} scenario;

struct arena *scenario_arena(void)
{
    return &scenario.arena;
}

const char *scenario_program(void)
{
    return scenario.program;
}

const char *scenario_root(void)
{
    return scenario.root;
}

const char *scenario_work(void)
{
    return scenario.work;
}

const char *scenario_tag(void)
{
    return scenario.tag;
}

const char *const *scenario_environment(void)
{
    return scenario.environment;
}

const struct leftover_scope *scenario_scope(void)
{
    return &scenario.scope;
}

const struct snapshot *scenario_before(void)
{
    return &scenario.before;
}

char *text(const char *format, ...)
{
    va_list arguments;
    autofree char *printed = NULL;
    int length;

    va_start(arguments, format);
    length = vasprintf(&printed, format, arguments);
    va_end(arguments);
    cr_assert(length >= 0);
    return arena_string(&scenario.arena, printed);
}

static bool is_below(const char *path, const char *directory)
{
    size_t length = strlen(directory);

    return strncmp(path, directory, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

/* Cover `directory` with an empty tmpfs, unless the program or our own files are in there. */
static void cover(const char *directory, size_t *count)
{
    autofree char *program = realpath(scenario.program, NULL);

    if (is_below(scenario.base, directory) || program == NULL || is_below(program, directory))
        return;
    cr_assert(kernel_mount("tmpfs", directory, "tmpfs", 0, "mode=1777") == 0, "cover %s: %s",
              directory, strerror(errno));
    scenario.scope.outside[(*count)++] = directory;
}

/* Mounts of other programs on this machine shall not disturb the comparison, nor ours them.  Shared
 * below ourselves: then a container that does not cut propagation shows. */
static void own_mounts(void)
{
    size_t count = 0;

    if (geteuid() != 0)
        return;
    cr_assert(unshare(CLONE_NEWNS) == 0, "unshare: %s", strerror(errno));
    cr_assert(kernel_mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
    cr_assert(kernel_mount(NULL, "/", NULL, MS_REC | MS_SHARED, NULL) == 0);
    cover("/tmp", &count);
    cover("/run", &count);
}

/* What the program gets: nothing of the caller's but what sanitizers and people need.  SECRET must
 * never be seen inside a container. */
static void make_environment(void)
{
    static const char *const kept[] = {"HOME",
                                       "USER",
                                       "TERM",
                                       "XDG_RUNTIME_DIR",
                                       "ASAN_OPTIONS",
                                       "UBSAN_OPTIONS",
                                       "LLVM_PROFILE_FILE"};
    size_t count = 0;

    scenario.environment[count++] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:"
                                    "/sbin:/bin";
    scenario.environment[count++] = "SECRET=of-the-host";
    for (size_t i = 0; i < count_of(kept); i++)
        if (getenv(kept[i]) != NULL)
            scenario.environment[count++] = text("%s=%s", kept[i], getenv(kept[i]));
}

static void make_places(void)
{
    const char *temporary = getenv("TMPDIR");
    unsigned number = 0;

    cr_assert(getrandom(&number, sizeof number, 0) == sizeof number);
    snprintf(scenario.tag, sizeof scenario.tag, "clt%d-%06x", (int)getpid(), number & 0xffffff);
    scenario.base = text("%s/%s", temporary != NULL && *temporary == '/' ? temporary : "/var/tmp",
                         scenario.tag);
    scenario.work = text("%s/work", scenario.base);
    scenario.root = text("%s/root", scenario.base);
    cr_assert(mkdir(scenario.base, 0755) == 0, "%s: %s", scenario.base, strerror(errno));
    cr_assert(mkdir(scenario.work, 0755) == 0 && mkdir(scenario.root, 0700) == 0);
}

void scenario_begin(void)
{
    scenario.program = getenv("CRUN_LITE");
    cr_assert(scenario.program != NULL && *scenario.program == '/',
              "CRUN_LITE must be the absolute path of the program to test");
    cr_assert(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
    umask(022);
    make_places();
    make_environment();
    own_mounts();
    scenario.scope.tag = scenario.tag;
    scenario.scope.base = scenario.base;
    scenario.scope.root = scenario.root;
    snapshot_take(&scenario.before, &scenario.scope);
}

void scenario_check(void)
{
    host_unmount_all();

    const char *left = leftovers(&scenario.before, &scenario.scope, PATIENCE_MS, &scenario.arena);

    cr_assert(*left == '\0', "left behind:\n%s", left);
}

/* A failed test leaves its mounts too; in our own mount namespace, so that nobody else minds. */
static void detach_mounts(const char *below)
{
    const char *lines = geteuid() == 0 ? file_text("/proc/self/mountinfo") : NULL;

    for (const char *line = lines; line != NULL && *line != '\0'; line = strchr(line, '\n') + 1) {
        char point[512] = "";

        if (sscanf(line, "%*s %*s %*s %*s %511s", point) == 1 && is_below(point, below))
            kernel_umount(point, MNT_DETACH);
    }
}

static void remove_tree(const char *directory)
{
    char *const paths[] = {(char *)directory, NULL};
    FTS *tree = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, NULL);

    for (FTSENT *entry; tree != NULL && (entry = fts_read(tree)) != NULL;) {
        if (entry->fts_info == FTS_D && geteuid() != 0)
            chmod(entry->fts_path, 0700);
        else if (entry->fts_info != FTS_D)
            remove(entry->fts_path);
    }
    if (tree != NULL)
        fts_close(tree);
}

/* Criterion does not call .fini after a skip: skip() does, hence "once". */
void scenario_end(void)
{
    if (scenario.base == NULL)
        return;
    if (*leftovers(&scenario.before, &scenario.scope, 0, &scenario.arena) != '\0')
        leftovers_remove(&scenario.scope);
    detach_mounts(scenario.base);
    remove_tree(scenario.base);
    scenario.base = NULL;
    snapshot_done(&scenario.before);
    arena_free(&scenario.arena);
}

char *work_path(const char *name)
{
    return text("%s/%s", scenario.work, name);
}

static char *make_file(const char *name, const char *content, mode_t mode)
{
    char *path = work_path(name);
    struct error err;

    cr_assert(replace_file(AT_FDCWD, path, content, strlen(content), mode, &err) == 0, "%s",
              err.text);
    return path;
}

char *work_file(const char *name, const char *content)
{
    return make_file(name, content, 0644);
}

char *work_script(const char *name, const char *content)
{
    return make_file(name, text("#!/bin/sh\n%s\n", content), 0755);
}

const char *file_text(const char *path)
{
    size_t room = 65536, used = 0;
    char *content = arena_zero(&scenario.arena, room + 1, 1);
    autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return NULL;
    for (ssize_t got; used < room && (got = read(fd, content + used, room - used)) != 0;) {
        if (got < 0)
            return NULL;
        used += (size_t)got;
    }
    content[used] = '\0';
    return content;
}

const char *file_line(const char *path)
{
    const char *content = file_text(path);
    char *line;

    cr_assert(content != NULL, "cannot read %s: %s", path, strerror(errno));
    line = arena_string(&scenario.arena, content);
    for (size_t length = strlen(line); length > 0 && line[length - 1] == '\n';)
        line[--length] = '\0';
    return line;
}

bool file_exists(const char *path)
{
    struct stat status;

    return lstat(path, &status) == 0;
}

void skip(const char *format, ...)
{
    char reason[256];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(reason, sizeof reason, format, arguments);
    va_end(arguments);
    scenario_end();
    cr_skip_test("%s", reason);
}

void need_root(void)
{
    if (geteuid() != 0)
        skip("needs root");
}

void need_command(const char *name)
{
    if (program_run(PROGRAM(.arguments = (const char *[]){"which", name, NULL})).code != 0)
        skip("needs the command %s", name);
}

bool is_one_line(const char *whole)
{
    const char *end = strchr(whole, '\n');

    return end != NULL && end != whole && end[1] == '\0';
}
