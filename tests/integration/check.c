/* `check`: what it misses is what `run` fails for, and what it calls ok runs; and it leaves no
 * trace. */

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/own.h"
#include "tests/integration/harness/bundle.h"
#include "tests/integration/harness/host_mounts.h"
#include "tests/integration/harness/json.h"
#include "tests/integration/harness/scenario.h"

static struct outcome check(struct bundle *bundle)
{
    return crun("check", bundle->path);
}

static struct bundle *true_bundle(void)
{
    struct bundle *bundle = bundle_new();

    bundle_script(bundle, "true");
    return bundle;
}

static void assert_given(struct bundle *bundle)
{
    const struct outcome outcome = check(bundle);

    assert_ok(outcome);
    assert_text(outcome.out, "ok\n");
    assert_text(outcome.err, "");
    assert_ok(bundle_run(bundle));
}

/* One line, with this in it, and `run` fails, too. */
static void assert_missing(struct bundle *bundle, const char *words)
{
    const struct outcome outcome = check(bundle);

    assert_code(outcome, 1);
    assert_has(outcome.out, words);
    cr_assert(is_one_line(outcome.out), "more than one finding:\n%s", outcome.out);
    assert_text(outcome.err, "");
    cr_assert_neq(bundle_run(bundle).code, 0, "it runs, without what is missing: %s", words);
}

Scenario(check, a_bundle_that_has_everything_is_ok_and_runs)
{
    need_root();
    assert_given(true_bundle());
}

Scenario(check, what_is_missing_is_told_and_run_fails_for_it)
{
    static const struct {
        const char *path;
        const char *value;
        const char *words;
    } cases[] = {
        {"root.path",                "\"nowhere\"",                                           "root.path: "                                                           },
        {"process.args[0]",          "\"no-such-program\"",
         "process.args[0]: \"no-such-program\": executable file not found in $PATH"                                                                                   },
        {"process.args[0]",          "\"/no/such/program\"",
         "process.args[0]: \"/no/such/program\": No such file or directory"                                                                                           },
        {"process.args[0]",          "\"/etc\"",                                              "process.args[0]: \"/etc\": Is a directory"                             },
        {"process.rlimits",
         "[{\"type\": \"RLIMIT_NOFILE\", \"soft\": 9, \"hard\": 9000000000000000000}]",       "process.rlimits[0].hard: 9000000000000000000 is more than"             },
        {"process.selinuxLabel",     "\"a:b:c:s0\"",                                          "process.selinuxLabel: given, but SELinux is not"                       },
        {"linux.namespaces[0].path", "\"/no/such/namespace\"",                                "linux.namespaces[0].path: "                                            },
        {"linux.sysctl",             "{\"net.ipv4.no_such\": \"1\"}",
         "linux.sysctl[\"net.ipv4.no_such\"]: this kernel has no such parameter"                                                                                      },
        {"linux.netDevices",         "{\"no-such-if\": {}}",
         "linux.netDevices.no-such-if: this host has no interface of that name"                                                                                       },
        {"linux.resources.rdma",     "{\"mlx5_0\": {\"hcaHandles\": 3}}",
         "linux.resources.rdma.mlx5_0: this host has no "                                                                                                             },
        {"linux.resources.unified",  "{\"no-such.max\": \"1\"}",
         "linux.resources.unified[\"no-such.max\"]: this host has no no-such controller"                                                                              },
        {"linux.intelRdt",           "{\"closID\": \"x\"}",
         "linux.intelRdt: intelRdt is specified in config, but Intel RDT is not enabled"                                                                              },
        {"linux.seccomp",
         "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"listenerPath\": \"/no/such/agent\", "
         "\"syscalls\": [{\"names\": [\"mkdir\"], \"action\": \"SCMP_ACT_NOTIFY\"}]}",        "linux.seccomp.listenerPath: /no/such/agent: No such file or directory" },
        {"linux.seccomp",
         "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"architectures\": [\"SCMP_ARCH_S390X\"]}", "linux.seccomp.architectures[0]: SCMP_ARCH_S390X has another byte order"},
        {"hooks",                    "{\"createRuntime\": [{\"path\": \"/no/such/hook\"}]}",
         "hooks.createRuntime[0].path: /no/such/hook: No such file or directory"                                                                                      },
        {"hooks",                    "{\"createContainer\": [{\"path\": \"/etc/passwd\"}]}",
         "hooks.createContainer[0].path: /etc/passwd: Permission denied"                                                                                              },
        {"hooks",                    "{\"startContainer\": [{\"path\": \"/no/such/hook\"}]}",
         "hooks.startContainer[0].path: /no/such/hook: No such file or directory"                                                                                     },
    };

    need_root();
    for (size_t i = 0; i < count_of(cases); i++) {
        struct bundle *bundle = true_bundle();

        /* What this host happens to have would be a test of the host. */
        if (strstr(cases[i].path, "selinux") != NULL && file_exists("/sys/fs/selinux/enforce"))
            continue;
        if (strstr(cases[i].path, "intelRdt") != NULL && file_exists("/sys/fs/resctrl/schemata"))
            continue;
        if (strstr(cases[i].path, "rdma") != NULL && file_exists("/sys/class/infiniband"))
            continue;
        bundle_set(bundle, cases[i].path, "%s", cases[i].value);
        assert_missing(bundle, cases[i].words);
    }
}

