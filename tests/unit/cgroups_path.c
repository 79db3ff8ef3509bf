/* Where a container's cgroup goes in each hierarchy, and which names are refused. */

#include <fcntl.h>
#include <stdio.h>

#include "cgroups/path.h"
#include "tests/unit/cgroups_help.h"

/* The directories of a plan as text, or the refusal. */
static const char *directories(const struct cgroup_host *host, const char *path,
                               struct arena *arena)
{
    struct text text = {.bytes = arena_zero(arena, 4096, 1), .size = 4096};
    struct cgroup_request request = {.id = "web", .cgroups_path = path, .unprivileged = true};
    struct cgroup_plan plan;
    struct error err;

    if (cgroup_plan_from_spec(&plan, host, &request, arena, NULL, &err) < 0)
        return arena_string(arena, err.text);
    text_print(&text, "%s:", plan.path);
    for (size_t i = 0; i < host->count; i++)
        text_print(&text, " %s", plan.directories[i]);
    return text.bytes;
}

static struct cgroup_host host_with(const char *mount_root, const char *own_path, bool is_v2)
{
    return (struct cgroup_host){
        .hierarchies = {{is_v2 ? "" : "memory", "/cg", mount_root, own_path, is_v2}},
        .count = 1,
        .pure_v2 = is_v2,
        .v2_controllers = "",
    };
}

Test(cgroups_path, goes_where_the_runtimes_have_agreed)
{
    static const struct {
        const char *mount_root;
        const char *own;
        bool is_v2;
        const char *path;
        const char *expected;
    } rows[] = {
  /* nothing said: beside the caller on v2, below it on v1 */
        {"/",         "/user/session", true,  NULL,          "/user/web: /cg/user/web"                },
        {"/",         "/session",      true,  NULL,          "/web: /cg/web"                          },
        {"/",         "/",             true,  NULL,          "/web: /cg/web"                          },
        {"/",         "/user/session", false, NULL,          "/user/session/web: /cg/user/session/web"},
        {"/",         "/",             false, NULL,          "/web: /cg/web"                          },
 /* relative: the same start */
        {"/",         "/user/session", true,  "a/b",         "/user/a/b: /cg/user/a/b"                },
        {"/",         "/user/session", false, "a/b",         "/user/session/a/b: /cg/user/session/a/b"},
 /* systemd's form is only a name here */
        {"/",         "/",             true,  "s.slice:p:n", "/s.slice:p:n: /cg/s.slice:p:n"          },
 /* absolute */
        {"/",         "/user/session", true,  "/pods/x",     "/pods/x: /cg/pods/x"                    },
        {"/",         "/user/session", false, "/pods/x",     "/pods/x: /cg/pods/x"                    },
 /* inside a container whose own cgroup is all that is mounted */
        {"/docker/1", "/docker/1",     true,  NULL,          "/docker/1/web: /cg/web"                 },
        {"/docker/1", "/docker/1",     false, NULL,          "/docker/1/web: /cg/web"                 },
        {"/docker/1", "/docker/1/sub", false, NULL,          "/docker/1/sub/web: /cg/sub/web"         },
        {"/docker/1", "/docker/1",     false, "/pods/x",     "/pods/x: /cg/pods/x"                    },
    };

    for (size_t i = 0; i < count_of(rows); i++) {
        autoarena struct arena arena = {0};
        struct cgroup_host host = host_with(rows[i].mount_root, rows[i].own, rows[i].is_v2);

        cr_expect_str_eq(directories(&host, rows[i].path, &arena), rows[i].expected, "row %zu: %s",
                         i, directories(&host, rows[i].path, &arena));
    }
}

Test(cgroups_path, one_directory_in_every_hierarchy)
{
    autoarena struct arena arena = {0};

    cr_assert_str_eq(directories(&hybrid_host, "/a/b", &arena),
                     "/a/b: /sys/fs/cgroup/memory/a/b /sys/fs/cgroup/cpu/a/b "
                     "/sys/fs/cgroup/devices/a/b /sys/fs/cgroup/unified/a/b");
    cr_assert(starts_with(directories(&v1_host, NULL, &arena),
                          "/own/web: /sys/fs/cgroup/systemd/own/web "
                          "/sys/fs/cgroup/cpu,cpuacct/own/web /sys/fs/cgroup/cpuset/web "));
}

