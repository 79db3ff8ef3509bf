#include "tests/integration/harness/systemd.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/integration/harness/bundle.h"
#include "tests/integration/harness/scenario.h"

void need_systemd(void)
{
    need_root();
    if (!file_exists("/proc/1/root/run/systemd/private"))
        skip("systemd is not running");
    for (size_t i = 0; i < 2; i++) {
        const char *name = i == 0 ? "systemd" : "dbus";

        cr_assert(symlink(text("/proc/1/root/run/%s", name), text("/run/%s", name)) == 0 ||
                      errno == EEXIST,
                  "link /run/%s: %s", name, strerror(errno));
    }
}

void forget_systemd(void)
{
    unlink("/run/systemd");
    unlink("/run/dbus");
}

char *unit_property(const char *unit, const char *name)
{
    struct outcome outcome = program_run(
        PROGRAM(.arguments = (const char *const[]){"systemctl", "show", "--value", "-p", name, unit,
                                                   NULL}));

    assert_ok(outcome);
    return text("%.*s", (int)strcspn(outcome.out, "\n"), outcome.out);
}

bool unit_is_gone(const char *unit)
{
    return strcmp(unit_property(unit, "ActiveState"), "inactive") == 0 &&
           strcmp(unit_property(unit, "LoadState"), "not-found") == 0;
}

void unit_end(const char *unit)
{
    assert_ok(
        program_run(PROGRAM(.arguments = (const char *const[]){"systemctl", "stop", unit, NULL})));
    cr_assert(eventually(unit_is_gone(unit)), "%s is %s, %s", unit,
              unit_property(unit, "ActiveState"), unit_property(unit, "Result"));
}

static bool is_hybrid(void)
{
    return file_exists("/sys/fs/cgroup/unified/cgroup.procs");
}

const char *unit_cgroup_file(const char *cgroup, const char *file)
{
    const char *of_systemd = is_hybrid() ? "unified" : "systemd";
    const char *controller = text("%.*s", (int)strcspn(file, "."), file);

    if (host_has_pure_cgroup2())
        return text("/sys/fs/cgroup/%s/%s", cgroup, file);
    return text("/sys/fs/cgroup/%s/%s/%s",
                strcmp(controller, "cgroup") == 0 ? of_systemd : controller, cgroup, file);
}

const char *unit_cgroup_line(const char *cgroup)
{
    bool has_v2 = host_has_pure_cgroup2() || is_hybrid();

    return text("%s:/%s\n", has_v2 ? "0:" : ":name=systemd", cgroup);
}

const char *directory_of_user(const char *name)
{
    const char *path = work_path(name);

    cr_assert(mkdir(path, 0700) == 0 && chown(path, SYSTEMD_USER, SYSTEMD_USER) == 0);
    return path;
}

char *serve_user_manager(const char *directory)
{
    static const char manager[] = "/usr/lib/systemd/systemd";
    char *unit = text("user-%s.service", scenario_tag());

    if (!file_exists(manager))
        skip("no %s", manager);
    assert_ok(program_run(
        PROGRAM(.arguments = (const char *const[]){
                    "systemd-run", "--quiet", "--collect", "--unit", unit, "-p",
                    text("User=%d", SYSTEMD_USER), "-p", "Delegate=yes", "-p", "KillMode=mixed",
                    "-p", "TimeoutStopSec=5s", "env", text("HOME=%s", directory),
                    text("XDG_RUNTIME_DIR=%s", directory), manager, "--user", NULL})));
    cr_assert(eventually(file_exists(text("%s/systemd/private", directory))));
    return unit;
}

struct outcome run_as_user(const char *runtime_directory, const char *bus,
                           const char *const *arguments)
{
    const char *all[20] = {"env",
                           text("XDG_RUNTIME_DIR=%s", runtime_directory),
                           text("DBUS_SESSION_BUS_ADDRESS=%s", bus),
                           scenario_program(),
                           "--root",
                           work_path("state"),
                           "--systemd-cgroup"};

    for (size_t i = 7; *arguments != NULL; i++)
        all[i] = *arguments++;
    return program_run(PROGRAM(.arguments = all, .user = SYSTEMD_USER));
}
