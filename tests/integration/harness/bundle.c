#include "tests/integration/harness/bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <linux/magic.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "base/own.h"
#include "tests/integration/harness/json.h"
#include "tests/integration/harness/scenario.h"

#define CAPABILITIES                                                                      \
    "[\"CAP_AUDIT_WRITE\",\"CAP_CHOWN\",\"CAP_DAC_OVERRIDE\",\"CAP_FOWNER\","             \
    "\"CAP_FSETID\",\"CAP_KILL\",\"CAP_MKNOD\",\"CAP_NET_BIND_SERVICE\",\"CAP_SETFCAP\"," \
    "\"CAP_SETGID\",\"CAP_SETPCAP\",\"CAP_SETUID\",\"CAP_SYS_CHROOT\"]"

static const char default_config[] =
    "{\n"
    "\"ociVersion\":\"1.2.0\",\n"
    "\"hostname\":\"inside\",\n"
    "\"root\":{\"path\":\"rootfs\"},\n"
    "\"process\":{\n"
    " \"args\":[\"/bin/true\"],\n"
    " \"env\":[\"PATH=/usr/sbin:/usr/bin:/sbin:/bin\"],\n"
    " \"cwd\":\"/\",\n"
    " \"user\":{\"uid\":0,\"gid\":0},\n"
    " \"noNewPrivileges\":true,\n"
    " \"capabilities\":{\"bounding\":" CAPABILITIES ",\"effective\":" CAPABILITIES
    ",\"permitted\":" CAPABILITIES "}},\n"
    "\"mounts\":[\n"
    " {\"destination\":\"/proc\",\"type\":\"proc\",\"source\":\"proc\","
    "\"options\":[\"nosuid\",\"noexec\",\"nodev\"]},\n"
    " {\"destination\":\"/dev\",\"type\":\"tmpfs\",\"source\":\"tmpfs\","
    "\"options\":[\"nosuid\",\"strictatime\",\"mode=755\",\"size=65536k\"]},\n"
    " {\"destination\":\"/dev/pts\",\"type\":\"devpts\",\"source\":\"devpts\","
    "\"options\":[\"nosuid\",\"noexec\",\"newinstance\",\"ptmxmode=0666\",\"mode=0620\"]},\n"
    " {\"destination\":\"/dev/shm\",\"type\":\"tmpfs\",\"source\":\"shm\","
    "\"options\":[\"nosuid\",\"noexec\",\"nodev\",\"mode=1777\",\"size=65536k\"]},\n"
    " {\"destination\":\"/dev/mqueue\",\"type\":\"mqueue\",\"source\":\"mqueue\","
    "\"options\":[\"nosuid\",\"noexec\",\"nodev\"]},\n"
    " {\"destination\":\"/sys\",\"type\":\"sysfs\",\"source\":\"sysfs\","
    "\"options\":[\"nosuid\",\"noexec\",\"nodev\",\"ro\"]}],\n"
    "\"linux\":{\n"
    " \"resources\":{\"devices\":[{\"allow\":false,\"access\":\"rwm\"}]},\n"
    " \"namespaces\":[{\"type\":\"pid\"},{\"type\":\"network\"},{\"type\":\"ipc\"},"
    "{\"type\":\"uts\"},{\"type\":\"mount\"},{\"type\":\"cgroup\"},{\"type\":\"time\"}],\n"
    " \"maskedPaths\":[\"/proc/acpi\",\"/proc/kcore\",\"/proc/keys\",\"/proc/latency_stats\","
    "\"/proc/timer_list\",\"/proc/sched_debug\",\"/proc/scsi\",\"/sys/firmware\"],\n"
    " \"readonlyPaths\":[\"/proc/bus\",\"/proc/fs\",\"/proc/irq\",\"/proc/sys\","
    "\"/proc/sysrq-trigger\"]}\n"
    "}\n";

/* --- the root file system --------------------------------------------------------------------- */

static const char *static_busybox(void)
{
    static const char *const places[] = {"/bin/busybox.static", "/bin/busybox", "/usr/bin/busybox",
                                         "/sbin/busybox"};

    for (size_t i = 0; i < count_of(places); i++)
        if (access(places[i], X_OK) == 0)
            return places[i];
    skip("needs a static busybox");
    return NULL;
}