Test(cgroups_path, outside_of_the_own_cgroup_namespace_a_path_must_be_absolute)
{
    autoarena struct arena arena = {0};
    struct cgroup_host host = host_with("/", "/../other", true);

    cr_assert_str_eq(directories(&host, NULL, &arena),
                     "linux.cgroupsPath: \"web\" is relative, and the caller's own cgroup, "
                     "/../other, is outside its cgroup namespace (give an absolute "
                     "linux.cgroupsPath)");
    cr_assert_str_eq(directories(&host, "/x", &arena), "/x: /cg/x");
}

Test(cgroups_path, names_that_could_lead_elsewhere_are_refused)
{
    static const struct {
        const char *path;
        const char *expected;
    } rows[] = {
        {"",       "linux.cgroupsPath: is empty"                                                     },
        {"/",      "linux.cgroupsPath: \"/\" is the root of all cgroups, not a place for a container"},
        {"..",     "linux.cgroupsPath: \"..\": has a \"..\" in it"                                   },
        {"/../..", "linux.cgroupsPath: \"/../..\": has a \"..\" in it"                               },
        {"a/../b", "linux.cgroupsPath: \"a/../b\": has a \"..\" in it"                               },
        {"/a/./b", "linux.cgroupsPath: \"/a/./b\": has a \".\" in it"                                },
        {"a//b",   "linux.cgroupsPath: \"a//b\": has an empty component"                             },
        {"//a",    "linux.cgroupsPath: \"//a\": has an empty component"                              },
        {"/a/",    "linux.cgroupsPath: \"/a/\": has an empty component"                              },
        {"/a\nb",  "linux.cgroupsPath: \"/a\\x0ab\": has a control character in it"                  },
    };

    for (size_t i = 0; i < count_of(rows); i++) {
        autoarena struct arena arena = {0};

        cr_expect_str_eq(directories(&v2_host, rows[i].path, &arena), rows[i].expected, "%s",
                         directories(&v2_host, rows[i].path, &arena));
    }
}

Test(cgroups_path, a_component_has_at_most_255_bytes)
{
    autoarena struct arena arena = {0};
    char path[302] = "/";

    memset(path + 1, 'x', 255);
    cr_assert_not_null(strstr(directories(&v2_host, path, &arena), "/sys/fs/cgroup/xxx"));
    memset(path + 1, 'x', 300);
    cr_assert_not_null(strstr(directories(&v2_host, path, &arena),
                              "has a component of 300 bytes, 255 is the most"));
}

Test(cgroups_path, three_dots_are_a_name)
{
    autoarena struct arena arena = {0};

    cr_assert_str_eq(directories(&v2_host, "/...", &arena), "/...: /sys/fs/cgroup/...");
}

/* What a damaged or forged record could make us open. */
Test(cgroups_path, only_a_cgroup_below_a_root_is_opened)
{
    static const struct {
        const char *directory;
        const char *expected;
    } rows[] = {
        {"relative/x",    "cgroup \"relative/x\": not an absolute path"          },
        {"",              "cgroup \"\": not an absolute path"                    },
        {"/proc/../etc",  "cgroup: \"/proc/../etc\": has a \"..\" in it"         },
        {"/tmp",          "/tmp: not on a cgroup file system"                    },
        {"/proc/self/fd", "open /proc/self/fd: Too many levels of symbolic links"},
    };

    for (size_t i = 0; i < count_of(rows); i++) {
        struct error err;

        cr_assert_lt(cgroup_open_directory(rows[i].directory, &err), 0);
        cr_expect_str_eq(err.text, rows[i].expected, "%s", err.text);
    }
}

