/* What `features` reports of cgroups: what the tables can write, not what this host has. */

#include "cgroups/controllers.h"

static const struct optional_bool yes = {true, true};
static const struct optional_bool no = {false, true};

void cgroup_features(struct spec_features_cgroup *ret)
{
    *ret = (struct spec_features_cgroup){
        .v1 = no, .v2 = no, .systemd = yes, .systemd_user = yes, .rdma = no};
    for (size_t i = 0; i < cgroup_controller_count; i++) {
        if (cgroup_controllers[i]->v1_name != NULL)
            ret->v1 = yes;
        if (cgroup_controllers[i]->v2_name != NULL)
            ret->v2 = yes;
        if (cgroup_controllers[i] == &cgroup_rdma)
            ret->rdma = yes;
    }
}
