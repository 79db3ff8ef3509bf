/* config.md: the rules between fields.  What one row of a table can tell is told there. */

#include "spec/validate.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>

#include "base/own.h"
#include "base/text.h"
#include "spec/place.h"
#include "spec/version.h"

/* __NEW_UTS_LEN: what sethostname(2) and setdomainname(2) take. */
enum { MOST_HOST_NAME = 64 };

/* user_namespaces(7): lines in a uid_map, since Linux 4.15. */
enum { MOST_ID_MAPPINGS = 340 };

/* --- helpers of all the parts
 * ---------------------------------------------------------------------- */

int validate_absolute(const char *path, struct error *err)
{
    char quoted[1040];

    if (path[0] == '/')
        return 0;
    return wrong(err, "\"%s\" is not an absolute path", quotable(quoted, path));
}

int validate_absolute_paths(const struct string_list *paths, struct error *err)
{
    for (size_t i = 0; i < paths->count; i++) {
        if (validate_absolute(paths->items[i], err) < 0)
            return in_item(err, i);
    }
    return 0;
}

/* Take a number and the blanks around it from *at; UINT64_MAX when there is none or it is too big.
 */
static uint64_t take_number(const char **at)
{
    const char *digits = *at + strspn(*at, " ");
    size_t length = strspn(digits, "0123456789");
    struct error ignored;
    char number[12];
    uint64_t value;

    *at = digits + length + strspn(digits + length, " ");
    if (length == 0 || length >= sizeof number)
        return UINT64_MAX;
    memcpy(number, digits, length);
    number[length] = '\0';
    return parse_uint64(number, UINT64_MAX, &value, &ignored) < 0 ? UINT64_MAX : value;
}

int validate_number_list(const char *list, uint64_t most, struct error *err)
{
    const char *at = list;
    char quoted[1040];

    do {
        at += at != list; /* the comma */

        uint64_t first = take_number(&at);
        uint64_t last = first;

        if (*at == '-') {
            at++;
            last = take_number(&at);
        }
        if (first > last || last > most || (*at != ',' && *at != '\0'))
            return wrong(err, "\"%s\" is not a list such as 0-3,7 of numbers up to %" PRIu64,
                         quotable(quoted, list), most);
    } while (*at != '\0');
    return 0;
}

static bool overlap(uint32_t first, uint32_t first_size, uint32_t second, uint32_t second_size)
{
    return first < (uint64_t)second + second_size && second < (uint64_t)first + first_size;
}

/* The kernel takes no id twice, on neither side, and not the last one, (uid_t)-1. */
static int check_mapping(const struct spec_id_mappings *mappings, size_t index, struct error *err)
{
    const struct spec_id_mapping *mapping = &mappings->items[index];

    if (mapping->size == 0)
        return wrong(err, "size is 0");
    if ((uint64_t)mapping->container_id + mapping->size > UINT32_MAX)
        return wrong(err, "containerID %" PRIu32 " and size %" PRIu32 " go beyond the last id",
                     mapping->container_id, mapping->size);
    if ((uint64_t)mapping->host_id + mapping->size > UINT32_MAX)
        return wrong(err, "hostID %" PRIu32 " and size %" PRIu32 " go beyond the last id",
                     mapping->host_id, mapping->size);
    for (size_t i = 0; i < index; i++) {
        const struct spec_id_mapping *other = &mappings->items[i];

        if (overlap(mapping->container_id, mapping->size, other->container_id, other->size))
            return wrong(err, "containerID %" PRIu32 " to %" PRIu32 " overlaps entry %zu",
                         mapping->container_id, mapping->container_id + mapping->size - 1, i);
        if (overlap(mapping->host_id, mapping->size, other->host_id, other->size))
            return wrong(err, "hostID %" PRIu32 " to %" PRIu32 " overlaps entry %zu",
                         mapping->host_id, mapping->host_id + mapping->size - 1, i);
    }
    return 0;
}

int validate_id_mappings(const struct spec_id_mappings *mappings, struct error *err)
{
    if (mappings->count > MOST_ID_MAPPINGS)
        return wrong(err, "%zu entries are more than the kernel takes (%d)", mappings->count,
                     MOST_ID_MAPPINGS);
    for (size_t i = 0; i < mappings->count; i++) {
        if (check_mapping(mappings, i, err) < 0)
            return in_item(err, i);
    }
    return 0;
}

/* --- "Specification version"
 * ------------------------------------------------------------------------ */

/* Minor versions only add, so newer ones are accepted; so are the drafts before 1.0.0. */
static int check_version(const struct spec *spec, struct error *err)
{
    char quoted[1040];
    struct version version;

    if (!version_parse(spec->oci_version, &version))
        wrong(err, "\"%s\" is not a version (supported: %s to %s)",
              quotable(quoted, spec->oci_version), SPEC_VERSION_LEAST, SPEC_VERSION_MOST);
    else if (version.major > 1)
        wrong(err, "\"%s\" is not supported (supported: %s to %s)",
              quotable(quoted, spec->oci_version), SPEC_VERSION_LEAST, SPEC_VERSION_MOST);
    else
        return 0;
    return in_member(err, "ociVersion");
}

