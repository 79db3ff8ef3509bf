/* From a bundle, or from text in memory, to the model. */

#include <errno.h>

#include "base/file.h"
#include "spec/fields.h"
#include "spec/json.h"
#include "spec/place.h"
#include "spec/spec.h"

int spec_parse(const char *json, size_t length, const char *name, struct arena *arena,
               const struct log *log, struct spec **ret, struct error *err)
{
    struct spec *spec = arena_zero(arena, 1, sizeof *spec);

    if (spec == NULL)
        return no_memory(err);
    if (fields_decode(&spec_fields, json, length, arena, spec, err) < 0)
        return within(err, "%s", name);
    if (spec_validate(spec, err) < 0)
        return within(err, "%s", name);
    /* A second reading, for the strict. */
    if (log_is_strict(log) && fields_tell_ignored(&spec_fields, json, length, log, err) < 0)
        return within(err, "%s", name);
    *ret = spec;
    return 0;
}

int spec_parse_process(const char *json, size_t length, const char *name, struct arena *arena,
                       struct spec_process **ret, struct error *err)
{
    struct spec_process *process = arena_zero(arena, 1, sizeof *process);

    if (process == NULL)
        return no_memory(err);
    if (fields_decode(&spec_process_fields, json, length, arena, process, err) < 0)
        return within(err, "%s", name);
    if (spec_validate_process(process, err) < 0)
        return within(err, "%s", name);

    /* Unlike the container's own, this one is started at once. */
    if (process->args.items == NULL) {
        refuse(err, EINVAL, "missing \"args\"");
        return within(err, "%s", name);
    }
    *ret = process;
    return 0;
}

int spec_parse_resources(const char *json, size_t length, const char *name, struct arena *arena,
                         struct spec_resources **ret, struct error *err)
{
    struct spec_resources *resources = arena_zero(arena, 1, sizeof *resources);

    if (resources == NULL)
        return no_memory(err);
    if (fields_decode(&spec_resources_fields, json, length, arena, resources, err) < 0)
        return within(err, "%s", name);
    if (spec_validate_resources(resources, err) < 0)
        return within(err, "%s", name);
    *ret = resources;
    return 0;
}

int spec_parse_mounts(const char *json, size_t length, const char *name, struct arena *arena,
                      struct spec_mounts *ret, struct error *err)
{
    struct spec_mounts mounts;
    void *items;

    if (fields_decode_array(&spec_mount_fields, "mounts", json, length, arena, &items,
                            &mounts.count, err) < 0)
        return within(err, "%s", name);
    mounts.items = items;
    if (spec_validate_mounts(&mounts, err) < 0)
        return within(err, "%s", name);
    *ret = mounts;
    return 0;
}

int spec_load(int dir, const char *dir_path, struct arena *arena, const struct log *log,
              struct spec **ret, struct error *err)
{
    /* The model keeps copies of what it needs of the text. */
    autoarena struct arena text = {0};
    char *json = NULL;
    size_t length = 0;

    if (read_file(dir, "config.json", JSON_MOST_BYTES, &text, &json, &length, err) < 0) {
        if (err->code != ENOENT)
            return -err->code;
        return refuse(err, ENOENT, "JSON specification file config.json not found in %s", dir_path);
    }
    return spec_parse(json, length, "config.json", arena, log, ret, err);
}
