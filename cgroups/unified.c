#include <errno.h>
#include <string.h>

#include "base/own.h"
#include "cgroups/controllers.h"

/* Files by which this library itself runs the cgroup: a value there would move processes, kill
 * them, or break what comes after. */
static const char *const reserved[] = {
    "cgroup.procs",  "cgroup.threads", "cgroup.kill",
    "cgroup.freeze", "cgroup.type",    "cgroup.subtree_control",
};

static int check_name(const char *name, struct error *err)
{
    char quoted[1040];

    if (strchr(name, '/') != NULL || strchr(name, '.') == NULL || *name == '.' ||
        strlen(name) > 255)
        return refuse(err, EINVAL, "\"%s\" is not the name of a cgroup v2 file such as memory.high",
                      quotable(quoted, name));
    for (size_t i = 0; i < count_of(reserved); i++) {
        if (strcmp(name, reserved[i]) == 0)
            return refuse(err, EINVAL, "%s belongs to the runtime", name);
    }
    return 0;
}

/* Where `controller` is on the v2 side; "cgroup" itself is always there. */
static struct cgroup_place v2_place(const struct cgroup_host *host, const char *controller)
{
    for (size_t i = 0; i < host->count; i++) {
        if (host->hierarchies[i].is_v2)
            return (struct cgroup_place){
                .found = strcmp(controller, "cgroup") == 0 ||
                         cgroup_list_has(host->v2_controllers, controller, ' '),
                .is_v2 = true,
                .hierarchy = (uint8_t)i,
            };
    }
    return (struct cgroup_place){.is_v2 = true};
}

static int plan_pair(struct cgroup_planner *planner, const struct string_pair *pair,
                     struct error *err)
{
    char *name = arena_copy(planner->arena, pair->key, strcspn(pair->key, "."));
    char *field = arena_print(planner->arena, "unified[\"%s\"]", pair->key);
    char *value = arena_string(planner->arena, pair->value);

    if (name == NULL || field == NULL || value == NULL)
        return no_memory(err);

    struct cgroup_controller controller = {.v2_name = name};
    struct cgroup_place place = v2_place(planner->plan->host, name);
    char *rest = value;

    /* The kernel takes one line a write: io.max and the like may list several devices. */
    do {
        struct cgroup_write write = {.file = pair->key, .field = field};
        int code;

        write.value = strsep(&rest, "\n");
        if (*write.value == '\0' && (rest != NULL || write.value != value))
            continue;
        code = cgroup_plan_write(planner, &controller, &place, &write, err);
        if (code < 0)
            return code;
    } while (rest != NULL);
    return 0;
}

int cgroup_plan_unified(struct cgroup_planner *planner, const struct spec_resources *resources,
                        struct error *err)
{
    for (size_t i = 0; i < resources->unified.count; i++) {
        int code = check_name(resources->unified.items[i].key, err);

        if (code < 0)
            return within(err, "linux.resources.unified");
        code = plan_pair(planner, &resources->unified.items[i], err);
        if (code < 0)
            return code;
    }
    return 0;
}
