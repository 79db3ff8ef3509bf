#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/file.h"
#include "base/own.h"
#include "cmd/crun-lite/command.h"
#include "cmd/crun-lite/default_config.h"

struct spec_options {
    const char *bundle;
    const char *file;
    bool rootless;
};

static const struct option rows[] = {
    {"bundle",   'b', OPTION_STRING, offsetof(struct spec_options, bundle),   "DIR",
     "write it there (default: the current directory)"},
    {"file",     'f', OPTION_STRING, offsetof(struct spec_options, file),     "FILE",
     "write it to FILE, in the bundle unless it is absolute (default:\n"
     "config.json)"                                   },
    {"rootless", 0,   OPTION_FLAG,   offsetof(struct spec_options, rootless), NULL,
     "for an ordinary user, with a user namespace"    },
};

/* Never over an existing file. */
static int write_new(int dir, const char *name, const char *text, size_t length, struct error *err)
{
    autoclose int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);

    if (fd < 0 && errno == EEXIST)
        return refuse(err, EEXIST, "file %s exists: remove it first", name);
    if (fd < 0)
        return fail(err, errno, "make %s", name);

    int code = write_all(fd, text, length);

    if (code < 0) {
        unlinkat(dir, name, 0);
        return fail(err, -code, "write %s", name);
    }
    return 0;
}

static int write_spec(struct context *context, const void *command_options,
                      const struct arguments *arguments, struct error *err)
{
    const struct spec_options *options = command_options;
    const char *bundle = options->bundle != NULL ? options->bundle : ".";
    struct default_config config = {
        .rootless = options->rootless, .uid = geteuid(), .gid = getegid()};
    autoclose int dir = open(bundle, O_PATH | O_DIRECTORY | O_CLOEXEC);
    const char *text;
    size_t length;

    (void)arguments;
    if (dir < 0)
        return fail(err, errno, "open bundle %s", bundle);
    if (default_config_print(&config, context->arena, &text, &length, err) < 0)
        return -err->code;
    return write_new(dir, options->file != NULL ? options->file : "config.json", text, length, err);
}

const struct command spec_command = {
    .name = "spec",
    .synopsis = "[options]",
    .summary = "write a config.json to start from",
    .options = {.tables = {OPTION_TABLE_OF(rows)}},
    .options_size = sizeof(struct spec_options),
    .failure_status = 1,
    .run = write_spec,
};