/* --- "Root"
 * -------------------------------------------------------------------------------------------- */

/* "root ... REQUIRED" on all platforms but Windows. */
static int check_root(const struct spec *spec, struct error *err)
{
    if (spec->root == NULL)
        return wrong(err, "missing \"root\"");
    if (spec->root->path[0] != '\0')
        return 0;
    wrong(err, "is empty");
    in_member(err, "path");
    return in_member(err, "root");
}

/* --- "Mounts"
 * ------------------------------------------------------------------------------------------- */

/* An idmapped mount needs both kinds of mappings (mount_setattr(2)). */
static int check_mount(const struct spec_mount *mount, struct error *err)
{
    if (mount->destination[0] == '\0')
        wrong(err, "is empty");
    else if (strlen(mount->destination) >= PATH_MAX)
        wrong(err, "%zu bytes are too long for a path (at most %d)", strlen(mount->destination),
              PATH_MAX - 1);
    else if (mount->uid_mappings.count > 0 && mount->gid_mappings.count == 0)
        return wrong(err, "uidMappings without gidMappings");
    else if (mount->gid_mappings.count > 0 && mount->uid_mappings.count == 0)
        return wrong(err, "gidMappings without uidMappings");
    else if (validate_id_mappings(&mount->uid_mappings, err) < 0)
        return in_member(err, "uidMappings");
    else if (validate_id_mappings(&mount->gid_mappings, err) < 0)
        return in_member(err, "gidMappings");
    else
        return 0;
    return in_member(err, "destination");
}

static int check_mount_list(const struct spec_mounts *mounts, struct error *err)
{
    for (size_t i = 0; i < mounts->count; i++) {
        if (check_mount(&mounts->items[i], err) < 0) {
            in_item(err, i);
            return in_member(err, "mounts");
        }
    }
    return 0;
}

static int check_mounts(const struct spec *spec, struct error *err)
{
    return check_mount_list(&spec->mounts, err);
}

/* --- "Process"
 * --------------------------------------------------------------------------------------------- */

static int check_process(const struct spec *spec, struct error *err)
{
    if (spec->process != NULL && validate_process(spec->process, err) < 0)
        return in_member(err, "process");
    return 0;
}

static bool is_mapped(const struct spec_id_mappings *mappings, uint32_t id)
{
    for_each_item (mapping, mappings) {
        if (id >= mapping->container_id && id - mapping->container_id < mapping->size)
            return true;
    }
    return false;
}

static int unmapped(const char *mappings, uint32_t id, struct error *err)
{
    return wrong(err, "%" PRIu32 " is not mapped by linux.%s", id, mappings);
}

static int check_user_ids(const struct spec_user *user, const struct spec_linux *linux_,
                          struct error *err)
{
    if (!is_mapped(&linux_->uid_mappings, user->uid)) {
        unmapped("uidMappings", user->uid, err);
        return in_member(err, "uid");
    }
    if (!is_mapped(&linux_->gid_mappings, user->gid)) {
        unmapped("gidMappings", user->gid, err);
        return in_member(err, "gid");
    }
    for (size_t i = 0; i < user->additional_gids.count; i++) {
        if (is_mapped(&linux_->gid_mappings, user->additional_gids.items[i]))
            continue;
        unmapped("gidMappings", user->additional_gids.items[i], err);
        in_item(err, i);
        return in_member(err, "additionalGids");
    }
    return 0;
}

/* "User": in a new user namespace nobody can become an id that it does not map. */
static int check_mapped_user(const struct spec *spec, struct error *err)
{
    const struct spec_namespace *user = spec_namespace_find(spec, SPEC_NAMESPACE_USER);

    if (spec->process == NULL || user == NULL || user->path != NULL)
        return 0;
    if (check_user_ids(&spec->process->user, spec->linux_, err) == 0)
        return 0;
    in_member(err, "user");
    return in_member(err, "process");
}

/* --- "Hostname", "Domainname"
 * -------------------------------------------------------------------------------- */

static int check_uts_name(const struct spec *spec, const char *member, const char *name,
                          struct error *err)
{
    char quoted[1040];

    if (name == NULL)
        return 0;
    if (spec_namespace_find(spec, SPEC_NAMESPACE_UTS) == NULL)
        wrong(err, "unable to set %s without a private UTS namespace", member);
    else if (strlen(name) > MOST_HOST_NAME)
        wrong(err, "\"%s\" has %zu bytes (at most %d)", quotable(quoted, name), strlen(name),
              MOST_HOST_NAME);
    else
        return 0;
    return in_member(err, member);
}

