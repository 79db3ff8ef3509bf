/* config.md "mounts": uidMappings, gidMappings, idmap, ridmap.  mount_setattr(2). */

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/own.h"
#include "tests/integration/harness/bundle.h"
#include "tests/integration/harness/host_mounts.h"
#include "tests/integration/harness/scenario.h"

/* A tmpfs of the host with a file of root's in it, and another tmpfs with another below. */
static const char *make_source(void)
{
    const char *source = host_tmpfs("source");

    host_tmpfs("source/below");
    work_file("source/file", "content");
    work_file("source/below/file", "content");
    return source;
}

/* A bind of it on /work, with mappings: inside 0 is 5000, and group 6000, for ten of each. */
static void map_source(struct bundle *bundle, const char *source, const char *options)
{
    bundle_set(bundle, "mounts[+]",
               "{\"destination\":\"/work\",\"type\":\"none\",\"source\":\"%s\",\"options\":[%s],"
               "\"uidMappings\":[{\"containerID\":0,\"hostID\":5000,\"size\":10}],"
               "\"gidMappings\":[{\"containerID\":0,\"hostID\":6000,\"size\":10}]}",
               source, options);
}

/* What the script prints; skips where the kernel has no id-mapped tmpfs (before 6.3). */
static const char *inside_mapped(struct bundle *bundle, const char *script)
{
    struct outcome outcome;

    bundle_script(bundle, script);
    outcome = bundle_run(bundle);
    if (outcome.code == 1 && strstr(outcome.err, "tmpfs cannot map ids on this kernel") != NULL)
        skip("this kernel cannot id-map a tmpfs (6.3)");
    assert_ok(outcome);
    return outcome.out;
}

/* "idmap" is for the top alone, "ridmap" for all of the tree. */
Scenario(idmapped_mounts, owners_are_those_of_the_mappings)
{
    static const struct {
        const char *options, *expected; /* owners of the file on top, and of that below */
    } rows[] = {
        {"\"bind\",\"idmap\"",           "5000:6000\n"           },
        {"\"bind\"",                     "5000:6000\n"           },
        {"\"rbind\",\"idmap\"",          "5000:6000\n0:0\n"      },
        {"\"rbind\"",                    "5000:6000\n0:0\n"      },
        {"\"rbind\",\"ridmap\"",         "5000:6000\n5000:6000\n"},
        {"\"rbind\",\"ridmap\",\"rro\"", "5000:6000\n5000:6000\n"},
    };
    const char *source;

    need_root();
    source = make_source();
    for (size_t i = 0; i < count_of(rows); i++) {
        struct bundle *bundle = bundle_new();
        const char *owners;

        map_source(bundle, source, rows[i].options);
        owners = inside_mapped(bundle, "cd /work; stat -c %u:%g file; [ ! -e below/file ] || "
                                       "stat -c %u:%g below/file");
        cr_assert_str_eq(owners, rows[i].expected, "%s: %s", rows[i].options, owners);
    }
}

/* Files of the host's root are the container's root's, in a user namespace, without a chown. */
Scenario(idmapped_mounts, the_containers_own_mappings_are_the_default)
{
    static const struct {
        const char *options, *expected;
    } rows[] = {
        {"\"bind\",\"idmap\"",   "0:0\n"             },
        {"\"rbind\",\"idmap\"",  "0:0\n65534:65534\n"},
        {"\"rbind\",\"ridmap\"", "0:0\n0:0\n"        },
    };
    const char *source;

    need_root();
    source = make_source();
    for (size_t i = 0; i < count_of(rows); i++) {
        struct bundle *bundle = bundle_new();
        const char *name = text("%s/new%zu", source, i);
        struct stat status;

        bundle_map_users(bundle, 100000, 65536);
        bundle_mount(bundle, "/work", "none", source, rows[i].options);
        assert_text(
            inside_mapped(bundle, text("cd /work; stat -c %%u:%%g file; [ ! -e below/file ] "
                                       "|| stat -c %%u:%%g below/file; echo >new%zu",
                                       i)),
            rows[i].expected);
        cr_assert(stat(name, &status) == 0 && status.st_uid == 0 && status.st_gid == 0);
    }
}

/* The kernel says EINVAL and no more. */
Scenario(idmapped_mounts, a_file_system_that_cannot_is_named)
{
    static const struct {
        const char *source, *name;
    } rows[] = {
        {"/proc", "proc" },
        {"/sys",  "sysfs"},
    };

    need_root();
    for (size_t i = 0; i < count_of(rows); i++) {
        struct bundle *bundle = bundle_new();

        map_source(bundle, rows[i].source, "\"bind\",\"idmap\"");
        bundle_script(bundle, "true");
        assert_refused(
            bundle_run(bundle), 1,
            text("mounts[6] /work: source %s: id map: Invalid argument (%s: %s cannot map "
                 "ids on this kernel)",
                 rows[i].source, rows[i].source, rows[i].name));
    }
}
