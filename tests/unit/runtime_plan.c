/* All modules' plans side by side, for a real bundle on the host that runs the tests: nothing is
 * changed. */

#include "runtime_help.h"

#include <sched.h>

#include "runtime/plan.h"

static const char capabilities[] = "['CAP_KILL','CAP_CHOWN']";

/* A bundle: config.json pieces put together, ' for ". */
struct bundle {
    struct arena *arena;
    const char *process; /* members of process, with a comma behind */
    const char *linux_;  /* members of linux, with a comma behind */
    const char *rest;    /* members beside them, with a comma behind */
    struct create_request request;
    struct container_plan plan;
};

static struct spec *spec_of(struct arena *arena, const char *json)
{
    char *text = arena_string(arena, json);
    struct spec *spec;
    struct error err;

    for (char *at = text; (at = strchr(at, '\'')) != NULL;)
        *at = '"';
    must(spec_parse(text, strlen(text), "config.json", arena, NULL, &spec, &err));
    return spec;
}

static const char *text_or(const char *text)
{
    return text != NULL ? text : "";
}

static char *config_of(const struct bundle *bundle)
{
    char *json = arena_print(
        bundle->arena,
        "{'ociVersion':'1.2.0','hostname':'web','root':{'path':'rootfs'},%s"
        "'process':{%s'cwd':'/','args':['/bin/sh','-c','true'],"
        "'env':['PATH=/usr/bin:/bin','TERM=xterm'],"
        "'capabilities':{'bounding':%s,'effective':%s,'permitted':%s}},"
        "'mounts':[{'destination':'/proc','type':'proc','source':'proc'},"
        "{'destination':'/dev','type':'tmpfs','source':'tmpfs','options':['nosuid','mode=755']}],"
        "'linux':{%s'maskedPaths':['/proc/kcore'],'namespaces':[{'type':'pid'},{'type':'network'},"
        "{'type':'ipc'},{'type':'uts'},{'type':'mount'},{'type':'cgroup'},{'type':'user'}],"
        "'uidMappings':[{'containerID':0,'hostID':%u,'size':1}],"
        "'gidMappings':[{'containerID':0,'hostID':%u,'size':1}]}}",
        text_or(bundle->rest), text_or(bundle->process), capabilities, capabilities, capabilities,
        text_or(bundle->linux_), geteuid(), getegid());

    cr_assert_not_null(json);
    return json;
}

static int plan_json(struct bundle *bundle, const char *directory, const char *json,
                     struct error *err)
{
    struct runtime runtime = {.root = path_in(bundle->arena, directory, "state"),
                              .cgroup_manager = RUNTIME_NO_CGROUPS,
                              .rootless = geteuid() != 0};

    mkdir(path_in(bundle->arena, directory, "rootfs"), 0755);
    if (bundle->request.id == NULL)
        bundle->request.id = "web";
    bundle->request.bundle = directory;
    return container_plan_from_spec(&bundle->plan, spec_of(bundle->arena, json), directory,
                                    &runtime, &bundle->request, bundle->arena, err);
}

static int plan_bundle(struct bundle *bundle, const char *directory, struct error *err)
{
    return plan_json(bundle, directory, config_of(bundle), err);
}

Test(plan, of_a_whole_bundle)
{
    autoarena struct arena arena = {NULL};
    own_directory(directory);
    struct bundle bundle = {.arena = &arena, .rest = "'annotations':{'a':'b'},"};
    struct container_plan *plan = &bundle.plan;
    struct error err;
    size_t before = open_descriptors();

    must(plan_bundle(&bundle, directory, &err));
    cr_expect_str_eq(plan->id, "web");
    cr_expect_str_eq(plan->bundle, directory);
    cr_expect(plan->has_process);
    cr_expect_eq(plan->namespaces.create, CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC |
                                              CLONE_NEWUTS | CLONE_NEWNS | CLONE_NEWCGROUP |
                                              CLONE_NEWUSER);
    cr_expect_eq(plan->namespaces.join_count, 0);
    cr_expect_not_null(plan->id_maps.uid_map);
    cr_expect_not_null(plan->mounts);
    cr_expect_not_null(plan->hooks);
    cr_expect_eq(plan->hooks->poststop.count, 0);
    cr_expect(strstr(plan->creating.head, "\"status\":\"creating\"") != NULL ||
              strstr(plan->creating.tail, "\"status\":\"creating\"") != NULL);
    cr_expect(strstr(plan->created.head, "\"status\":\"created\"") != NULL ||
              strstr(plan->created.tail, "\"status\":\"created\"") != NULL);
    cr_expect_str_eq(plan->process.args[0], "/bin/sh");
    cr_expect_null(plan->process.args[3]);
    cr_expect_str_eq(plan->process.path, "/usr/bin:/bin");
    cr_expect_str_eq(plan->process.keyring, "_ses.web");
    cr_expect_eq(open_descriptors(), before, "a plan holds nothing open");
    cr_expect_eq(count_entries(directory), 1, "and makes nothing: only the rootfs is there");
}