static int check_host_names(const struct spec *spec, struct error *err)
{
    if (check_uts_name(spec, "hostname", spec->hostname, err) < 0)
        return -err->code;
    return check_uts_name(spec, "domainname", spec->domainname, err);
}

/* --- "POSIX-platform Hooks", "Annotations", and Linux
 * ----------------------------------------------------------- */

static int check_hook_list(const struct spec_hook_list *hooks, const char *member,
                           struct error *err)
{
    for (size_t i = 0; i < hooks->count; i++) {
        if (validate_absolute(hooks->items[i].path, err) < 0) {
            in_member(err, "path");
            in_item(err, i);
            in_member(err, member);
            return in_member(err, "hooks");
        }
    }
    return 0;
}

static int check_hooks(const struct spec *spec, struct error *err)
{
    const struct spec_hooks *hooks = spec->hooks;

    if (hooks == NULL)
        return 0;

    const struct {
        const char *member;
        const struct spec_hook_list *list;
    } kinds[] = {
        {"prestart",        &hooks->prestart        },
        {"createRuntime",   &hooks->create_runtime  },
        {"createContainer", &hooks->create_container},
        {"startContainer",  &hooks->start_container },
        {"poststart",       &hooks->poststart       },
        {"poststop",        &hooks->poststop        },
    };

    for (size_t i = 0; i < count_of(kinds); i++) {
        if (check_hook_list(kinds[i].list, kinds[i].member, err) < 0)
            return -err->code;
    }
    return 0;
}

static bool has_flag(const struct spec_scheduler *scheduler, enum spec_scheduler_flag flag)
{
    for (size_t i = 0; i < scheduler->flags.count; i++) {
        if (scheduler->flags.items[i] == (int)flag)
            return true;
    }
    return false;
}

/* sched(7): such a process may not fork, and startContainer hooks are children of the one that has
 * the scheduling policy already, for it takes rights that are gone when they run. */
static int check_hooks_can_start(const struct spec *spec, struct error *err)
{
    const struct spec_scheduler *scheduler = spec->process != NULL ? spec->process->scheduler
                                                                   : NULL;

    if (spec->hooks == NULL || spec->hooks->start_container.count == 0 || scheduler == NULL ||
        scheduler->policy != SPEC_SCHED_DEADLINE ||
        has_flag(scheduler, SPEC_SCHED_FLAG_RESET_ON_FORK))
        return 0;
    wrong(err, "a process with SCHED_DEADLINE and without SCHED_FLAG_RESET_ON_FORK in "
               "process.scheduler.flags may not start any");
    in_member(err, "startContainer");
    return in_member(err, "hooks");
}

/* "Keys MUST NOT be an empty string." */
static int check_annotations(const struct spec *spec, struct error *err)
{
    for (size_t i = 0; i < spec->annotations.count; i++) {
        if (spec->annotations.items[i].key[0] != '\0')
            continue;
        wrong(err, "the key \"\" is empty");
        return in_member(err, "annotations");
    }
    return 0;
}

static int check_linux(const struct spec *spec, struct error *err)
{
    if (spec->linux_ != NULL && validate_linux(spec->linux_, err) < 0)
        return in_member(err, "linux");
    return 0;
}

/* --- the four doors
 * -------------------------------------------------------------------------------------------- */

static int (*const rules[])(const struct spec *, struct error *) = {
    check_version,    check_root,  check_mounts,          check_process,     check_linux,
    check_host_names, check_hooks, check_hooks_can_start, check_annotations, check_mapped_user,
};

int spec_validate(const struct spec *spec, struct error *err)
{
    for (size_t i = 0; i < count_of(rules); i++) {
        if (rules[i](spec, err) < 0)
            return place_done(err);
    }
    return 0;
}

int spec_validate_process(const struct spec_process *process, struct error *err)
{
    if (validate_process(process, err) < 0)
        return place_done(err);
    return 0;
}

int spec_validate_resources(const struct spec_resources *resources, struct error *err)
{
    if (validate_resources(resources, err) < 0)
        return place_done(err);
    return 0;
}

int spec_validate_intel_rdt(const struct spec_intel_rdt *rdt, struct error *err)
{
    if (validate_intel_rdt(rdt, err) < 0) {
        in_member(err, "intelRdt");
        in_member(err, "linux");
        return place_done(err);
    }
    return 0;
}

int spec_validate_mounts(const struct spec_mounts *mounts, struct error *err)
{
    if (check_mount_list(mounts, err) < 0)
        return place_done(err);
    return 0;
}

const struct spec_namespace *spec_namespace_find(const struct spec *spec,
                                                 enum spec_namespace_type type)
{
    if (spec->linux_ == NULL)
        return NULL;
    for_each_item (entry, &spec->linux_->namespaces) {
        if (entry->type == (int)type)
            return entry;
    }
    return NULL;
}