static void copy_file(const char *from, const char *to, mode_t mode)
{
    autoclose int in = open(from, O_RDONLY | O_CLOEXEC);
    autoclose int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    ssize_t copied = 1;

    cr_assert(in >= 0 && out >= 0, "copy %s to %s: %s", from, to, strerror(errno));
    while (copied > 0) {
        static char buffer[1 << 18];
        ssize_t got = read(in, buffer, sizeof buffer);

        copied = got <= 0 ? got : write(out, buffer, (size_t)got);
    }
    cr_assert(copied == 0, "copy %s to %s: %s", from, to, strerror(errno));
}

static void link_applets(const char *busybox, const char *bin)
{
    struct outcome list = program_run(&(struct program){
        .arguments = (const char *[]){busybox, "--list", NULL}
    });
    char *names = arena_string(scenario_arena(), list.out);

    for (char *name = strtok(names, "\n"); name != NULL; name = strtok(NULL, "\n"))
        if (strcmp(name, "busybox") != 0)
            cr_assert(symlink("busybox", text("%s/%s", bin, name)) == 0);
}

static void make_rootfs(const char *rootfs)
{
    static const char *const directories[] = {"",     "bin",  "dev", "etc", "home", "mnt", "proc",
                                              "root", "sbin", "sys", "tmp", "usr",  "var", "work"};
    const char *busybox = static_busybox();

    for (size_t i = 0; i < count_of(directories); i++)
        cr_assert(mkdir(text("%s/%s", rootfs, directories[i]), 0755) == 0, "%s", strerror(errno));
    cr_assert(chmod(text("%s/tmp", rootfs), 01777) == 0);
    copy_file(busybox, text("%s/bin/busybox", rootfs), 0755);
    link_applets(busybox, text("%s/bin", rootfs));
}

static void write_file(const char *path, const char *content, mode_t mode)
{
    autoclose int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

    cr_assert(fd >= 0, "%s: %s", path, strerror(errno));
    cr_assert(write(fd, content, strlen(content)) == (ssize_t)strlen(content));
    fchmod(fd, mode);
}

void bundle_file(struct bundle *bundle, const char *path, const char *content, mode_t mode)
{
    write_file(text("%s/%s", bundle->rootfs, path), content, mode);
}

/* --- config.json ------------------------------------------------------------------------------ */

void bundle_raw(struct bundle *bundle, const char *config)
{
    bundle->config = arena_string(scenario_arena(), config);
    write_file(text("%s/config.json", bundle->path), config, 0644);
}

void bundle_set(struct bundle *bundle, const char *path, const char *format, ...)
{
    va_list arguments;
    autofree char *value = NULL;
    int length;

    va_start(arguments, format);
    length = vasprintf(&value, format, arguments);
    va_end(arguments);
    cr_assert(length >= 0);
    bundle_raw(bundle, json_set(scenario_arena(), bundle->config, path, value));
}

void bundle_remove(struct bundle *bundle, const char *path)
{
    bundle_raw(bundle, json_remove(scenario_arena(), bundle->config, path));
}

void bundle_script(struct bundle *bundle, const char *script)
{
    bundle_set(bundle, "process.args", "[\"/bin/sh\",\"-c\",%s]",
               json_quote(scenario_arena(), script));
}

void bundle_allow(struct bundle *bundle, const char *capability)
{
    static const char *const sets[] = {"bounding", "effective", "permitted"};

    for (size_t i = 0; i < count_of(sets); i++)
        bundle_set(bundle, text("process.capabilities.%s[+]", sets[i]), "\"%s\"", capability);
}

void bundle_mount(struct bundle *bundle, const char *destination, const char *type,
                  const char *source, const char *options)
{
    struct arena *arena = scenario_arena();

    bundle_set(bundle, "mounts[+]",
               "{\"destination\":%s,\"type\":\"%s\",\"source\":%s,\"options\":[%s]}",
               json_quote(arena, destination), type, json_quote(arena, source), options);
}