Test(plan, home_is_looked_up_only_where_the_environment_has_none)
{
    autoarena struct arena arena = {NULL};
    own_directory(directory);
    struct bundle bundle = {.arena = &arena};
    struct error err;

    must(plan_bundle(&bundle, directory, &err));
    cr_expect(bundle.plan.process.wants_home);
    cr_expect_eq(bundle.plan.process.env_count, 2);
    cr_expect_null(bundle.plan.process.env[2]);
    cr_expect_null(bundle.plan.process.env[3], "a NULL stays behind HOME");

    struct spec_process process = {
        .cwd = "/", .env = {(const char *[]){"HOMELESS=1", "HOME=", NULL}, 2}
    };
    struct process_request request = {.id = "web", .new_user_namespace = true};
    static const struct log silent;
    struct process_plan plan;

    must(process_plan_from_spec(&plan, &process, NULL, &request, &arena, &silent, &err));
    cr_expect_not(plan.wants_home);
    cr_expect_str_eq(plan.path, "", "no PATH finds nothing");
    cr_expect_null(plan.keyring, "the caller's is kept");
}

Test(plan, sockets_handed_over_are_announced)
{
    autoarena struct arena arena = {NULL};
    struct spec_process process = {
        .cwd = "/", .env = {(const char *[]){"A=1", NULL}, 1}
    };
    struct process_request request = {
        .id = "web", .new_user_namespace = true, .listen_fds = 2, .preserve_fds = 3};
    static const struct log silent;
    struct process_plan plan;
    struct error err;

    must(process_plan_from_spec(&plan, &process, NULL, &request, &arena, &silent, &err));
    cr_expect_eq(plan.preserved_fds, 5);
    cr_expect_eq(plan.env_count, 3);
    cr_expect_str_eq(plan.env[1], "LISTEN_FDS=2");
    cr_expect_str_eq(plan.env[2], "LISTEN_PID=1");
    cr_expect_null(plan.env[3]);
    cr_expect_null(plan.env[4]);
}

static const char *variable(const struct process_plan *plan, const char *name)
{
    const char *found = NULL;

    for (size_t i = 0; i < plan->env_count; i++) {
        if (strncmp(plan->env[i], name, strlen(name)) != 0 || plan->env[i][strlen(name)] != '=')
            continue;
        cr_expect_null(found, "%s is there twice", name);
        found = plan->env[i] + strlen(name) + 1;
    }
    return found;
}

Test(plan, of_a_variable_that_is_given_twice_the_last_counts)
{
    autoarena struct arena arena = {NULL};
    const char *env[] = {"A=1", "PATH=/first", "AB=2", "A=3", "PATH=/last", NULL};
    struct spec_process process = {
        .cwd = "/", .env = {env, 5}
    };
    struct process_request request = {.id = "web", .new_user_namespace = true};
    static const struct log silent;
    struct process_plan plan;
    struct error err;

    must(process_plan_from_spec(&plan, &process, NULL, &request, &arena, &silent, &err));
    cr_expect_eq(plan.env_count, 3);
    cr_expect_str_eq(variable(&plan, "A"), "3");
    cr_expect_str_eq(variable(&plan, "AB"), "2");
    cr_expect_str_eq(plan.path, "/last", "the program is looked up there");
}

