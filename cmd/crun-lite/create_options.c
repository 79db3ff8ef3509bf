#include "cmd/crun-lite/create_options.h"

#include <errno.h>
#include <string.h>

#include "cmd/crun-lite/service_manager.h"

const struct option create_option_rows[CREATE_OPTION_COUNT] = {
    {"bundle",         'b', OPTION_STRING,          offsetof(struct create_options, bundle),         "DIR",
     "the bundle (default: the current directory)"              },
    {"config",         'f', OPTION_STRING,          offsetof(struct create_options, config),         "FILE",
     "read FILE instead of the bundle's config.json"            },
    {"console-socket", 0,   OPTION_STRING,          offsetof(struct create_options, console_socket), "SOCKET",
     "send the terminal's master to this socket"                },
    {"pidfd-socket",   0,   OPTION_STRING,          offsetof(struct create_options, pidfd_socket),   "SOCKET",
     "send a pidfd of the first process to this socket"         },
    {"pid-file",       0,   OPTION_STRING,          offsetof(struct create_options, pid_file),       "FILE",
     "write the first process's pid to FILE"                    },
    {"preserve-fds",   0,   OPTION_NUMBER,          offsetof(struct create_options, preserve_fds),   "N",
     "pass on N descriptors from 3 (behind those of LISTEN_FDS)"},
    {"no-pivot",       0,   OPTION_FLAG,            offsetof(struct create_options, no_pivot),       NULL,
     "do not use pivot_root, for a root on a ramdisk"           },
    {"no-new-keyring", 0,   OPTION_FLAG,            offsetof(struct create_options, no_new_keyring), NULL,
     "keep the caller's session keyring"                        },
    {"no-subreaper",   0,   OPTION_FLAG,            offsetof(struct create_options, no_subreaper),   NULL,
     "leave orphans of the container to somebody else"          },
    {"cpus",           0,   OPTION_ANY_STRING,      offsetof(struct create_options, cpus),           "N",
     "CPU time, in CPUs: 0.25 is a quarter of one"              },
    {"memory",         0,   OPTION_ANY_STRING,      offsetof(struct create_options, memory),         "SIZE",
     "memory limit: 512M"                                       },
    {"pids",           0,   OPTION_ANY_STRING,      offsetof(struct create_options, pids),           "N",
     "at most N processes and threads"                          },
    {"hostname",       0,   OPTION_ANY_STRING,      offsetof(struct create_options, hostname),       "NAME",
     "hostname inside"                                          },
    {"env",            'e', OPTION_STRINGS,         offsetof(struct create_options, env),            "NAME=VALUE",
     "set an environment variable; may be repeated"             },
    {"read-only",      0,   OPTION_FLAG,            offsetof(struct create_options, read_only),      NULL,
     "make the root file system read-only"                      },
    {"overlay",        0,   OPTION_OPTIONAL_STRING, offsetof(struct create_options, overlay),        "DIR",
     "write to a layer over the root file system, which stays as it\n"
     "is; the layer is kept in DIR, or gone with the container" },
    {"strict",         0,   OPTION_FLAG,            offsetof(struct create_options, strict),         NULL,
     "refuse a bundle of which a part would have no effect"     },
    {"time-limit",     0,   OPTION_DURATION,        offsetof(struct create_options, time_limit_ns),  "TIME",
     "end the container after TIME (3h, 1m30s): SIGTERM, and SIGKILL\n"
     "ten seconds later"                                        },
};

int check_environment(const char *name, const struct string_list *env, struct error *err)
{
    char quoted[1040];

    for (size_t i = 0; i < env->count; i++) {
        if (env->items[i][0] == '=' || strchr(env->items[i], '=') == NULL)
            return refuse(err, EINVAL, "--%s: \"%s\" is not NAME=VALUE", name,
                          quotable(quoted, env->items[i]));
    }
    return 0;
}

int arguments_behind_dashes(const struct arguments *arguments, struct string_list *ret,
                            struct error *err)
{
    const struct string_list *items = &arguments->items;

    *ret = (struct string_list){0};
    if (items->count == 1)
        return 0;
    if (!arguments->dashes || arguments->before_dashes != 1)
        return refuse(err, EINVAL,
                      "one argument is expected, %zu are given (arguments for the container's "
                      "process go behind --)",
                      items->count);
    *ret = (struct string_list){items->items + 1, items->count - 1};
    return 0;
}

int create_request_from_options(const struct create_options *options, struct string_list args,
                                struct create_request *ret, struct error *err)
{
    struct create_request request = {
        .bundle = options->bundle != NULL ? options->bundle : ".",
        .config = options->config,
        .console_socket = options->console_socket,
        .pidfd_socket = options->pidfd_socket,
        .pid_file = options->pid_file,
        .preserve_fds = options->preserve_fds,
        .notify_socket = notify_socket_from_environment(),
        .no_pivot = options->no_pivot,
        .no_new_keyring = options->no_new_keyring,
        .strict = options->strict,
        .time_limit_ns = options->time_limit_ns,
        .time_limit_grace_ns = TIME_LIMIT_GRACE_NS,
        .overrides =
            {
                        .cpus = options->cpus,
                        .memory = options->memory,
                        .pids = options->pids,
                        .hostname = options->hostname,
                        .env = options->env,
                        .args = args,
                        .read_only = options->read_only,
                        .overlay = options->overlay.given,
                        .overlay_directory = options->overlay.value,
                        },
    };

    if (check_environment("env", &options->env, err) < 0 ||
        listen_fds_from_environment(&request.listen_fds, &request.listen_names, err) < 0)
        return -err->code;
    *ret = request;
    return 0;
}