void bundle_mount_libraries(struct bundle *bundle)
{
    static const char *const places[] = {"/lib", "/lib64", "/usr/lib", "/usr/local/lib"};

    for (size_t i = 0; i < count_of(places); i++)
        if (access(places[i], F_OK) == 0)
            bundle_mount(bundle, places[i], "none", places[i], "\"bind\",\"ro\"");
}

void bundle_mount_program(struct bundle *bundle, const char *destination, const char *program)
{
    bundle_mount(bundle, destination, "none", program, "\"bind\",\"ro\"");
}

/* The index of a namespace in the list, or -1. */
static int namespace_index(struct bundle *bundle, const char *type)
{
    for (int i = 0;; i++) {
        const char *name = json_text(scenario_arena(), bundle->config,
                                     text("linux.namespaces[%d].type", i));

        if (name == NULL || strcmp(name, type) == 0)
            return name == NULL ? -1 : i;
    }
}

void bundle_without_namespace(struct bundle *bundle, const char *type)
{
    bundle_remove(bundle, text("linux.namespaces[%d]", namespace_index(bundle, type)));
}

void bundle_join_namespace(struct bundle *bundle, const char *type, const char *path)
{
    if (namespace_index(bundle, type) >= 0)
        bundle_without_namespace(bundle, type);
    bundle_set(bundle, "linux.namespaces[+]", "{\"type\":\"%s\",\"path\":\"%s\"}", type, path);
}

static void give_tree(const char *directory, uid_t owner)
{
    char *const paths[] = {(char *)directory, NULL};
    FTS *tree = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, NULL);

    for (FTSENT *entry; tree != NULL && (entry = fts_read(tree)) != NULL;)
        if (entry->fts_info != FTS_DP)
            cr_assert(lchown(entry->fts_path, owner, owner) == 0);
    if (tree != NULL)
        fts_close(tree);
}

void bundle_map_users(struct bundle *bundle, unsigned host_id, unsigned size)
{
    if (namespace_index(bundle, "user") < 0)
        bundle_set(bundle, "linux.namespaces[+]", "{\"type\":\"user\"}");
    bundle_set(bundle, "linux.uidMappings", "[{\"containerID\":0,\"hostID\":%u,\"size\":%u}]",
               host_id, size);
    bundle_set(bundle, "linux.gidMappings", "[{\"containerID\":0,\"hostID\":%u,\"size\":%u}]",
               host_id, size);
    if (geteuid() == 0)
        give_tree(bundle->rootfs, host_id);
}

struct bundle *bundle_new(void)
{
    static unsigned number; /* of this test: every test is a process of its own */
    struct bundle *bundle = arena_zero(scenario_arena(), 1, sizeof *bundle);

    bundle->id = text("%s-%u", scenario_tag(), number++);
    bundle->path = work_path(bundle->id);
    bundle->rootfs = text("%s/rootfs", bundle->path);
    bundle->cgroup = text("/%s.group/%s", bundle->id, bundle->id);
    cr_assert(mkdir(bundle->path, 0755) == 0);
    make_rootfs(bundle->rootfs);
    bundle_raw(bundle, default_config);
    if (geteuid() == 0)
        bundle_set(bundle, "linux.cgroupsPath", "\"%s\"", bundle->cgroup);
    return bundle;
}

static struct bundle *bundle_of_user(unsigned uid, unsigned gid)
{
    struct bundle *bundle = bundle_new();

    bundle_remove(bundle, "linux.cgroupsPath");
    bundle_remove(bundle, "linux.resources");
    bundle_map_users(bundle, uid, 1);
    bundle_set(bundle, "linux.gidMappings[0].hostID", "%u", gid);
    return bundle;
}

struct bundle *bundle_new_rootless(void)
{
    return bundle_of_user(geteuid(), getegid());
}

struct bundle *bundle_new_for_user(unsigned user)
{
    struct bundle *bundle = bundle_of_user(user, user);

    give_tree(bundle->path, user);
    return bundle;
}

/* --- running ---------------------------------------------------------------------------------- */

