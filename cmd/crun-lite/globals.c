#include "cmd/crun-lite/globals.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/own.h"
#include "base/timing.h"

extern char **environ;

#define AT(member) offsetof(struct global_options, member)

/* clang-format off */
static const struct option rows[] = {
    {"root", 0, OPTION_ANY_STRING, AT(root), "DIR",
     "keep containers' state here (default /run/crun-lite, or\n"
     "$XDG_RUNTIME_DIR/crun-lite for an ordinary user)"},
    {"log", 0, OPTION_STRING, AT(log), "FILE",
     "append errors to FILE too, or send them to syslog:NAME or\n"
     "journald:NAME"},
    {"log-format", 0, OPTION_STRING, AT(log_format), "FORMAT",
     "text (default) or json"},
    {"log-level", 0, OPTION_STRING, AT(log_level), "LEVEL",
     "error, warning (default) or debug"},
    {"debug", 0, OPTION_FLAG, AT(debug), NULL,
     "log every step as it is done (as --log-level debug)"},
    {"trace", 0, OPTION_STRING, AT(trace), "FILE",
     "write how long every step took to FILE, for Perfetto or\n"
     "chrome://tracing"},
    {"systemd-cgroup", 0, OPTION_FLAG, AT(systemd_cgroup), NULL,
     "let systemd make the cgroups (as --cgroup-manager systemd)"},
    {"cgroup-manager", 0, OPTION_STRING, AT(cgroup_manager), "NAME",
     "cgroupfs (default), systemd or disabled"},
    {"rootless", 0, OPTION_STRING, AT(rootless), "MODE",
     "true, false or auto (default): run without rights on the host"},
    {"version", 'v', OPTION_FLAG, AT(version), NULL,
     "show the version"},
    {"version", 'V', OPTION_FLAG, AT(version), NULL, NULL}, /* crun's letter */
    {"criu", 0, OPTION_IGNORED, 0, "PATH", NULL},
};
/* clang-format on */

const struct option_set global_option_set = {
    .tables = {OPTION_TABLE_OF(rows)},
    .stop_at_first = true,
};

char *path_clean(const char *path, const char *current, struct arena *arena)
{
    char *joined = *path == '/' ? arena_print(arena, "%s", path)
                                : arena_print(arena, "%s/%s", current, path);
    char *clean = joined == NULL ? NULL : arena_zero(arena, strlen(joined) + 2, 1);
    size_t used = 0;

    if (clean == NULL)
        return NULL;
    for (char *rest = joined, *part; (part = strsep(&rest, "/")) != NULL;) {
        if (*part == '\0' || strcmp(part, ".") == 0)
            continue;
        if (strcmp(part, "..") == 0) {
            while (used > 0 && clean[--used] != '/')
                ;
            clean[used] = '\0';
            continue;
        }
        clean[used++] = '/';
        strcpy(clean + used, part);
        used += strlen(part);
    }
    if (used == 0)
        strcpy(clean, "/");
    return clean;
}

/* Root of a user namespace is root in name only.  The first one maps every id to itself. */
static bool in_user_namespace(void)
{
    char map[128];
    unsigned inside, outside, count;

    if (read_pseudo_file(AT_FDCWD, "/proc/self/uid_map", map, sizeof map) < 0)
        return false;
    return sscanf(map, "%u %u %u", &inside, &outside, &count) != 3 || inside != 0 || outside != 0 ||
           count != UINT_MAX;
}

/* Where an ordinary user's runtime files belong, or NULL. */
static const char *user_runtime_directory(void)
{
    const char *directory = getenv("XDG_RUNTIME_DIR");
    const char *user = getenv("USER");

    if (directory == NULL || *directory != '/')
        return NULL;
    if (geteuid() != 0)
        return directory;
    /* `unshare -r` keeps the user's environment; root of a system container has its own. */
    return in_user_namespace() && (user == NULL || strcmp(user, "root") != 0) ? directory : NULL;
}

/* The directory of the first bus in a D-Bus address that lies in one as "bus", where a user's
 * systemd puts it: "unix:path=/run/user/1000/bus,guid=...;...".  NULL when there is none. */
static const char *directory_of_bus(const char *address, struct arena *arena)
{
    static const char scheme[] = "unix:path=", name[] = "/bus";
    const size_t scheme_length = sizeof scheme - 1, name_length = sizeof name - 1;

    while (address != NULL) {
        const char *path = address + scheme_length;

        if (strncmp(address, scheme, scheme_length) == 0 && *path == '/') {
            size_t length = strcspn(path, ",;");

            if (length > name_length &&
                strncmp(path + length - name_length, name, name_length) == 0)
                return arena_copy(arena, path, length - name_length);
        }
        address = strchr(address, ';');
        address += address != NULL;
    }
    return NULL;
}

