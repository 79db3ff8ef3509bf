/* check: whether the first program, and the hooks, can be executed: found, for this machine, with
 * their interpreter and libraries. */

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/own.h"
#include "base/text.h"
#include "runtime/check.h"
#include "runtime/elf_file.h"
#include "runtime/libraries.h"

/* The kernel follows an interpreter's interpreter that often (fs/exec.c). */
enum { INTERPRETERS_MOST = 5, SCRIPT_LINE = 256 };

/* One program, somewhere. */
struct program {
    struct check *check;
    const struct container_view *view;
    const char *place;        /* in config.json */
    const char *library_path; /* $LD_LIBRARY_PATH, or NULL */
    const char *where;        /* for messages: " in the container", "" */
};

/* --- executables ------------------------------------------------------------------------------ */

static bool has_execute_bit(int fd)
{
    struct stat status;

    return fstat(fd, &status) == 0 && (status.st_mode & 0111) != 0;
}

static bool is_regular(int fd)
{
    struct stat status;

    return fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
}

/* execve(2) says EACCES for this, too, and leaves it to the reader to think of mounts.  Nothing
 * here fails with EPERM otherwise: who may not look is told that it is hidden. */
enum { ON_A_NOEXEC_MOUNT = -EPERM };

static const char *words_of(int code)
{
    return code == ON_A_NOEXEC_MOUNT ? "it is on a mount that is noexec" : strerror(-code);
}

/* 0 and the open file; CONTAINER_VIEW_HIDDEN; ON_A_NOEXEC_MOUNT; -errno as execve(2) would say it.
 */
static int open_executable(const struct container_view *view, const char *path, int *ret,
                           char *real)
{
    autoclose int fd = -1;
    int code = container_view_open_file(view, path, &fd, real);

    if (code != 0)
        return code;
    if (!has_execute_bit(fd))
        return -EACCES;
    if (container_view_is_noexec(view, real, fd))
        return ON_A_NOEXEC_MOUNT;
    *ret = take_fd(&fd);
    return 0;
}

/* --- other machines --------------------------------------------------------------------------- */

/* Somebody has told the kernel of other kinds of programs (binfmt_misc): which, only it can tell.
 */
static bool has_other_formats(void)
{
    DIR *directory = opendir("/proc/sys/fs/binfmt_misc");
    const struct dirent *entry;
    bool found = false;

    while (directory != NULL && !found && (entry = readdir(directory)) != NULL)
        found = entry->d_name[0] != '.' && strcmp(entry->d_name, "register") != 0 &&
                strcmp(entry->d_name, "status") != 0;
    if (directory != NULL)
        closedir(directory);
    return found;
}

static bool is_of_this_machine(const struct elf_file *file, struct arena *arena)
{
    autoclose int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    struct elf_file own;
    struct error ignored;

    if (self < 0 || elf_file_read(self, arena, &own, &ignored) < 0)
        return true;
    return file->machine == own.machine || (own.machine == EM_X86_64 && file->machine == EM_386) ||
           (own.machine == EM_AARCH64 && file->machine == EM_ARM);
}

/* --- what it needs ---------------------------------------------------------------------------- */

static int check_file(const struct program *program, int fd, const char *path, int depth,
                      struct error *err);

static int check_interpreter(const struct program *program, const char *path,
                             const char *interpreter, int depth, struct error *err)
{
    char quoted[1040];
    char real[PATH_MAX];
    autoclose int fd = -1;
    int code;

    /* From the working directory, which is not there yet. */
    if (*interpreter != '/')
        return 0;
    code = open_executable(program->view, interpreter, &fd, real);
    if (code == CONTAINER_VIEW_HIDDEN)
        return 0;
    if (code < 0)
        return check_missing(program->check, err, program->place,
                             "%s: its interpreter \"%s\"%s: %s", path,
                             quotable(quoted, interpreter), program->where, words_of(code));
    return check_file(program, fd, real, depth + 1, err);
}

static int check_script(const struct program *program, char *line, const char *path, int depth,
                        struct error *err)
{
    line += strspn(line, " \t");
    line[strcspn(line, " \t\r\n")] = '\0';
    return check_interpreter(program, path, line, depth, err);
}

