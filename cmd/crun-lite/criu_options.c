#include "cmd/crun-lite/criu_options.h"

#include <errno.h>
#include <limits.h>
#include <unistd.h>

#include "cmd/crun-lite/globals.h"

#define AT(member) offsetof(struct criu_command_options, member)

/* clang-format off */
const struct option criu_option_rows[CRIU_OPTION_COUNT] = {
    {"image-path",          0, OPTION_STRING,  AT(image_path),            "DIR",
     "the images (default: ./checkpoint)"},
    {"work-path",           0, OPTION_STRING,  AT(work_path),             "DIR",
     "CRIU's log and statistics (default: the images' directory)"},
    {"tcp-established",     0, OPTION_FLAG,    AT(tcp_established),       NULL,
     "allow open TCP connections"},
    {"tcp-close",           0, OPTION_FLAG,    AT(tcp_close),             NULL,
     "close open TCP connections"},
    {"ext-unix-sk",         0, OPTION_FLAG,    AT(external_unix_sockets), NULL,
     "allow Unix sockets connected to the outside"},
    {"shell-job",           0, OPTION_FLAG,    AT(shell_job),             NULL,
     "allow a terminal and session from outside"},
    {"file-locks",          0, OPTION_FLAG,    AT(file_locks),            NULL,
     "allow file locks"},
    {"manage-cgroups-mode", 0, OPTION_STRING,  AT(manage_cgroups_mode),   "MODE",
     "soft (default), full, strict or ignore"},
    {"network-lock",        0, OPTION_STRING,  AT(network_lock),          "METHOD",
     "how the network is held: iptables, nftables or skip"},
    {"empty-ns",            0, OPTION_STRINGS, AT(empty_namespaces),      "NAMESPACE",
     "leave what is in this namespace out: network"},
    {"auto-dedup",          0, OPTION_FLAG,    AT(auto_dedup),            NULL,
     "drop from parent images what newer ones hold"},
    {"lazy-pages",          0, OPTION_FLAG,    AT(lazy_pages),            NULL,
     "bring memory only when it is touched (userfaultfd)"},
};
/* clang-format on */

static int make_absolute(const char *path, const char *current, struct arena *arena,
                         const char **ret, struct error *err)
{
    if (path == NULL)
        return 0;
    *ret = path_clean(path, current, arena);
    return *ret == NULL ? no_memory(err) : 0;
}

int criu_choices_from_options(const struct criu_command_options *options, struct arena *arena,
                              struct criu_choices *ret, struct error *err)
{
    const char *images = options->image_path != NULL ? options->image_path : "checkpoint";
    char current[PATH_MAX];

    *ret = (struct criu_choices){
        .tcp_established = options->tcp_established,
        .tcp_close = options->tcp_close,
        .external_unix_sockets = options->external_unix_sockets,
        .shell_job = options->shell_job,
        .file_locks = options->file_locks,
        .lazy_pages = options->lazy_pages,
        .auto_dedup = options->auto_dedup,
        .manage_cgroups_mode = options->manage_cgroups_mode,
        .network_lock = options->network_lock,
        .empty_namespaces = options->empty_namespaces,
    };
    if (getcwd(current, sizeof current) == NULL)
        return fail(err, errno, "the working directory");
    if (make_absolute(images, current, arena, &ret->image_path, err) < 0)
        return -err->code;
    return make_absolute(options->work_path, current, arena, &ret->work_path, err);
}