Test(cgroups_path, the_root_of_a_hierarchy_is_nobodys_cgroup)
{
    autoarena struct arena arena = {0};
    struct cgroup_host host;
    struct error err;

    cr_assert_eq(cgroup_host_probe(&host, &arena, &err), 0, "%s", err.text);
    if (host.count == 0)
        cr_skip_test("no cgroup file system is mounted");
    for (size_t i = 0; i < host.count; i++) {
        cr_expect_lt(cgroup_open_directory(host.hierarchies[i].mount_point, &err), 0);
        cr_expect_not_null(strstr(err.text, "the root of a hierarchy is nobody's cgroup"), "%s",
                           err.text);
    }
}

Test(cgroups_path, what_is_opened_below_a_directory_stays_below)
{
    char directory[] = "/tmp/cgroups-path-XXXXXX";
    char name[64];

    cr_assert_not_null(mkdtemp(directory));

    autoclose int dir = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    snprintf(name, sizeof name, "%s/link", directory);
    cr_assert_eq(symlink("/", name), 0);
    cr_expect_lt(cgroup_open_below(dir, "link"), 0);
    cr_expect_lt(cgroup_open_below(dir, ".."), 0);
    cr_expect_lt(cgroup_open_below(dir, "/"), 0);
    unlink(name);
    rmdir(directory);
}

/* The host these tests run on, whichever it is. */
Test(cgroups_path, the_probe_agrees_with_itself)
{
    autoarena struct arena arena = {0};
    struct cgroup_host host;
    struct error err;

    cr_assert_eq(cgroup_host_probe(&host, &arena, &err), 0, "%s", err.text);
    cr_assert_leq(host.count, CGROUP_HIERARCHIES_MOST);
    cr_assert_eq(host.pure_v2, host.count == 1 && host.hierarchies[0].is_v2);
    for (size_t i = 0; i < host.count; i++) {
        cr_expect_eq(*host.hierarchies[i].mount_point, '/');
        cr_expect_eq(*host.hierarchies[i].own_path, '/');
        cr_expect_eq(host.hierarchies[i].is_v2, *host.hierarchies[i].name == '\0');

        autoclose int root = cgroup_open_root(host.hierarchies[i].mount_point, &err);

        cr_expect_geq(root, 0, "%s", err.text);
    }
}

Test(cgroups_path, mount_sources_name_each_hierarchy)
{
    static const struct {
        const struct cgroup_host *host;
        size_t index;
        struct cgroup_mount_source expected;
    } rows[] = {
        {&v2_host,     0, {"", NULL, "/sys/fs/cgroup/a", true}                                 },
        {&v1_host,     0, {"systemd", "name=systemd", "/sys/fs/cgroup/systemd/a", false}       },
        {&v1_host,     1, {"cpu,cpuacct", "cpu,cpuacct", "/sys/fs/cgroup/cpu,cpuacct/a", false}},
        {&hybrid_host, 3, {"unified", NULL, "/sys/fs/cgroup/unified/a", true}                  },
    };

    for (size_t i = 0; i < count_of(rows); i++) {
        autoarena struct arena arena = {0};
        struct cgroup_mount_source sources[CGROUP_HIERARCHIES_MOST];
        struct cgroup_request request = {.cgroups_path = "/a", .unprivileged = true};
        struct cgroup_directory_record directories[CGROUP_HIERARCHIES_MOST] = {0};
        struct cgroup_record record = {
            .directories = {directories, rows[i].host->count}
        };
        struct cgroup_plan plan;
        struct error err;

        cr_assert_eq(cgroup_plan_from_spec(&plan, rows[i].host, &request, &arena, NULL, &err), 0);
        for (size_t at = 0; at < rows[i].host->count; at++) {
            directories[at].hierarchy = rows[i].host->hierarchies[at].name;
            directories[at].directory = plan.directories[at];
        }
        cr_assert_eq(cgroup_mount_sources(rows[i].host, &record, sources), rows[i].host->count);

        const struct cgroup_mount_source *source = &sources[rows[i].index];

        cr_expect_str_eq(source->name, rows[i].expected.name);
        cr_expect_str_eq(source->directory, rows[i].expected.directory);
        cr_expect_eq(source->is_v2, rows[i].expected.is_v2);
        if (rows[i].expected.options == NULL)
            cr_expect_null(source->options);
        else
            cr_expect_str_eq(source->options, rows[i].expected.options);
    }
}