static int check_elf(const struct program *program, const struct elf_file *file, const char *path,
                     int depth, struct error *err)
{
    struct check *check = program->check;
    const struct libraries_request request = {program->view, path, file, program->library_path,
                                              check->arena};
    size_t before = check_count(check);
    struct missing_library missing;
    char quoted[1040];

    if (file->interpreter == NULL)
        return 0;
    if (check_interpreter(program, path, file->interpreter, depth, err) < 0)
        return -err->code;
    /* Without it nobody looks for libraries. */
    if (check_count(check) > before)
        return 0;
    if (libraries_find_missing(&request, &missing, err) < 0)
        return -err->code;
    if (missing.name == NULL)
        return 0;
    return check_missing(check, err, program->place, "%s: its library \"%s\" %s%s",
                         missing.needed_by, quotable(quoted, missing.name),
                         missing.is_broken ? "is no library" : "does not exist", program->where);
}

static int check_file(const struct program *program, int fd, const char *path, int depth,
                      struct error *err)
{
    char start[SCRIPT_LINE] = "";
    struct elf_file file;
    ssize_t length = pread(fd, start, sizeof start - 1, 0);

    if (depth > INTERPRETERS_MOST)
        return check_missing(program->check, err, program->place,
                             "%s: interpreters of interpreters without end", path);
    if (length >= 2 && start[0] == '#' && start[1] == '!')
        return check_script(program, start + 2, path, depth, err);

    int code = elf_file_read(fd, program->check->arena, &file, err);

    if (code == -ENOMEM)
        return code;
    if (code == 0 && is_of_this_machine(&file, program->check->arena))
        return check_elf(program, &file, path, depth, err);
    if (has_other_formats())
        return 0;
    return check_missing(program->check, err, program->place, "%s: %s", path,
                         code == 0 ? "a program for another kind of machine"
                                   : "neither a program nor a script that begins with #!");
}

/* --- the first program ------------------------------------------------------------------------ */

/* Of a name that is there twice the last one counts, for us as for ld.so. */
static const char *variable(const struct string_list *env, const char *name)
{
    for (size_t i = env->count; i-- > 0;) {
        if (starts_with(env->items[i], name))
            return env->items[i] + strlen(name);
    }
    return NULL;
}

/* As program_find(): the first that can be executed.  0, CONTAINER_VIEW_HIDDEN (then nothing can be
 * said), -ENOENT, or what the last that cannot be is: -EACCES, ON_A_NOEXEC_MOUNT. */
static int find_along(const struct container_view *view, const char *path, const char *name,
                      int *ret, char *real)
{
    int code = -ENOENT;

    while (path != NULL && *path != '\0') {
        size_t length = strcspn(path, ":");
        char file[PATH_MAX];

        if (length > 0 && *path == '/' &&
            snprintf(file, sizeof file, "%.*s/%s", (int)length, path, name) < (int)sizeof file) {
            int found = open_executable(view, file, ret, real);

            if (found >= 0)
                return found;
            if (found == -EACCES || found == ON_A_NOEXEC_MOUNT)
                code = found;
        }
        path += length;
        path += *path == ':';
    }
    return code;
}

static int find_program(const struct program *program, const struct spec_process *process, int *ret,
                        char *real)
{
    const char *name = process->args.items[0];
    char path[PATH_MAX];

    if (strchr(name, '/') == NULL)
        return find_along(program->view, variable(&process->env, "PATH="), name, ret, real);
    if (snprintf(path, sizeof path, "%s/%s", *name == '/' ? "" : process->cwd, name) >=
        (int)sizeof path)
        return -ENAMETOOLONG;
    return open_executable(program->view, path, ret, real);
}

static int explain(const struct program *program, const char *name, int code, struct error *err)
{
    char quoted[1040];

    quotable(quoted, name);
    if (strchr(name, '/') == NULL && code == -ENOENT)
        return check_missing(program->check, err, program->place,
                             "\"%s\": executable file not found in $PATH", quoted);
    return check_missing(program->check, err, program->place, "\"%s\": %s", quoted, words_of(code));
}