/* Where the user's systemd is to be found.  The bus comes first, as with runc and sd-bus: Podman
 * without a session makes up an XDG_RUNTIME_DIR, and still names the right bus. */
static const char *user_manager_directory(const char *bus, const char *runtime_directory,
                                          struct arena *arena)
{
    const char *directory = directory_of_bus(bus, arena);

    if (directory != NULL)
        return directory;
    if (runtime_directory != NULL && *runtime_directory == '/')
        return runtime_directory;
    return arena_print(arena, "/run/user/%u", geteuid());
}

static int choose_root(const struct global_options *options, struct context *context,
                       struct error *err)
{
    const char *directory = user_runtime_directory();
    char current[PATH_MAX] = "/";
    char *root;

    if (options->root == NULL) {
        root = directory != NULL ? arena_print(context->arena, "%s/crun-lite", directory)
                                 : arena_string(context->arena, "/run/crun-lite");
    } else {
        if (*options->root == '\0')
            return refuse(err, EINVAL, "--root: must not be empty");
        if (*options->root != '/' && getcwd(current, sizeof current) == NULL)
            return fail(err, errno, "--root: find the current directory");
        root = path_clean(options->root, current, context->arena);
        context->root_given = true;
    }
    if (root == NULL)
        return no_memory(err);
    if (strcmp(root, "/") == 0)
        return refuse(err, EINVAL, "--root: must not be /");
    context->runtime.root = root;
    return 0;
}

static int choose_cgroup_manager(const struct global_options *options, struct runtime *runtime,
                                 struct error *err)
{
    static const struct name rows_of_managers[] = {
        {"cgroupfs", RUNTIME_CGROUPFS  },
        {"systemd",  RUNTIME_SYSTEMD   },
        {"disabled", RUNTIME_NO_CGROUPS},
    };
    static const struct names managers = NAMES_OF(rows_of_managers);
    char quoted[1040];

    runtime->cgroup_manager = options->systemd_cgroup ? RUNTIME_SYSTEMD : RUNTIME_CGROUPFS;
    if (options->cgroup_manager == NULL)
        return 0;

    const struct name *found = names_find(&managers, options->cgroup_manager);

    if (found == NULL)
        return refuse(err, EINVAL,
                      "--cgroup-manager: \"%s\" is not one of cgroupfs, systemd, disabled",
                      quotable(quoted, options->cgroup_manager));
    runtime->cgroup_manager = (enum runtime_cgroup_manager)found->value;
    return 0;
}

/* As runc: "auto" however it is written, nothing at all, or what any flag understands. */
static int choose_rootless(const struct global_options *options, struct runtime *runtime,
                           struct error *err)
{
    const char *mode = options->rootless;
    struct error ignored;
    char quoted[1040];

    if (mode == NULL || *mode == '\0' || strcasecmp(mode, "auto") == 0) {
        runtime->rootless = geteuid() != 0 || in_user_namespace();
        return 0;
    }
    if (option_parse_bool(mode, &runtime->rootless, &ignored) < 0)
        return refuse(err, EINVAL, "--rootless: \"%s\" is not one of true, false, auto",
                      quotable(quoted, mode));
    return 0;
}

int globals_apply(const struct global_options *options, struct context *context, struct error *err)
{
    const struct log_choice choice = {
        .path = options->log,
        .format = options->log_format,
        .level = options->log_level,
        .debug = options->debug,
    };

    if (log_file_open(&context->log_file, &choice, err) < 0)
        return -err->code;
    context->runtime.log = (struct log){
        .write = log_file_write,
        .context = &context->log_file,
        .debug = context->log_file.debug,
        .fd = context->log_file.fd,
    };
    context->trace_path = options->trace;
    if (options->trace != NULL && trace_open(&context->runtime.log.trace, err) < 0)
        return -err->code;
    context->runtime.environment = environ;
    context->runtime.user_directory = user_manager_directory(
        getenv("DBUS_SESSION_BUS_ADDRESS"), getenv("XDG_RUNTIME_DIR"), context->arena);
    if (choose_root(options, context, err) < 0 ||
        choose_cgroup_manager(options, &context->runtime, err) < 0 ||
        choose_rootless(options, &context->runtime, err) < 0)
        return -err->code;
    return 0;
}
