/* config-linux.md "Cgroup ownership": read from the cgroup file system, and used from inside.
 *
 * On a hybrid host the program is shown the v2 hierarchy alone.
 */

#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

#include "base/own.h"
#include "tests/integration/harness/bundle.h"
#include "tests/integration/harness/host_mounts.h"
#include "tests/integration/harness/scenario.h"

#define CGROUP_MOUNT "/sys/fs/cgroup"

static void see_v2_alone(void)
{
    need_root();
    if (!host_has_pure_cgroup2() && !host_see_v2_alone())
        skip("needs cgroup v2");
}

static bool is_in_list(const char *list, const char *name)
{
    return strstr(text("\n%s\n", list), text("\n%s\n", name)) != NULL;
}

/* All of the directory: what may be given belongs to `owner`, everything else to root; no group has
 * changed. */
static void assert_owner(struct bundle *bundle, uid_t owner, const char *when)
{
    const char *directory = text(CGROUP_MOUNT "%s", bundle->cgroup);
    const char *given = file_text("/sys/kernel/cgroup/delegate");
    DIR *files = opendir(directory);
    struct stat status;
    size_t count = 0;

    if (given == NULL)
        given = "cgroup.procs\ncgroup.subtree_control\ncgroup.threads";
    cr_assert(files != NULL && stat(directory, &status) == 0, "%s", directory);
    cr_assert(status.st_uid == owner && status.st_gid == 0, "%s: uid %u instead of %u", when,
              status.st_uid, owner);
    for (struct dirent *entry; (entry = readdir(files)) != NULL;) {
        uid_t expected = is_in_list(given, entry->d_name) ? owner : 0;

        if (entry->d_type != DT_REG)
            continue;
        cr_assert(stat(text("%s/%s", directory, entry->d_name), &status) == 0);
        cr_assert(status.st_uid == expected && status.st_gid == 0, "%s: %s: uid %u instead of %u",
                  when, entry->d_name, status.st_uid, expected);
        count += expected == owner;
    }
    closedir(files);
    cr_assert_geq(count, 3);
}

static void assert_owner_of_new(struct bundle *bundle, uid_t owner, const char *when)
{
    bundle_set(bundle, "process.args", "[\"/bin/sleep\",\"3600\"]");
    bundle_start_as_is(bundle);
    assert_owner(bundle, owner, when);
    bundle_delete(bundle);
}

static void mount_cgroups(struct bundle *bundle, const char *options)
{
    bundle_mount(bundle, CGROUP_MOUNT, "cgroup", "cgroup", options);
}

Scenario(cgroup_ownership, is_the_processs_users_where_the_cgroup_can_be_written)
{
    struct bundle *bundle;

    see_v2_alone();
    bundle = bundle_new();
    mount_cgroups(bundle, "\"nosuid\",\"noexec\",\"nodev\"");
    bundle_map_users(bundle, 100000, 65536);
    assert_owner_of_new(bundle, 100000, "root of a user namespace");
    bundle_set(bundle, "process.user", "{\"uid\":1000,\"gid\":1000}");
    assert_owner_of_new(bundle, 101000, "a user of a user namespace");
    bundle_without_namespace(bundle, "user");
    bundle_remove(bundle, "linux.uidMappings");
    bundle_remove(bundle, "linux.gidMappings");
    assert_owner_of_new(bundle, 1000, "a user of the host's");
}

Scenario(cgroup_ownership, is_roots_otherwise)
{
    struct bundle *bundle;

    see_v2_alone();
    bundle = bundle_new();
    bundle_map_users(bundle, 100000, 65536);
    assert_owner_of_new(bundle, 0, "no mount");
    mount_cgroups(bundle, "\"nosuid\",\"ro\"");
    assert_owner_of_new(bundle, 0, "a read-only mount");
    bundle_set(bundle, "mounts[6].options", "[]");
    assert_owner_of_new(bundle, 100000, "now it can be written");
    bundle_set(bundle, "mounts[6].destination", "\"/mnt\"");
    assert_owner_of_new(bundle, 0, "elsewhere");
    bundle_set(bundle, "mounts[6].destination", "\"" CGROUP_MOUNT "\"");
    bundle_without_namespace(bundle, "cgroup");
    assert_owner_of_new(bundle, 0, "no cgroup namespace");
}

/* A cgroup of v1 gives its owner more than is safe. */
Scenario(cgroup_ownership, is_roots_with_cgroup_v1)
{
    struct bundle *bundle;
    struct stat status;

    need_root();
    if (host_has_pure_cgroup2())
        skip("needs cgroup v1");
    bundle = bundle_new();
    mount_cgroups(bundle, "");
    bundle_map_users(bundle, 100000, 65536);
    bundle_start(bundle);
    cr_assert_eq(stat(bundle_cgroup_file(bundle, "pids", "cgroup.procs"), &status), 0);
    cr_assert_eq(status.st_uid, 0);
    if (file_exists(CGROUP_MOUNT "/unified")) {
        cr_assert_eq(stat(text(CGROUP_MOUNT "/unified%s", bundle->cgroup), &status), 0);
        cr_assert_eq(status.st_uid, 0);
    }
    bundle_delete(bundle);
}

/* What it is for; and what was made inside goes with the container. */
Scenario(cgroup_ownership, lets_the_container_divide_its_cgroup)
{
    struct bundle *bundle;

    see_v2_alone();
    bundle = bundle_new();
    mount_cgroups(bundle, "\"nosuid\",\"noexec\",\"nodev\"");
    bundle_map_users(bundle, 100000, 65536);
    bundle_start(bundle);
    assert_text(inside_running(bundle, "mkdir -p /sys/fs/cgroup/part/below && "
                                       "echo $$ >/sys/fs/cgroup/part/cgroup.procs && "
                                       "grep ^0:: /proc/self/cgroup"),
                "0::/part");
    assert_has(file_text(text("/proc/%d/cgroup", (int)bundle_pid(bundle))), bundle->id);
    bundle_delete(bundle);
}