struct outcome bundle_run(struct bundle *bundle)
{
    return crun("run", "--bundle", bundle->path, bundle->id);
}

static const char *trimmed(const char *output)
{
    char *cut = arena_string(scenario_arena(), output);

    for (size_t length = strlen(cut); length > 0 && cut[length - 1] == '\n';)
        cut[--length] = '\0';
    return cut;
}

const char *inside(struct bundle *bundle, const char *script)
{
    struct outcome outcome;

    bundle_script(bundle, script);
    outcome = bundle_run(bundle);
    cr_assert(outcome.code == 0, "exit code %d of: %s\n  out: %s\n  err: %s", outcome.code, script,
              outcome.out, outcome.err);
    return trimmed(outcome.out);
}

void bundle_start_as_is(struct bundle *bundle)
{
    struct outcome outcome = crun("run", "--detach", "--bundle", bundle->path, bundle->id);

    assert_ok(outcome);
}

void bundle_start(struct bundle *bundle)
{
    bundle_script(bundle, "trap 'exit 0' TERM; while :; do sleep 3600 & wait $!; done");
    bundle_start_as_is(bundle);
}

bool bundle_catches(struct bundle *bundle, int signal)
{
    const char *status = file_text(text("/proc/%d/status", (int)bundle_pid(bundle)));
    const char *caught = status != NULL ? strstr(status, "SigCgt:") : NULL;

    return caught != NULL &&
           (strtoull(caught + strlen("SigCgt:"), NULL, 16) >> (signal - 1) & 1) != 0;
}

const char *inside_running(struct bundle *bundle, const char *script)
{
    struct outcome outcome = crun("exec", bundle->id, "/bin/sh", "-c", script);

    cr_assert(outcome.code == 0, "exit code %d of exec: %s\n  out: %s\n  err: %s", outcome.code,
              script, outcome.out, outcome.err);
    return trimmed(outcome.out);
}

void bundle_delete(struct bundle *bundle)
{
    struct outcome outcome = crun("delete", "--force", bundle->id);

    assert_ok(outcome);
}

const char *bundle_status(struct bundle *bundle)
{
    struct outcome outcome = crun("state", bundle->id);

    assert_ok(outcome);
    return json_text(scenario_arena(), outcome.out, "status");
}

pid_t bundle_pid(struct bundle *bundle)
{
    struct outcome outcome = crun("state", bundle->id);
    const char *pid;

    assert_ok(outcome);
    pid = json_text(scenario_arena(), outcome.out, "pid");
    cr_assert(pid != NULL, "no pid in: %s", outcome.out);
    return (pid_t)atoi(pid);
}

/* --- cgroups ---------------------------------------------------------------------------------- */

bool host_has_pure_cgroup2(void)
{
    struct statfs status;

    return statfs("/sys/fs/cgroup", &status) == 0 && status.f_type == CGROUP2_SUPER_MAGIC;
}

/* The mount point of the v1 hierarchy with that controller, or of a hybrid host's v2. */
static const char *hierarchy_of(const char *controller)
{
    char *lines = arena_string(scenario_arena(), file_text("/proc/self/mountinfo"));
    const char *v2 = NULL;

    for (char *line = strtok(lines, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        char directory[512] = "", options[512] = "";
        const char *type = strstr(line, " - ");

        if (type == NULL || strncmp(type, " - cgroup", 9) != 0 ||
            sscanf(line, "%*s %*s %*s %*s %511s", directory) != 1 ||
            sscanf(type, " - %*s %*s %511s", options) != 1)
            continue;
        if (strncmp(type, " - cgroup2 ", 11) == 0)
            v2 = text("%s", directory);
        else if (strstr(text(",%s,", options), text(",%s,", controller)) != NULL)
            return text("%s", directory);
    }
    return v2;
}

const char *bundle_cgroup_file(struct bundle *bundle, const char *v1, const char *file)
{
    const char *hierarchy = host_has_pure_cgroup2() ? "/sys/fs/cgroup" : hierarchy_of(v1);

    cr_assert(hierarchy != NULL, "no %s hierarchy", v1);
    return text("%s%s/%s", hierarchy, bundle->cgroup, file);
}