Scenario(check, a_mount_that_cannot_be_made_is_told)
{
    static const struct {
        const char *type;
        const char *source;
        const char *options;
        const char *words;
    } cases[] = {
        {"bind",   "/no/such/source", "\"bind\"",           "].source: /no/such/source: No such file"},
        {"bind",   "no/such/source",  "\"bind\"",           "/no/such/source: No such file"          },
        {"nosuch", "x",               "",                   "].type: this kernel has no file system" },
        {"bind",   "/proc/self/fd",   "\"bind\",\"idmap\"", "].source: /proc/self/fd: proc cannot"   },
    };

    need_root();
    for (size_t i = 0; i < count_of(cases); i++) {
        struct bundle *bundle = true_bundle();

        if (strstr(cases[i].options, "idmap") != NULL)
            bundle_map_users(bundle, 100000, 1000);
        bundle_mount(bundle, "/mnt", cases[i].type, cases[i].source, cases[i].options);
        assert_missing(bundle, cases[i].words);
    }
}

/* A link that leads nowhere can be mounted, or made again; what may be missing, too. */
Scenario(check, a_source_that_is_asked_for_itself_is_not_followed)
{
    static const char *const options[] = {"\"bind\",\"copy-symlink\"", "\"bind\",\"src-nofollow\""};

    need_root();
    const char *link = work_path("dangling");

    cr_assert_eq(symlink("/no/such/target", link), 0);
    for (size_t i = 0; i < count_of(options); i++) {
        struct bundle *bundle = true_bundle();

        bundle_mount(bundle, "/link", "bind", link, options[i]);
        assert_given(bundle);
    }
    struct bundle *bundle = true_bundle();

    bundle_mount(bundle, "/mnt", "bind", link, "\"bind\"");
    assert_missing(bundle, text("].source: %s: No such file", link));
}

Scenario(check, a_root_that_is_a_link_is_refused_as_by_create)
{
    need_root();
    struct bundle *bundle = true_bundle();

    cr_assert_eq(symlink(bundle->rootfs, text("%s/link", bundle->path)), 0);
    bundle_set(bundle, "root.path", "\"link\"");
    assert_missing(bundle, "root.path: ");
}