int check_program(struct check *check, struct error *err)
{
    const struct spec_process *process = check->spec->process;
    const struct program program = {
        .check = check,
        .view = &check->view,
        .place = "process.args[0]",
        .library_path = variable(&process->env, "LD_LIBRARY_PATH="),
        .where = " in the container",
    };
    char real[PATH_MAX];
    autoclose int fd = -1;

    /* A root that is missing has been told. */
    if (check->view.root < 0 || process->args.count == 0)
        return 0;

    int code = find_program(&program, process, &fd, real);

    if (code == CONTAINER_VIEW_HIDDEN)
        return 0;
    return code < 0 ? explain(&program, process->args.items[0], code, err)
                    : check_file(&program, fd, real, 0, err);
}

/* --- hooks ------------------------------------------------------------------------------------ */

/* Its own variables, or else those of who runs it: in the container they are the process's. */
static struct string_list hook_environment(const struct check *check, const struct spec_hook *hook,
                                           bool is_inside)
{
    struct string_list inherited = {.items = (const char **)check->runtime->environment};

    if (hook->env.items != NULL)
        return hook->env;
    if (is_inside)
        return check->spec->process != NULL ? check->spec->process->env : (struct string_list){0};
    while (inherited.items != NULL && inherited.items[inherited.count] != NULL)
        inherited.count++;
    return inherited;
}

/* On the host it is this user who executes it, by its path as it is: a link of /proc to a program
 * (Docker's hooks: /proc/PID/exe) leads there, whatever it reads as. */
static int open_host_hook(const char *path, int *ret, char *real)
{
    autoclose int fd = -1;

    if (faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) < 0)
        return -errno;
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    /* Executable, and not to be read. */
    if (fd < 0)
        return errno == EACCES ? CONTAINER_VIEW_HIDDEN : -errno;
    if (!is_regular(fd))
        return -EACCES;
    if (realpath(path, real) == NULL)
        snprintf(real, PATH_MAX, "%s", path);
    *ret = take_fd(&fd);
    return 0;
}

static int check_hook(struct check *check, const struct container_view *view,
                      const struct spec_hook *hook, const char *place, struct error *err)
{
    bool is_inside = view == &check->view;
    const struct string_list environment = hook_environment(check, hook, is_inside);
    const struct program program = {
        .check = check,
        .view = view,
        .place = place,
        .library_path = variable(&environment, "LD_LIBRARY_PATH="),
        .where = is_inside ? " in the container" : "",
    };
    char real[PATH_MAX];
    autoclose int fd = -1;
    int code = is_inside ? open_executable(view, hook->path, &fd, real)
                         : open_host_hook(hook->path, &fd, real);

    if (code == CONTAINER_VIEW_HIDDEN)
        return 0;
    return code < 0 ? check_missing(check, err, place, "%s: %s", hook->path, words_of(code))
                    : check_file(&program, fd, real, 0, err);
}

static int check_hook_list(struct check *check, const struct spec_hook_list *list, const char *name,
                           const struct container_view *view, struct error *err)
{
    for (size_t i = 0; i < list->count; i++) {
        const char *place = arena_print(check->arena, "hooks.%s[%zu].path", name, i);

        if (place == NULL)
            return no_memory(err);
        if (view->root >= 0 && check_hook(check, view, &list->items[i], place, err) < 0)
            return -err->code;
    }
    return 0;
}

/* config.md, "POSIX-platform Hooks": those of startContainer are the container's files, all others
 * the host's. */
int check_hooks(struct check *check, struct error *err)
{
    const struct spec_hooks *hooks = check->spec->hooks;
    autoclose int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    const struct container_view host = {.root = root};
    const struct {
        const char *name;
        const struct spec_hook_list *list;
        const struct container_view *view;
    } lists[] = {
        {"prestart",        &hooks->prestart,         &host       },
        {"createRuntime",   &hooks->create_runtime,   &host       },
        {"createContainer", &hooks->create_container, &host       },
        {"startContainer",  &hooks->start_container,  &check->view},
        {"poststart",       &hooks->poststart,        &host       },
        {"poststop",        &hooks->poststop,         &host       },
    };

    for (size_t i = 0; i < count_of(lists); i++) {
        if (check_hook_list(check, lists[i].list, lists[i].name, lists[i].view, err) < 0)
            return -err->code;
    }
    return 0;
}
