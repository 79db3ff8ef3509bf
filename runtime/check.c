/* check: the table of what is looked at, and the list of what was found. */

#include "runtime/check.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/own.h"
#include "runtime/bundle.h"
#include "spec/rows.h"

/* --- findings ----------------------------------------------------------------------------------
 */

#define OWNER struct container_finding
static const struct field finding_rows[] = {
    ROW("check", FIELD_STRING, check, REQUIRED),
    ROW("place", FIELD_STRING, place),
    ROW("ok", FIELD_BOOL, ok, REQUIRED),
    ROW("words", FIELD_STRING, words),
};
#undef OWNER
const struct fields container_finding_fields = FIELDS_OF(struct container_finding, finding_rows);

struct check_list {
    struct container_findings found;
    size_t room;
    const char *name; /* of the check that is under way */
};

static int add_finding(struct check *check, const struct container_finding *finding,
                       struct error *err)
{
    struct check_list *list = check->list;

    if (list->found.count == list->room) {
        size_t room = list->room == 0 ? 32 : list->room * 2;
        struct container_finding *items = arena_zero(check->arena, room, sizeof *items);

        if (items == NULL)
            return no_memory(err);
        if (list->found.count > 0)
            memcpy(items, list->found.items, list->found.count * sizeof *items);
        list->found.items = items;
        list->room = room;
    }
    list->found.items[list->found.count++] = *finding;
    list->found.missing += !finding->ok;
    return 0;
}

/* Several checks may come upon the same. */
static bool is_known(const struct check_list *list, const char *place, const char *words)
{
    for (size_t i = 0; i < list->found.count; i++) {
        const struct container_finding *finding = &list->found.items[i];

        if (!finding->ok && strcmp(finding->place, place) == 0 &&
            strcmp(finding->words, words) == 0)
            return true;
    }
    return false;
}

/* Names in them may be anybody's, such as those in a program of the container: nothing of them
 * reaches a terminal as a control. */
static int add_missing(struct check *check, const char *raw_place, const char *raw_words,
                       struct error *err)
{
    struct container_finding finding = {.check = check->list->name};
    char place[2 * sizeof err->text], words[2 * sizeof err->text];

    quotable_line(place, sizeof place, raw_place);
    quotable_line(words, sizeof words, raw_words);
    if (is_known(check->list, place, words))
        return 0;
    finding.place = arena_string(check->arena, place);
    finding.words = arena_string(check->arena, words);
    if (finding.place == NULL || finding.words == NULL)
        return no_memory(err);
    return add_finding(check, &finding, err);
}

int check_missing(struct check *check, struct error *err, const char *place, const char *format,
                  ...)
{
    char words[sizeof err->text];
    va_list args;

    va_start(args, format);
    vsnprintf(words, sizeof words, format, args);
    va_end(args);
    return add_missing(check, place, words, err);
}

/* Errors begin with the place, which has no blanks in it; others are about the whole check. */
int check_failed(struct check *check, const struct error *failure, struct error *err)
{
    const char *text = failure->text;
    const char *source = check->plan.source;
    size_t length = source != NULL ? strlen(source) : 0;
    char place[sizeof failure->text];

    if (length > 0 && strncmp(text, source, length) == 0 && strncmp(text + length, ": ", 2) == 0)
        text += length + 2;
    length = strcspn(text, " ");
    if (length == 0 || text[length - 1] != ':')
        return add_missing(check, check->list->name, text, err);
    snprintf(place, sizeof place, "%.*s", (int)length - 1, text);
    return add_missing(check, place, text + length + 1, err);
}

size_t check_count(const struct check *check)
{
    return check->list->found.missing;
}

/* --- the table ---------------------------------------------------------------------------------
 */

static bool always(const struct check *check)
{
    (void)check;
    return true;
}

static bool has_mounts(const struct check *check)
{
    return check->plan.mounts != NULL;
}

static bool has_process(const struct check *check)
{
    return check->spec->process != NULL;
}

static bool has_labels(const struct check *check)
{
    return has_process(check) &&
           (check->spec->process->apparmor_profile != NULL ||
            check->spec->process->selinux_label != NULL ||
            (check->spec->linux_ != NULL && check->spec->linux_->mount_label != NULL));
}

static bool has_seccomp(const struct check *check)
{
    return check->spec->linux_ != NULL && check->spec->linux_->seccomp != NULL;
}

static bool has_resources(const struct check *check)
{
    return check->spec->linux_ != NULL && check->spec->linux_->resources != NULL;
}

static bool has_cgroup(const struct check *check)
{
    return check->plan.cgroup.path != NULL;
}

static bool has_id_maps(const struct check *check)
{
    return check->plan.id_maps.uid_map != NULL;
}

static bool has_sysctls(const struct check *check)
{
    return check->plan.sysctl.count > 0;
}

static bool has_interfaces(const struct check *check)
{
    return check->plan.network.count > 0;
}

static bool has_hooks(const struct check *check)
{
    return check->spec->hooks != NULL;
}

static const struct {
    const char *name;
    bool (*applies)(const struct check *check);
    int (*probe)(struct check *check, struct error *err);
} checks[] = {
  /* The plan comes first: the others read it. */
    {"plan",        always,         check_plan              },
    {"kernel",      always,         check_kernel            },
    {"namespaces",  always,         check_namespaces        },
    {"ids",         has_id_maps,    check_id_maps           },
    {"controllers", has_resources,  check_controllers       },
    {"cgroup",      has_cgroup,     check_cgroup_directories},
    {"root",        has_mounts,     check_root              },
    {"mounts",      has_mounts,     check_sources           },
    {"filesystems", has_mounts,     check_filesystems       },
    {"devices",     has_mounts,     check_devices           },
    {"sysctls",     has_sysctls,    check_sysctls           },
    {"interfaces",  has_interfaces, check_interfaces        },
    {"limits",      has_process,    check_rlimits           },
    {"labels",      has_labels,     check_labels            },
    {"seccomp",     has_seccomp,    check_seccomp           },
    {"hooks",       has_hooks,      check_hooks             },
    {"program",     has_process,    check_program           },
};

static int run_check(struct check *check, size_t row, struct error *err)
{
    const struct container_finding ok = {.check = checks[row].name, .ok = true};
    size_t before = check->list->found.missing;

    if (!checks[row].applies(check))
        return 0;
    check->list->name = checks[row].name;
    if (checks[row].probe(check, err) < 0)
        return -err->code;
    return check->list->found.missing == before ? add_finding(check, &ok, err) : 0;
}

static int run_checks(struct check *check, struct error *err)
{
    for (size_t i = 0; i < count_of(checks); i++) {
        if (run_check(check, i, err) < 0)
            return -err->code;
    }
    return 0;
}

int container_check(const struct runtime *runtime, const struct create_request *request,
                    struct arena *arena, struct container_findings *ret, struct error *err)
{
    struct check_list list = {.room = 0};
    struct check check = {
        .runtime = runtime,
        .request = request,
        .view = {.root = -1},
        .arena = arena,
        .list = &list,
    };
    const char *bundle;

    if (bundle_load(request, &runtime->log, arena, &check.spec, &bundle, err) < 0)
        return -err->code;
    check.plan.bundle = bundle;

    int code = run_checks(&check, err);

    close_fd(&check.view.root);
    if (code == 0)
        *ret = list.found;
    return code;
}
