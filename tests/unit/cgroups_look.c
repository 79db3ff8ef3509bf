/* What a host lacks, seen without making a cgroup: hosts are directories made by hand. */

#include "cgroups_help.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/remove_tree.h"

static void note(void *context, const struct error *err)
{
    text_print(context, "%s|", err->text);
}

Test(cgroups_look, every_controller_is_looked_for)
{
    autoarena struct arena arena = {0};
    char lines[2000] = "";
    struct text text = TEXT_IN(lines);
    const struct cgroup_told told = {note, &text};
    const struct cgroup_plan plan = {.host = &bare_host, .manager = CGROUP_MANAGER_CGROUPFS};
    const struct spec_resources *resources = resources_of(
        "{'memory': {'limit': 1000000}, 'pids': {'limit': 5}, 'unified': {'cpu.max': '1', "
        "'io.max': '2'}}",
        &arena);

    cgroup_look_for_controllers(&plan, resources, &arena, &told);
    cr_expect(strstr(lines, "linux.resources.memory.limit: this host has no memory") != NULL);
    cr_expect(strstr(lines, "linux.resources.pids.limit: this host has no pids") != NULL);
    cr_expect(strstr(lines, "linux.resources.unified[\"cpu.max\"]: this host has no cpu") != NULL);
    cr_expect(strstr(lines, "linux.resources.unified[\"io.max\"]: this host has no io") != NULL);
}

/* A directory that stands for the mount point of blkio, with one cgroup in it. */
static void make_host(char directory[static PATH_MAX], struct cgroup_host *ret)
{
    char path[PATH_MAX + 16];

    snprintf(directory, PATH_MAX, "%s/look-XXXXXX",
             getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
    cr_assert_not_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/other", directory);
    cr_assert_eq(mkdir(path, 0755), 0);
    *ret = (struct cgroup_host){
        .hierarchies = {{"blkio", directory, "/", "/", false}}, .count = 1, .v2_controllers = ""};
}

static void put(const char *directory, const char *name)
{
    char path[PATH_MAX + 64];

    snprintf(path, sizeof path, "%s/other/%s", directory, name);

    FILE *file = fopen(path, "w");

    cr_assert_not_null(file);
    fclose(file);
}

static void remove_host(const char *directory)
{
    autoclose int parent = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct error err;

    cr_expect_eq(remove_tree(parent, "other", &err), 0);
    cr_expect_eq(rmdir(directory), 0);
}

/* blkio.weight went with the kernel's CFQ; blkio.bfq.weight needs its scheduler. */
Test(cgroups_look, files_that_this_kernel_lacks_are_told)
{
    char directory[PATH_MAX], at[PATH_MAX + 16];
    struct cgroup_host host;

    make_host(directory, &host);
    snprintf(at, sizeof at, "%s/web", directory);

    struct cgroup_write writes[] = {
        {.file = "blkio.weight", .other_file = "blkio.bfq.weight", .field = "one"        },
        {.file = "blkio.free",   .field = "two",                   .may_be_missing = true},
    };
    const struct cgroup_plan plan = {
        .host = &host,
        .directories = {at},
        .writes = writes,
        .write_count = count_of(writes),
    };
    char lines[2000] = "";
    struct text text = TEXT_IN(lines);
    const struct cgroup_told told = {note, &text};

    cgroup_look_for_directories(&plan, &told);
    cr_expect_str_eq(lines, "one: this kernel has no blkio.weight|");
    put(directory, "blkio.bfq.weight");
    text = TEXT_IN(lines);
    lines[0] = '\0';
    cgroup_look_for_directories(&plan, &told);
    cr_expect_str_eq(lines, "");
    snprintf(at, sizeof at, "%s/web", directory);
    cr_expect_eq(access(at, F_OK), -1, "nothing is made");
    remove_host(directory);
}
