#include "runtime/bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/own.h"
#include "runtime/ordinary_user.h"
#include "runtime/overrides.h"

enum { CONFIG_SIZE_MOST = 16 * 1024 * 1024 };

static int open_bundle(const char *path, struct arena *arena, int *ret_fd, const char **ret_path,
                       struct error *err)
{
    char quoted[1040];
    char absolute[PATH_MAX];
    autoclose int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return fail(err, errno, "bundle %s", quotable(quoted, path));
    if (realpath(path, absolute) == NULL)
        return fail(err, errno, "bundle %s", quotable(quoted, path));
    *ret_path = arena_string(arena, absolute);
    if (*ret_path == NULL)
        return no_memory(err);
    *ret_fd = take_fd(&fd);
    return 0;
}

/* --config: a file of any name instead of the bundle's config.json. */
static int load_config(const char *path, struct arena *arena, const struct log *log,
                       struct spec **ret, struct error *err)
{
    char *json;
    size_t length;

    if (read_file(AT_FDCWD, path, CONFIG_SIZE_MOST, arena, &json, &length, err) < 0)
        return -err->code;
    return spec_parse(json, length, path, arena, log, ret, err);
}

static int complete(const struct create_request *request, const struct log *log, struct spec *spec,
                    struct arena *arena, struct error *err)
{
    if (geteuid() != 0 &&
        ordinary_user_add_namespace(spec, geteuid(), getegid(), arena, log, err) < 0)
        return prefix(err, "%s: ", request->config != NULL ? request->config : "config.json");
    if (spec_validate(spec, err) < 0)
        return prefix(err, "%s: ", request->config != NULL ? request->config : "config.json");
    return 0;
}

int bundle_load(const struct create_request *request, const struct log *log, struct arena *arena,
                struct spec **ret, const char **ret_path, struct error *err)
{
    autoclose int bundle = -1;
    const char *path;
    struct spec *spec;

    if (open_bundle(request->bundle, arena, &bundle, &path, err) < 0)
        return -err->code;

    int code = request->config == NULL ? spec_load(bundle, path, arena, log, &spec, err)
                                       : load_config(request->config, arena, log, &spec, err);

    if (code < 0 || overrides_apply(&request->overrides, spec, arena, err) < 0 ||
        complete(request, log, spec, arena, err) < 0)
        return -err->code;
    *ret = spec;
    *ret_path = path;
    return 0;
}
