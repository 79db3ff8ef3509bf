#include "runtime/criu_choices.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/names.h"
#include "base/own.h"
#include "base/text.h"
#include "runtime/criu_externals.h"
#include "runtime/plan.h"

static int choose(const char *option, const char *value, const struct names *names,
                  const char *possible, int64_t *ret, struct error *err)
{
    char quoted[1040];

    if (value == NULL)
        return 0;

    const struct name *found = names_find(names, value);

    if (found == NULL)
        return refuse(err, EINVAL, "%s: \"%s\" is not one of %s", option, quotable(quoted, value),
                      possible);
    *ret = (int64_t)found->value;
    return 0;
}

static int choose_names(struct criu_options *options, const struct criu_choices *choices,
                        struct error *err)
{
    static const struct name rows_of_modes[] = {
        {"soft",   CRIU_CGROUPS_SOFT  },
        {"full",   CRIU_CGROUPS_FULL  },
        {"strict", CRIU_CGROUPS_STRICT},
        {"ignore", CRIU_CGROUPS_IGNORE},
    };
    static const struct names modes = NAMES_OF(rows_of_modes);
    static const struct name rows_of_locks[] = {
        {"iptables", CRIU_LOCK_IPTABLES},
        {"nftables", CRIU_LOCK_NFTABLES},
        {"skip",     CRIU_LOCK_SKIP    },
    };
    static const struct names locks = NAMES_OF(rows_of_locks);
    char quoted[1040];

    options->manage_cgroups_mode = CRIU_CGROUPS_SOFT;
    if (choose("--manage-cgroups-mode", choices->manage_cgroups_mode, &modes,
               "soft, full, strict, ignore", &options->manage_cgroups_mode, err) < 0 ||
        choose("--network-lock", choices->network_lock, &locks, "iptables, nftables, skip",
               &options->network_lock, err) < 0)
        return -err->code;
    for (size_t i = 0; i < choices->empty_namespaces.count; i++) {
        const char *name = choices->empty_namespaces.items[i];

        if (strcmp(name, "network") != 0)
            return refuse(err, EINVAL, "--empty-ns: \"%s\" is not network, the only one CRIU knows",
                          quotable(quoted, name));
        options->empty_namespaces = CLONE_NEWNET;
    }
    return 0;
}

int criu_options_from_choices(struct criu_options *ret, const struct criu_choices *choices,
                              struct error *err)
{
    struct criu_options options = {
        .images_dir = -1,
        .work_dir = -1,
        .log_level = 4, /* with the reasons of its errors */
        .notify_scripts = true,
        .orphan_terminal = true,
        .evasive_devices = true,
        .manage_cgroups = true,
        .tcp_established = choices->tcp_established,
        .tcp_close = choices->tcp_close,
        .tcp_skip_in_flight = choices->tcp_skip_in_flight,
        .external_unix_sockets = choices->external_unix_sockets,
        .shell_job = choices->shell_job,
        .file_locks = choices->file_locks,
        .link_remap = choices->link_remap,
        .lazy_pages = choices->lazy_pages,
        .auto_dedup = choices->auto_dedup,
    };

    if (choose_names(&options, choices, err) < 0)
        return -err->code;
    *ret = options;
    return 0;
}

int criu_page_server_from_text(struct criu_options *ret, const char *text, struct arena *arena,
                               struct error *err)
{
    const char *colon = strrchr(text, ':');
    char quoted[1040];

    if (colon == NULL || colon == text)
        return refuse(err, EINVAL, "--page-server: \"%s\" is not ADDRESS:PORT",
                      quotable(quoted, text));
    if (parse_int64(colon + 1, 1, 65535, &ret->page_server_port, err) < 0)
        return within(err, "--page-server: port");

    bool brackets = *text == '[' && colon[-1] == ']';
    const char *from = text + brackets;

    ret->page_server_address = arena_copy(arena, from, (size_t)(colon - brackets - from));
    return ret->page_server_address == NULL ? no_memory(err) : 0;
}

/* *ret_made: the path, when it was not there. */
static int make_directory(const char *option, const char *path, const char **ret_made,
                          struct error *err)
{
    if (mkdir(path, 0700) == 0)
        *ret_made = path;
    else if (errno != EEXIST)
        return fail(err, errno, "%s: make %s", option, path);
    return 0;
}

static int open_directory(const char *option, const char *path, struct error *err)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return fd < 0 ? fail(err, errno, "%s: %s", option, path) : fd;
}

int criu_open_directories(struct criu_directories *ret, struct criu_options *options,
                          const struct criu_choices *choices, bool make, struct arena *arena,
                          struct error *err)
{
    const char *work = choices->work_path != NULL ? choices->work_path : choices->image_path;

    options->log_file = make ? "dump.log" : "restore.log";
    ret->work_path = work;
    ret->log_path = arena_print(arena, "%s/%s", work, options->log_file);
    if (ret->log_path == NULL)
        return no_memory(err);
    if (make && make_directory("--image-path", choices->image_path, &ret->made[0], err) < 0)
        return -err->code;
    ret->images = open_directory("--image-path", choices->image_path, err);
    if (ret->images < 0 || make_directory("--work-path", work, &ret->made[1], err) < 0)
        return -err->code;
    ret->work = open_directory("--work-path", work, err);
    if (ret->work < 0)
        return -err->code;
    options->images_dir = ret->images;
    options->work_dir = ret->work;
    return 0;
}

void criu_forget_directories(struct criu_directories *directories)
{
    if (directories->made[0] != NULL && directories->images >= 0)
        unlinkat(directories->images, CRIU_STREAMS_FILE, 0);
    /* Last made first: one may be in the other. */
    for (size_t i = count_of(directories->made); i-- > 0;) {
        if (directories->made[i] != NULL)
            rmdir(directories->made[i]);
    }
}

void criu_close_directories(struct criu_directories *directories)
{
    close_fd(&directories->images);
    close_fd(&directories->work);
}

int criu_check_caller(const char *what, struct error *err)
{
    if (caller_is_privileged())
        return 0;
    return refuse(err, EPERM, "%s needs root: CRIU handles processes of the whole host", what);
}