/* In a user namespace devices are the host's. */
Scenario(check, a_device_that_the_host_lacks_is_told)
{
    need_root();
    struct bundle *bundle = true_bundle();

    bundle_set(bundle, "linux.devices",
               "[{\"path\": \"/dev/no-such\", \"type\": \"c\", \"major\": 1, \"minor\": 3}]");
    assert_given(bundle);
    bundle_map_users(bundle, 100000, 1000);
    assert_missing(bundle, "linux.devices[0]: /dev/no-such: No such file or directory");
}

Scenario(check, everything_is_told_at_once)
{
    need_root();
    struct bundle *bundle = true_bundle();

    bundle_set(bundle, "process.args[0]", "\"no-such-program\"");
    bundle_set(bundle, "linux.resources.unified",
               "{\"no-such.max\": \"1\", \"neither.max\": \"1\"}");
    bundle_set(bundle, "linux.netDevices", "{\"no-such-if\": {}}");
    bundle_mount(bundle, "/mnt", "bind", "/no/such/source", "\"bind\"");

    const struct outcome outcome = check(bundle);

    assert_code(outcome, 1);
    assert_has(outcome.out, "process.args[0]: ");
    assert_has(outcome.out, "unified[\"no-such.max\"]: ");
    assert_has(outcome.out, "unified[\"neither.max\"]: ");
    assert_has(outcome.out, "linux.netDevices.no-such-if: ");
    assert_has(outcome.out, "].source: ");
}

/* --- sysctls -----------------------------------------------------------------------------------
 */

static const char *network_of(struct bundle *bundle)
{
    return text("/proc/%d/ns/net", (int)bundle_pid(bundle));
}

/* A container to sleep in, with an interface that the host has not. */
static struct bundle *bundle_with_interface(const char *name)
{
    struct bundle *bundle = bundle_new();

    bundle_start(bundle);
    if (program_run(
            PROGRAM(.arguments = (const char *[]){"nsenter", text("--net=%s", network_of(bundle)),
                                                  "ip", "link", "add", name, "type", "veth", NULL}))
            .code != 0)
        skip("no interface of type veth can be made here");
    return bundle;
}

/* Interfaces of the network that is joined are not those of the host. */
Scenario(check, a_sysctl_of_an_interface_of_a_joined_network_is_given)
{
    need_root();
    need_command("nsenter");
    need_command("ip");
    struct bundle *pod = bundle_with_interface("cltx0");
    struct bundle *bundle = true_bundle();

    bundle_join_namespace(bundle, "network", network_of(pod));
    bundle_set(bundle, "linux.sysctl", "{\"net.ipv4.conf.cltx0.forwarding\": \"1\"}");
    assert_given(bundle);
    bundle_delete(pod);
}

/* Nor is one that is moved in under another name; what no interface has is missing all the same. */
Scenario(check, a_sysctl_of_an_interface_is_looked_for_at_any)
{
    need_root();
    struct bundle *bundle = true_bundle();
    char *config = bundle->config;

    bundle_set(bundle, "linux.sysctl", "{\"net.ipv4.conf.cltx0.forwarding\": \"1\"}");
    assert_ok(check(bundle));
    bundle_raw(bundle, config);
    bundle_set(bundle, "linux.sysctl", "{\"net.ipv4.conf.cltx0.no_such\": \"1\"}");
    assert_missing(bundle, "no_such\"]: this kernel has no such parameter");
}

/* A path may lead to the host's own network. */
Scenario(check, a_sysctl_that_would_change_the_host_is_told)
{
    need_root();
    struct bundle *bundle = true_bundle();

    bundle_join_namespace(bundle, "network", text("/proc/%d/ns/net", (int)getpid()));
    bundle_set(bundle, "linux.sysctl", "{\"net.ipv4.ip_forward\": \"1\"}");
    assert_missing(bundle, "belongs to the network namespace, and the container has the host's");
}

/* --- programs ----------------------------------------------------------------------------------
 */

