/* config-linux.md "RDMA": what an adapter of this machine has in rdma.max.  Any will do; tests/vm
 * gives a guest of its own a soft one. */

#include <dirent.h>
#include <string.h>

#include "base/own.h"
#include "tests/integration/harness/bundle.h"
#include "tests/integration/harness/scenario.h"

static void close_directory(DIR **directory)
{
    if (*directory != NULL)
        closedir(*directory);
}

static const char *need_adapter(void)
{
    __attribute__((cleanup(close_directory))) DIR *adapters = opendir("/sys/class/infiniband");
    const struct dirent *entry;

    need_root();
    while (adapters != NULL && (entry = readdir(adapters)) != NULL) {
        if (entry->d_name[0] != '.')
            return text("%s", entry->d_name);
    }
    skip("needs an RDMA adapter in /sys/class/infiniband, and be it a soft one (rdma_rxe)");
    return NULL;
}

/* The line of an adapter in one of the controller's files, without the adapter and the blank at the
 * end. */
static const char *values_of(const char *adapter, const char *lines)
{
    size_t length = strlen(adapter);

    for (const char *line = lines; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, adapter, length) == 0 && line[length] == ' ') {
            const char *values = line + length + 1;
            size_t end = strcspn(values, "\n");

            return text("%.*s", (int)(end - (end > 0 && values[end - 1] == ' ')), values);
        }
    }
    return "(no line)";
}

static void assert_limit(struct bundle *bundle, const char *adapter, const char *expected)
{
    assert_text(values_of(adapter, file_text(bundle_cgroup_file(bundle, "rdma", "rdma.max"))),
                expected);
}

static void set_limit(struct bundle *bundle, const char *adapter, const char *limit)
{
    bundle_set(bundle, "linux.resources.rdma", "{\"%s\":%s}", adapter, limit);
}

static struct outcome update(struct bundle *bundle, const char *resources)
{
    return crun_with(PROGRAM(.input = resources), "update", "--resources=-", bundle->id);
}

Scenario(rdma, limits_are_what_the_config_says)
{
    static const struct {
        const char *limit, *shown;
    } rows[] = {
        {"{\"hcaHandles\":3,\"hcaObjects\":10000}", "hca_handle=3 hca_object=10000"       },
        {"{\"hcaHandles\":0}",                      "hca_handle=0 hca_object=max"         },
        {"{\"hcaObjects\":2147483646}",             "hca_handle=max hca_object=2147483646"},
    };
    const char *adapter = need_adapter();

    for (size_t i = 0; i < count_of(rows); i++) {
        struct bundle *bundle = bundle_new();

        set_limit(bundle, adapter, rows[i].limit);
        bundle_start(bundle);
        assert_limit(bundle, adapter, rows[i].shown);
        bundle_delete(bundle);
    }
}

Scenario(rdma, limits_are_seen_from_inside)
{
    const char *adapter = need_adapter();
    struct bundle *bundle = bundle_new();

    set_limit(bundle, adapter, "{\"hcaHandles\":3,\"hcaObjects\":7}");
    bundle_mount(bundle, "/sys/fs/cgroup", "cgroup", "cgroup", "\"ro\"");
    bundle_start(bundle);
    assert_text(
        values_of(adapter, inside_running(bundle, "cat /sys/fs/cgroup/rdma.max "
                                                  "/sys/fs/cgroup/rdma/rdma.max 2>/dev/null; :")),
        "hca_handle=3 hca_object=7");
    bundle_delete(bundle);
}

Scenario(rdma, an_update_changes_what_it_names)
{
    const char *adapter = need_adapter();
    struct bundle *bundle = bundle_new();

    set_limit(bundle, adapter, "{\"hcaHandles\":3,\"hcaObjects\":7}");
    bundle_start(bundle);
    assert_ok(update(bundle, text("{\"rdma\":{\"%s\":{\"hcaObjects\":9}}}", adapter)));
    assert_limit(bundle, adapter, "hca_handle=3 hca_object=9");
    assert_ok(update(bundle, "{\"pids\":{\"limit\":50}}"));
    assert_limit(bundle, adapter, "hca_handle=3 hca_object=9");
    bundle_delete(bundle);
}

/* The second adapter is refused when the first has its new limit already. */
Scenario(rdma, an_update_that_fails_changes_nothing)
{
    const char *adapter = need_adapter();
    struct bundle *bundle = bundle_new();

    set_limit(bundle, adapter, "{\"hcaHandles\":3}");
    bundle_start(bundle);
    assert_refused(update(bundle, text("{\"rdma\":{\"%s\":{\"hcaHandles\":5,\"hcaObjects\":6},"
                                       "\"nosuch0\":{\"hcaObjects\":9}}}",
                                       adapter)),
                   1, "linux.resources.rdma.nosuch0: ");
    assert_limit(bundle, adapter, "hca_handle=3 hca_object=max");
    bundle_delete(bundle);
}

Scenario(rdma, an_adapter_that_is_not_there_is_named)
{
    struct bundle *bundle = bundle_new();
    struct outcome outcome;

    need_adapter();
    set_limit(bundle, "nosuch0", "{\"hcaHandles\":3}");
    outcome = bundle_run(bundle);
    assert_refused(outcome, 1, "linux.resources.rdma.nosuch0: ");
    assert_has(outcome.err, "there is no such device");
}
