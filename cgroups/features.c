/* What `features` reports of cgroups: what the tables can write, not what this host has; but a
 * systemd manager needs its library. */

#include "cgroups/controllers.h"
#include "cgroups/systemd.h"

static const struct optional_bool yes = {true, true};
static const struct optional_bool no = {false, true};

void cgroup_features(struct spec_features_cgroup *ret)
{
    /* The machine's and the user's are reached by the same library. */
    struct optional_bool systemd = bus_has_library() ? yes : no;

    *ret = (struct spec_features_cgroup){no, no, systemd, systemd, no};
    for (size_t i = 0; i < cgroup_controller_count; i++) {
        if (cgroup_controllers[i]->v1_name != NULL)
            ret->v1 = yes;
        if (cgroup_controllers[i]->v2_name != NULL)
            ret->v2 = yes;
        if (cgroup_controllers[i] == &cgroup_rdma)
            ret->rdma = yes;
    }
}