Scenario(check, scripts_are_followed_to_their_interpreters)
{
    need_root();
    struct bundle *bundle = bundle_new();

    bundle_set(bundle, "process.args", "[\"/script\"]");
    bundle_file(bundle, "/script", "#!/other -x\n", 0755);
    assert_missing(bundle, "process.args[0]: /script: its interpreter \"/other\" in the container: "
                           "No such file or directory");
    bundle_file(bundle, "/other", "#! /bin/sh\nexit 0\n", 0755);
    assert_given(bundle);
    bundle_file(bundle, "/script", "#!/bin/sh\n", 0644);
    cr_assert_eq(chmod(text("%s/script", bundle->rootfs), 0644), 0);
    assert_missing(bundle, "process.args[0]: \"/script\": Permission denied");
}

Scenario(check, what_is_no_program_is_told)
{
    need_root();
    struct bundle *bundle = bundle_new();

    bundle_set(bundle, "process.args", "[\"/thing\"]");
    bundle_file(bundle, "/thing", "just text\n", 0755);
    assert_missing(bundle, "process.args[0]: /thing: neither a program nor a script");
}

Scenario(check, of_a_variable_that_is_there_twice_the_last_counts)
{
    need_root();
    struct bundle *bundle = bundle_new();

    bundle_set(bundle, "process.args", "[\"true\"]");
    bundle_set(bundle, "process.env", "[\"PATH=/nowhere\", \"PATH=/bin\"]");
    assert_given(bundle);
    bundle_set(bundle, "process.env", "[\"PATH=/bin\", \"PATH=/nowhere\"]");
    assert_missing(bundle, "not found in $PATH");
}

/* Docker's hooks are programs by their processes, whose file may be gone. */
Scenario(check, a_hook_by_a_link_of_proc_is_given)
{
    need_root();
    struct bundle *bundle = true_bundle();
    const char *program = work_path("sleeper");
    pid_t pid;

    assert_ok(
        program_run(PROGRAM(.arguments = (const char *[]){"cp", "/bin/true", program, NULL})));

    autoclose int fd = open(program, O_RDONLY); /* not close-on-exec: this is how it is named */

    cr_assert(fd >= 0);
    pid = getpid();
    bundle_set(bundle, "hooks", "{\"createRuntime\": [{\"path\": \"/proc/%d/fd/%d\"}]}", (int)pid,
               fd);
    assert_given(bundle);
    cr_assert_eq(unlink(program), 0);
    assert_given(bundle);
}

/* A program of this host with a library of its own; the one under test may have none. */
static const char *program_with_library(void)
{
    static const char *const paths[] = {"/usr/bin/ps", "/bin/ps"};

    for (size_t i = 0; i < count_of(paths); i++) {
        if (file_exists(paths[i]))
            return paths[i];
    }
    skip("needs ps of procps");
    return NULL;
}

/* Where the host's own linker finds the library of that program. */
static const char *own_library(void)
{
    const struct outcome outcome = program_run(&(struct program){
        .arguments = (const char *[]){program_with_library(),      NULL},
        .environment = (const char *[]){"LD_TRACE_LOADED_OBJECTS=1", NULL},
    });
    const char *at = strstr(outcome.out, "libproc");

    if (at == NULL || (at = strchr(at, '/')) == NULL)
        skip("needs ps of procps, with its library");
    return text("%.*s", (int)strcspn(at, " \n"), at);
}

static struct bundle *dynamic_bundle(void)
{
    struct bundle *bundle = bundle_new();

    bundle_set(bundle, "process.args", "[\"/program\", \"--version\"]");
    bundle_file(bundle, "/program", "", 0755);
    bundle_mount(bundle, "/program", "bind", program_with_library(), "\"bind\"");
    return bundle;
}