/* getenv(3) finds the first of two, others the last: there must be one. */
Test(plan, variables_about_handed_over_sockets_replace_those_of_the_bundle)
{
    autoarena struct arena arena = {NULL};
    const char *env[] = {"LISTEN_FDS=7", "LISTEN_FDNAMES=stale", "LISTEN_PID=99", "A=1", NULL};
    struct spec_process process = {
        .cwd = "/", .env = {env, 4}
    };
    struct process_request request = {.id = "web", .new_user_namespace = true};
    static const struct log silent;
    struct process_plan plan;
    struct error err;

    must(process_plan_from_spec(&plan, &process, NULL, &request, &arena, &silent, &err));
    cr_expect_str_eq(variable(&plan, "LISTEN_FDS"), "7", "the bundle's own, when we have none");
    cr_expect_str_eq(variable(&plan, "LISTEN_FDNAMES"), "stale");
    request.listen_fds = 2;
    must(process_plan_from_spec(&plan, &process, NULL, &request, &arena, &silent, &err));
    cr_expect_str_eq(variable(&plan, "LISTEN_FDS"), "2");
    cr_expect_str_eq(variable(&plan, "LISTEN_PID"), "1");
    cr_expect_null(variable(&plan, "LISTEN_FDNAMES"), "they are of other descriptors");
    cr_expect_str_eq(variable(&plan, "A"), "1");
    request.listen_names = "http:https";
    must(process_plan_from_spec(&plan, &process, NULL, &request, &arena, &silent, &err));
    cr_expect_str_eq(variable(&plan, "LISTEN_FDNAMES"), "http:https");
    cr_expect_eq(plan.env_count, 4);
    cr_expect_null(plan.env[4]);
    cr_expect_null(plan.env[5], "a NULL stays behind HOME");
}

Test(plan, of_a_notify_socket_the_process_knows_where_it_is)
{
    autoarena struct arena arena = {NULL};
    const char *env[] = {"NOTIFY_SOCKET=/of/the/bundle", "A=1", NULL};
    struct spec_process process = {
        .cwd = "/", .env = {env, 2}
    };
    struct process_request request = {.id = "web", .new_user_namespace = true};
    static const struct log silent;
    struct process_plan plan;
    struct error err;

    must(process_plan_from_spec(&plan, &process, NULL, &request, &arena, &silent, &err));
    cr_expect_str_eq(variable(&plan, "NOTIFY_SOCKET"), "/of/the/bundle", "none of ours is there");
    request.notify = true;
    request.listen_fds = 1;
    request.listen_names = "x";
    must(process_plan_from_spec(&plan, &process, NULL, &request, &arena, &silent, &err));
    cr_expect_str_eq(variable(&plan, "NOTIFY_SOCKET"), "/run/notify/notify.sock");
    cr_expect_eq(plan.env_count, 5);
    cr_expect_null(plan.env[5]);
    cr_expect_null(plan.env[6], "a NULL stays behind HOME");
}

Test(plan, a_terminal_and_its_socket_go_together)
{
    static const struct {
        bool terminal;
        bool detach;
        const char *socket;
        const char *refused; /* NULL: fine */
    } rows[] = {
        {false, false, NULL, NULL                                                               },
        {false, true,  NULL, NULL                                                               },
        {true,  false, NULL, NULL                                                               },
        {true,  true,  "/s", NULL                                                               },
        {true,  true,  NULL,
         "cannot allocate tty if runc will detach without setting console"
         " socket"                                                                              },
        {false, true,  "/s", "cannot use console socket if runc will not detach or allocate tty"},
        {true,  false, "/s", "cannot use console socket if runc will not detach or allocate tty"},
        {false, false, "/s", "cannot use console socket if runc will not detach or allocate tty"},
    };

    for (size_t i = 0; i < count_of(rows); i++) {
        autoarena struct arena arena = {NULL};
        own_directory(directory);
        struct bundle bundle = {
            .arena = &arena,
            .process = rows[i].terminal ? "'terminal':true,'consoleSize':{'height':3,'width':4},"
                                        : "",
            .request = {.detach = rows[i].detach, .console_socket = rows[i].socket},
        };
        struct error err;

        if (rows[i].refused != NULL) {
            expect_refused(plan_bundle(&bundle, directory, &err), EINVAL, rows[i].refused);
            continue;
        }
        cr_assert_eq(plan_bundle(&bundle, directory, &err), 0, "row %zu: %s", i, err.text);
        cr_expect_eq(bundle.plan.process.terminal, rows[i].terminal);
        cr_expect_eq(bundle.plan.process.console_size != NULL, rows[i].terminal);
        cr_expect_eq(bundle.plan.process.own_stdio, rows[i].detach);
    }
}

