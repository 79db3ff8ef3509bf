/* Memory of a node that is not the one nearest to the processor: config-linux.md "Memory policy",
 * and "cpu.mems" of "CPU".  Read from numa_maps(5). */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "tests/integration/harness/bundle.h"
#include "tests/integration/harness/scenario.h"

static void need_two_nodes(void)
{
    need_root();
    if (!file_exists("/sys/devices/system/node/node1/numastat"))
        skip("needs the NUMA nodes 0 and 1");
}

/* numa_maps of a shell that has 800 kB of its own, a page is 4. */
#define SHOW_MAPS                                                                             \
    "x=$(head -c 400000 /dev/zero | tr '\\0' x); x=$x$x; cat /proc/$$/numa_maps >/work/new; " \
    "mv /work/new /work/maps; while :; do sleep 3600; done"

/* What is told of its biggest mapping that is of no file, in pages of a node: "N1=488". */
struct pages {
    long on[2];
};

static const char *in_line(const char *line, const char *word)
{
    const char *found = strstr(line, word);

    return found != NULL && found < strchr(line, '\n') ? found : NULL;
}

static long count_on(const char *line, int node)
{
    const char *word = in_line(line, text(" N%d=", node));

    return word != NULL ? strtol(word + strlen(" N0="), NULL, 10) : 0;
}

static struct pages biggest_mapping(const char *maps)
{
    struct pages most = {
        {0, 0}
    };

    for (const char *line = maps; *line != '\0'; line = strchr(line, '\n') + 1) {
        struct pages pages = {
            {count_on(line, 0), count_on(line, 1)}
        };

        if (in_line(line, " file=") == NULL && pages.on[0] + pages.on[1] > most.on[0] + most.on[1])
            most = pages;
    }
    return most;
}

static const char *start_and_map(struct bundle *bundle)
{
    const char *file = text("%s/work/maps", bundle->rootfs);

    bundle_script(bundle, SHOW_MAPS);
    bundle_start_as_is(bundle);
    cr_assert(eventually(file_exists(file)));
    return file_text(file);
}

Scenario(memory_of_a_node, is_where_the_policy_has_it)
{
    static const struct {
        const char *policy, *shown;
        bool on[2];
    } rows[] = {
        {"\"MPOL_BIND\",\"nodes\":\"1\"",         " bind:1 ",         {false, true}},
        {"\"MPOL_PREFERRED\",\"nodes\":\"1\"",    " prefer:1 ",       {false, true}},
        {"\"MPOL_INTERLEAVE\",\"nodes\":\"0-1\"", " interleave:0-1 ", {true, true} },
        {"\"MPOL_BIND\",\"nodes\":\"0\"",         " bind:0 ",         {true, false}},
    };

    need_two_nodes();
    for (size_t i = 0; i < count_of(rows); i++) {
        struct bundle *bundle = bundle_new();
        const char *maps;
        struct pages pages;

        bundle_set(bundle, "linux.memoryPolicy", "{\"mode\":%s}", rows[i].policy);
        maps = start_and_map(bundle);
        assert_has(maps, rows[i].shown);
        pages = biggest_mapping(maps);
        for (int node = 0; node < 2; node++)
            cr_assert(pages.on[node] >= 40 ? rows[i].on[node]
                                           : !rows[i].on[node] && pages.on[node] == 0,
                      "%s: %ld pages on node %d\n%s", rows[i].policy, pages.on[node], node, maps);
        bundle_delete(bundle);
    }
}

/* "1" in the cpuset, of which the policy's node 0 is the first. */
Scenario(memory_of_a_node, is_counted_within_the_cpuset_when_asked)
{
    struct bundle *bundle = bundle_new();

    need_two_nodes();
    bundle_set(bundle, "linux.resources.cpu.mems", "\"1\"");
    bundle_set(bundle, "linux.memoryPolicy",
               "{\"mode\":\"MPOL_BIND\",\"nodes\":\"0\",\"flags\":[\"MPOL_F_RELATIVE_NODES\"]}");
    assert_has(start_and_map(bundle), " bind=relative:1 ");
    bundle_delete(bundle);
}

Scenario(memory_of_a_node, is_all_that_the_cpuset_gives)
{
    struct bundle *bundle = bundle_new();
    struct pages pages;
    const char *maps;

    need_two_nodes();
    bundle_set(bundle, "linux.resources.cpu.mems", "\"1\"");
    maps = start_and_map(bundle);
    pages = biggest_mapping(maps);
    cr_assert(pages.on[0] == 0 && pages.on[1] >= 40, "%s", maps);
    assert_text(file_line(bundle_cgroup_file(bundle, "cpuset", "cpuset.mems")), "1");
    assert_text(inside_running(bundle, "grep Mems_allowed_list /proc/self/status"),
                "Mems_allowed_list:\t1");
    assert_ok(crun("update", "--cpuset-mems", "0-1", bundle->id));
    assert_text(inside_running(bundle, "grep Mems_allowed_list /proc/self/status"),
                "Mems_allowed_list:\t0-1");
    bundle_delete(bundle);
}