/* Libraries of a hook are where its environment says. */
Scenario(check, libraries_of_a_hook_are_along_its_own_variables)
{
    need_root();
    struct bundle *bundle = true_bundle();
    const char *library = own_library();
    const char *directory = work_path("libraries");

    cr_assert_eq(mkdir(directory, 0755), 0);
    assert_ok(program_run(PROGRAM(.arguments = (const char *[]){
                                      "cp", work_file("empty", ""),
                                      text("%s/%s", directory, strrchr(library, '/') + 1), NULL})));
    bundle_set(bundle, "hooks",
               "{\"createRuntime\": [{\"path\": \"%s\", \"args\": [\"x\", \"--version\"], "
               "\"env\": [\"LD_LIBRARY_PATH=%s\"]}]}",
               program_with_library(), directory);
    assert_missing(bundle, "hooks.createRuntime[0].path: ");
}

/* The program may come by a mount, over a link, or be hidden by one. */
Scenario(check, programs_are_looked_for_as_the_container_will_see_them)
{
    need_root();
    struct bundle *bundle = bundle_new();
    const char *directory = work_path("programs");

    cr_assert_eq(mkdir(directory, 0755), 0);
    bundle_set(bundle, "process.args", "[\"hello\"]");
    bundle_set(bundle, "process.env", "[\"PATH=/nowhere:/opt/bin\"]");
    assert_missing(bundle, "not found in $PATH");

    bundle_mount(bundle, "/data", "bind", directory, "\"bind\"");
    cr_assert_eq(mkdir(text("%s/opt", bundle->rootfs), 0755), 0);
    cr_assert_eq(symlink("/data", text("%s/opt/bin", bundle->rootfs)), 0);
    assert_missing(bundle, "not found in $PATH");

    cr_assert_eq(rename(work_script("hello", "#!/bin/sh\nexit 0\n"), text("%s/hello", directory)),
                 0);
    assert_given(bundle);
    bundle_mount(bundle, "/data", "tmpfs", "tmpfs", "");
    assert_missing(bundle, "not found in $PATH");
}

/* By an option of the mount, or because the host's mount is and nothing says otherwise. */
Scenario(check, what_is_on_a_noexec_mount_is_told)
{
    static const struct {
        unsigned long host; /* flags of the source's mount, and of the one below it */
        const char *options, *program;
        bool is_given;
    } cases[] = {
        {0,         "\"bind\"",                       "/data/hello",       true },
        {0,         "\"bind\",\"noexec\"",            "/data/hello",       false},
        {0,         "\"rbind\",\"noexec\"",           "/data/below/hello", true },
        {0,         "\"rbind\",\"rnoexec\"",          "/data/below/hello", false},
        {0,         "\"rbind\",\"exec\",\"rnoexec\"", "/data/hello",       false},
        {MS_NOEXEC, "\"bind\"",                       "/data/hello",       false},
        {MS_NOEXEC, "\"bind\",\"exec\"",              "/data/hello",       true },
        {MS_NOEXEC, "\"rbind\",\"exec\"",             "/data/below/hello", false},
        {MS_NOEXEC, "\"rbind\",\"rexec\"",            "/data/below/hello", true },
    };

    need_root();
    const char *directory = host_tmpfs("programs"), *below = host_tmpfs("programs/below");

    work_script("programs/hello", "#!/bin/sh\n");
    work_script("programs/below/hello", "#!/bin/sh\n");
    for (size_t i = 0; i < count_of(cases); i++) {
        struct bundle *bundle = true_bundle();

        host_set_mount_flags(directory, cases[i].host);
        host_set_mount_flags(below, cases[i].host);
        bundle_mount(bundle, "/data", "bind", directory, cases[i].options);
        bundle_set(bundle, "process.args", "[\"%s\"]", cases[i].program);
        if (cases[i].is_given)
            assert_given(bundle);
        else
            assert_missing(bundle, text("process.args[0]: \"%s\": it is on a mount that is noexec",
                                        cases[i].program));
    }
}