/* The spec's own rules refuse this for a bundle; exec may ask for anybody. */
Test(plan, who_is_not_mapped_cannot_be_the_user)
{
    static uint32_t groups[] = {0, 7};
    static const struct {
        struct spec_user user;
        const char *text;
    } rows[] = {
        {{.uid = 5},                       "process.user.uid: 5 is not mapped by linux.uidMappings"},
        {{.gid = 6},                       "process.user.gid: 6 is not mapped by linux.gidMappings"},
        {{.additional_gids = {groups, 2}},
         "process.user.additionalGids: 7 is not mapped by linux.gidMappings"                       },
    };
    struct spec_id_mapping root[] = {
        {0, 100000, 1}
    };
    struct id_map_plan maps = {
        .uids = {root, 1},
          .gids = {root, 1}
    };

    for (size_t i = 0; i < count_of(rows); i++) {
        autoarena struct arena arena = {NULL};
        static const struct log silent;
        struct spec_process process = {.cwd = "/", .user = rows[i].user};
        struct process_request request = {
            .source = "config.json", .id = "web", .new_user_namespace = true, .id_maps = &maps};
        struct process_plan plan;
        struct error err;

        expect_refused(
            process_plan_from_spec(&plan, &process, NULL, &request, &arena, &silent, &err), EINVAL,
            rows[i].text);
        cr_expect(strncmp(err.text, "config.json: ", 13) == 0, "%s", err.text);
        request.id_maps = NULL;
        cr_expect_eq(process_plan_from_spec(&plan, &process, NULL, &request, &arena, &silent, &err),
                     0, "%s", err.text);
    }
}

Test(plan, every_refusal_names_the_file_and_the_place)
{
    static const struct {
        const char *linux_;
        const char *text;
    } rows[] = {
        {"'intelRdt':{'closID':'a/b'},",                           "config.json: linux.intelRdt.closID"},
        {"'sysctl':{'kernel.domainname':'x','kernel.panic':'1'},", "config.json: linux.sysctl"         },
        {"'timeOffsets':{'monotonic':{'secs':1}},",                "config.json: linux.timeOffsets"    },
    };

    for (size_t i = 0; i < count_of(rows); i++) {
        autoarena struct arena arena = {NULL};
        own_directory(directory);
        struct bundle bundle = {.arena = &arena, .linux_ = rows[i].linux_};
        struct error err = {0};
        char *json = config_of(&bundle);
        struct spec *spec;

        /* Some are refused by the spec's own rules already, in the same words. */
        for (char *at = json; (at = strchr(at, '\'')) != NULL;)
            *at = '"';
        if (spec_parse(json, strlen(json), "config.json", &arena, NULL, &spec, &err) == 0)
            cr_expect(plan_json(&bundle, directory, json, &err) < 0, "row %zu", i);
        cr_expect(strncmp(err.text, rows[i].text, strlen(rows[i].text)) == 0, "\"%s\"", err.text);
    }
}

Test(plan, a_bundle_without_process_can_be_created)
{
    autoarena struct arena arena = {NULL};
    own_directory(directory);
    struct bundle bundle = {.arena = &arena};
    struct error err;

    must(plan_json(&bundle, directory,
                   "{'ociVersion':'1.2.0','root':{'path':'rootfs'},"
                   "'linux':{'namespaces':[{'type':'mount'},{'type':'user'}],"
                   "'uidMappings':[{'containerID':0,'hostID':0,'size':1}],"
                   "'gidMappings':[{'containerID':0,'hostID':0,'size':1}]}}",
                   &err));
    cr_expect_not(bundle.plan.has_process);
    cr_expect_null(bundle.plan.process.args);
    cr_expect_str_eq(bundle.plan.process.cwd, "/");
}

Test(plan, the_layer_over_the_root_comes_along)
{
    autoarena struct arena arena = {NULL};
    own_directory(directory);
    struct bundle bundle = {
        .arena = &arena,
        .request = {.overrides = {.overlay = true, .overlay_directory = "/layers/web"}}};
    struct error err;

    must(plan_bundle(&bundle, directory, &err));
    cr_expect(bundle.plan.layer.wanted);
    cr_expect_str_eq(bundle.plan.layer.directory, "/layers/web");
    cr_expect_eq(access("/layers", F_OK), -1, "planned, not made");
}
