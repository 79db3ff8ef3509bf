#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/own.h"
#include "base/text.h"
#include "cgroups/devices.h"
#include "cgroups/directories.h"
#include "cgroups/writing.h"

/* What the kernel's answer means, where it does not say so itself. */
static const struct {
    const char *files; /* a pattern */
    int code;
    const char *advice;
} explanations[] = {
    {"memory.max",             EBUSY,  "less than what is in use"                                 },
    {"memory.*limit_in_bytes", EBUSY,  "less than what is in use"                                 },
    {"memory.*limit_in_bytes", EINVAL, "memory.limit may not exceed memory.swap"                  },
    {"memory.swap.max",        ENOENT, "the kernel does not account for swap"                     },
    {"memory.memsw.*",         ENOENT, "the kernel does not account for swap: swapaccount=1"      },
    {"memory.memsw.*",         EINVAL, "memory.swap counts memory too: not less than memory.limit"},
    {"cpu.weight",             EINVAL, "a cgroup with cpu.idle 1 has no weight"                   },
    {"cpu.shares",             EINVAL, "a cgroup with cpu.idle 1 has no shares"                   },
    {"cpu.max",                EINVAL, "quota at least 1000 us, period 1000 us to 1 s"            },
    {"cpu.cfs_quota_us",       EINVAL, "at least 1000 us, and not more than the cgroup above has" },
    {"cpu.cfs_period_us",      EINVAL, "1000 us to 1 s"                                           },
    {"cpu.rt_*",               ENOENT, "this kernel has no realtime groups"                       },
    {"cpuset.cpus",            ERANGE, "there is no such cpu"                                     },
    {"cpuset.mems",            ERANGE, "there is no such memory node"                             },
    {"cpuset.cpus",            EINVAL, "not among the cpus that exist"                            },
    {"cpuset.mems",            EINVAL, "not among the memory nodes that exist"                    },
    {"cpuset.*",               EACCES, "not in the cpuset of the cgroup above"                    },
    {"io.max",                 ENODEV, "there is no such block device"                            },
    {"io.*weight",             ENODEV, "there is no such block device"                            },
    {"io.*weight",             ENOENT, "this kernel shares disks by neither bfq nor iocost"       },
    {"blkio.*",                ENODEV, "there is no such block device"                            },
    {"blkio.*",                ENOENT, "this kernel lacks that way to share disks"                },
    {"hugetlb.*",              ENOENT, "this machine has no pages of that size"                   },
    {"rdma.max",               EINVAL, "there is no such device"                                  },
    {"rdma.max",               ENODEV, "there is no such device"                                  },
    {"devices.allow",          EPERM,  "the cgroup above does not allow that itself"              },
    {"devices.*",              EINVAL, "not with cgroups below it"                                },
};

static int explain(int code, const char *file, struct error *err)
{
    for (size_t i = 0; i < count_of(explanations); i++) {
        if (explanations[i].code == -code && fnmatch(explanations[i].files, file, 0) == 0)
            return hint(err, "%s", explanations[i].advice);
    }
    return code;
}

int cgroup_write_directory(const struct cgroup *cgroup, const struct cgroup_plan *plan,
                           const struct cgroup_write *write)
{
    int index = cgroup_directory_in(cgroup, plan->host, write->hierarchy);

    return index >= 0 && cgroup->directories[index].fd >= 0 ? index : -1;
}

/* "max 50000" becomes "25000 50000" where the file says "25000 100000". */
static int keep_first_word(int dir, const struct cgroup_write *write, struct text *text)
{
    char now[128];
    ssize_t length = read_pseudo_file(dir, write->file, now, sizeof now);

    if (length < 0)
        return (int)length;
    text_print(text, "%.*s%s", (int)strcspn(now, " "), now,
               write->value + strcspn(write->value, " "));
    return 0;
}

int cgroup_write_file(const struct cgroup *cgroup, const struct cgroup_plan *plan,
                      const struct cgroup_write *write, struct error *err)
{
    int index = cgroup_write_directory(cgroup, plan, write);
    const char *file = write->file;
    const char *value = write->value;
    char kept[256] = "";
    struct text text = TEXT_IN(kept);
    int code = 0;

    if (index < 0)
        return refuse(err, ENOENT, "%s: the container has no cgroup in the hierarchy of %s",
                      write->field, file);

    int dir = cgroup->directories[index].fd;

    if (write->keeps_first_word) {
        code = keep_first_word(dir, write, &text);
        value = kept;
    }
    if (code == 0)
        code = write_pseudo_file(dir, file, value);
    if (code == -ENOENT && write->other_file != NULL) {
        file = write->other_file;
        value = write->other_value;
        code = write_pseudo_file(dir, file, value);
    }
    if (code == 0 || (code == -ENOENT && write->may_be_missing))
        return 0;
    fail(err, -code, "%s: write \"%s\" to %s/%s", write->field, value,
         cgroup->directories[index].directory, file);
    explain(code, file, err);
    return code;
}

/* Device rules that nobody asked for are done without where we have no cgroup of our own. */
static bool is_dispensable(const struct cgroup *cgroup, const struct cgroup_plan *plan,
                           const struct cgroup_write *write)
{
    return !plan->device_rules_asked && starts_with(write->file, "devices.") &&
           cgroup_write_directory(cgroup, plan, write) < 0;
}

static int write_all_files(const struct cgroup *cgroup, const struct cgroup_plan *plan,
                           struct error *err)
{
    const struct cgroup_write *deferred[CGROUP_DEFERRED_MOST];
    size_t deferred_count = 0;
    int code;

    for (size_t i = 0; i < plan->write_count; i++) {
        const struct cgroup_write *write = &plan->writes[i];

        if (is_dispensable(cgroup, plan, write))
            continue;
        code = cgroup_write_file(cgroup, plan, write, err);
        if (code == -EINVAL && write->order_unknown && deferred_count < CGROUP_DEFERRED_MOST)
            deferred[deferred_count++] = write;
        else if (code < 0)
            return code;
    }
    for (size_t i = 0; i < deferred_count; i++) {
        code = cgroup_write_file(cgroup, plan, deferred[i], err);
        if (code < 0)
            return code;
    }
    return 0;
}

int cgroup_filter_devices(const struct cgroup *cgroup, const struct cgroup_plan *plan,
                          const struct log *log, struct error *err)
{
    int fd = cgroup_clone_fd(cgroup);
    int code;

    if (!plan->has_devices || plan->device_program == NULL)
        return 0;
    if (fd < 0 && plan->device_rules_asked)
        return refuse(err, ENOENT, "linux.resources.devices: the container has no v2 cgroup");
    code = fd < 0
               ? 0
               : device_program_attach(fd, plan->device_program, plan->device_program_length, err);
    if (code < 0 && plan->device_rules_asked)
        return within(err, "linux.resources.devices");
    if (code < 0)
        log_warning(log, "devices are not filtered: %s", err->text);
    return 0;
}

/* Only where no limit was asked for: nothing is lost that anybody wanted. */
static void tell_missing(const struct cgroup *cgroup, const struct log *log)
{
    for (size_t i = 0; i < cgroup->count; i++) {
        if (cgroup->directories[i].fd < 0)
            log_debug(log, "no cgroup of its own for the container: %s cannot be made",
                      cgroup->directories[i].directory);
    }
}

int cgroup_apply(const struct cgroup *cgroup, const struct cgroup_plan *plan, const struct log *log,
                 struct error *err)
{
    int code;

    tell_missing(cgroup, log);
    code = write_all_files(cgroup, plan, err);
    return code < 0 ? code : cgroup_give(cgroup, plan, err);
}