/* The program's own interpreter, and a mount that is changed later. */
Scenario(check, interpreters_on_a_noexec_mount_are_told)
{
    need_root();
    struct bundle *bundle = true_bundle();

    host_tmpfs("programs");
    work_script("programs/hello", "#!/bin/sh\n");
    bundle_mount(bundle, "/data", "bind", work_path("programs"), "\"bind\"");
    bundle_set(bundle, "process.args", "[\"/script\"]");
    bundle_file(bundle, "/script", "#!/data/hello\n", 0755);
    assert_given(bundle);
    bundle_mount(bundle, "/data", "none", "none", "\"remount\",\"bind\",\"noexec\"");
    assert_missing(bundle, "process.args[0]: /script: its interpreter \"/data/hello\" in the "
                           "container: it is on a mount that is noexec");
}

/* What has to be there for limits to be set by it. */
Scenario(check, a_machine_without_systemd_is_told)
{
    need_root();
    if (file_exists("/run/systemd/private"))
        skip("needs a machine without systemd");

    struct bundle *bundle = true_bundle();
    struct outcome outcome;

    bundle_set(bundle, "linux.cgroupsPath", "\"system.slice:test:%s\"", bundle->id);
    outcome = crun("--systemd-cgroup", "check", bundle->path);
    assert_code(outcome, 1);
    assert_has(outcome.out, "linux.cgroupsPath: connect to systemd at /run/systemd/private");
    cr_assert_neq(crun("--systemd-cgroup", "run", "-b", bundle->path, bundle->id).code, 0);
}

/* `docker run --init` on a system with merged /usr. */
Scenario(check, a_mount_on_a_path_with_links_is_found_where_they_lead)
{
    need_root();
    struct bundle *bundle = bundle_new();

    cr_assert_eq(mkdir(text("%s/merged", bundle->rootfs), 0755), 0);
    cr_assert_eq(symlink("merged", text("%s/linked", bundle->rootfs)), 0);
    bundle_set(bundle, "process.args", "[\"/linked/init\"]");
    bundle_mount(bundle, "/linked/init", "bind", work_script("init", "#!/bin/sh\nexit 0\n"),
                 "\"bind\"");
    assert_given(bundle);
}

static void mount_libraries(struct bundle *bundle)
{
    static const char *const directories[] = {"/usr/lib", "/usr/lib64", "/lib", "/lib64"};

    for (size_t i = 0; i < count_of(directories); i++) {
        if (file_exists(directories[i]))
            bundle_mount(bundle, directories[i], "bind", directories[i], "\"bind\",\"ro\"");
    }
    bundle_file(bundle, "/etc/ld.so.cache", "", 0644);
    if (file_exists("/etc/ld.so.cache"))
        bundle_mount(bundle, "/etc/ld.so.cache", "bind", "/etc/ld.so.cache", "\"bind\",\"ro\"");
}

Scenario(check, interpreter_and_libraries_of_the_program_are_looked_for)
{
    need_root();
    struct bundle *bundle = dynamic_bundle();
    const char *library = own_library();

    assert_missing(bundle, "process.args[0]: /program: its interpreter \"/");
    mount_libraries(bundle);
    assert_given(bundle);
    /* What lies over it is no library. */
    bundle_mount(bundle, library, "bind", work_file("empty", ""), "\"bind\"");
    assert_missing(bundle, "process.args[0]: /program: its library \"libproc");
}

/* A bundle is anybody's, and so are the names in it: none of them speaks to the terminal. */
Scenario(check, no_name_of_a_bundle_reaches_the_terminal_as_a_control)
{
    static const char title[] = "\\u001b]0;hello\\u0007";

    need_root();
    struct bundle *bundle = bundle_new();

    bundle_set(bundle, "process.args", "[\"/%s\"]", title);
    bundle_file(bundle, "/\x1b]0;hello\x07", "#!/no/such\n", 0755);
    bundle_set(bundle, "hooks", "{\"createRuntime\": [{\"path\": \"/%s\"}]}", title);
    bundle_mount(bundle, "/mnt", "bind", "/\x1b]0;hello\x07", "\"bind\"");
    bundle_mount(bundle, "/mnt", title, "x", "");
    bundle_set(bundle, "linux.seccomp",
               "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"listenerPath\": \"/%s\", "
               "\"syscalls\": [{\"names\": [\"mkdir\"], \"action\": \"SCMP_ACT_NOTIFY\"}]}",
               title);

    const struct outcome lines = check(bundle);

    assert_code(lines, 1);
    assert_has(lines.out, "process.args[0]: /\\x1b]0;hello\\x07: its interpreter");
    assert_has(lines.out, "hooks.createRuntime[0].path: /\\x1b]0;hello\\x07: No such file");
    assert_has(lines.out, "].source: /\\x1b]0;hello\\x07: No such file");
    assert_has(lines.out, "].type: this kernel has no file system \"\\x1b]0;hello\\x07\"");
    assert_has(lines.out, "listenerPath: /\\x1b]0;hello\\x07: No such file");
    assert_lacks(lines.out, "\x1b");
    assert_lacks(lines.out, "\x07");
    /* JSON has no other bytes than UTF-8. */
    assert_lacks(crun("check", "--json", bundle->path).out, "\\u001b");
}

/* --- the command -------------------------------------------------------------------------------
 */

Scenario(check, json_has_all_that_was_looked_at)
{
    need_root();
    struct bundle *bundle = true_bundle();

    bundle_set(bundle, "process.args[0]", "\"no-such-program\"");

    const struct outcome outcome = crun("check", "--json", bundle->path);

    assert_code(outcome, 1);
    assert_text(json_text(scenario_arena(), outcome.out, "[0].check"), "plan");
    assert_text(json_get(scenario_arena(), outcome.out, "[0].ok"), "true");
    assert_has(outcome.out, "\"check\": \"program\",\n    \"place\": \"process.args[0]\",\n    "
                            "\"ok\": false,\n    \"words\": \"\\\"no-such-program\\\": ");
}

Scenario(check, the_bundle_is_named_in_any_way)
{
    need_root();
    struct bundle *bundle = true_bundle();
    const char *other = work_file("other.json", bundle->config);

    assert_ok(crun("check", "--bundle", bundle->path));
    assert_ok(crun("check", "-f", other, bundle->path));
    assert_ok(crun_with(PROGRAM(.directory = bundle->path), "check"));
    assert_refused(crun("check", "-b", bundle->path, bundle->path), 1, "the bundle is named twice");
}

Scenario(check, a_bad_bundle_is_an_error_as_for_create)
{
    need_root();
    struct bundle *bundle = true_bundle();
    static const char *const configs[] = {"", "{}", "{\"ociVersion\": 1}"};

    assert_refused(crun("check", scenario_work()), 1,
                   "JSON specification file config.json not found");
    for (size_t i = 0; i < count_of(configs); i++) {
        bundle_raw(bundle, configs[i]);

        const char *of_create = strstr(bundle_run(bundle).err, "config.json: ");

        cr_assert_not_null(of_create);
        assert_refused(check(bundle), 1, of_create);
        assert_text(check(bundle).out, "");
    }
}

/* --- ordinary users ----------------------------------------------------------------------------
 */

enum { CALLER = 54321 };

/* As that user, with a state root of his. */
#define as_user(...) run_as_user((const char *[]){__VA_ARGS__, NULL})

static struct outcome run_as_user(const char *const *arguments)
{
    const char *root = work_path("state");
    const char *all[16] = {scenario_program(), "--root", root};
    size_t count = 3;

    if (!file_exists(root))
        cr_assert(mkdir(root, 0700) == 0 && lchown(root, CALLER, CALLER) == 0);
    while (*arguments != NULL)
        all[count++] = *arguments++;
    return program_run(PROGRAM(.arguments = all, .user = CALLER));
}

/* A bundle that he can run, or a skip where the kernel gives him no user namespaces. */
static struct bundle *bundle_of_user(void)
{
    need_root();
    struct bundle *bundle = bundle_new_for_user(CALLER);

    bundle_script(bundle, "true");
    if (as_user("run", "-b", bundle->path, bundle->id).code != 0)
        skip("an ordinary user cannot run containers here");
    assert_ok(as_user("check", bundle->path));
    return bundle;
}

static void assert_user_lacks(struct bundle *bundle, const char *words)
{
    const struct outcome outcome = as_user("check", bundle->path);

    assert_code(outcome, 1);
    assert_has(outcome.out, words);
    cr_assert_neq(as_user("run", "-b", bundle->path, bundle->id).code, 0);
}

/* What root may do all of. */
Scenario(check, an_ordinary_user_lacks_what_root_has)
{
    struct bundle *bundle = bundle_of_user();
    char *config = bundle->config;

    bundle_set(bundle, "linux.uidMappings",
               "[{\"containerID\": 0, \"hostID\": %d, \"size\": 1}, "
               "{\"containerID\": 1, \"hostID\": 65534, \"size\": 1}]",
               CALLER);
    assert_user_lacks(bundle, "linux.uidMappings");
    bundle_raw(bundle, config);
    bundle_set(bundle, "process.rlimits",
               "[{\"type\": \"RLIMIT_NICE\", \"soft\": 30, \"hard\": 30}]");
    assert_user_lacks(bundle, "process.rlimits[0].hard: RLIMIT_NICE cannot be raised from ");
    bundle_raw(bundle, config);
    bundle_set(bundle, "linux.resources", "{\"pids\": {\"limit\": 5}}");
    assert_user_lacks(bundle, "linux.cgroupsPath: ");
}

/* Files of the container's users that the caller may not read are not missing; the caller's own
 * hooks have to be executable for him. */
Scenario(check, what_an_ordinary_user_may_not_see_is_not_missing)
{
    struct bundle *bundle = bundle_of_user();
    const char *hook = work_script("hook", "#!/bin/sh\n");

    cr_assert_eq(chmod(text("%s/bin/busybox", bundle->rootfs), 0111), 0);
    assert_ok(as_user("check", bundle->path));
    assert_ok(as_user("run", "-b", bundle->path, bundle->id));
    bundle_set(bundle, "hooks", "{\"createRuntime\": [{\"path\": \"%s\"}]}", hook);
    assert_ok(as_user("check", bundle->path));
    assert_ok(as_user("run", "-b", bundle->path, bundle->id));
    cr_assert_eq(chmod(hook, 0700), 0);
    assert_user_lacks(bundle, text("hooks.createRuntime[0].path: %s: Permission denied", hook));
}

/* Of a kind that may not be made any more: the limit is that of the caller's own user namespace. */
Scenario(check, namespaces_that_are_switched_off_are_told)
{
    static const char off[] = "echo 0 >/proc/sys/user/max_uts_namespaces && exec \"$@\"";

    need_root();
    need_command("unshare");
    struct bundle *bundle = bundle_new_rootless();
    const char *const checked[] = {"unshare",          "-Ur",   "sh",         "-c", off, "sh",
                                   scenario_program(), "check", bundle->path, NULL};
    const char *const ran[] = {"unshare",
                               "-Ur",
                               "sh",
                               "-c",
                               off,
                               "sh",
                               scenario_program(),
                               "run",
                               "--root",
                               work_path("state"),
                               "-b",
                               bundle->path,
                               bundle->id,
                               NULL};
    struct outcome outcome;

    bundle_script(bundle, "true");
    outcome = program_run(PROGRAM(.arguments = checked));
    assert_code(outcome, 1);
    assert_has(outcome.out, "linux.namespaces: uts namespaces are switched off: "
                            "/proc/sys/user/max_uts_namespaces is 0");
    cr_assert_neq(program_run(PROGRAM(.arguments = ran)).code, 0);
}
