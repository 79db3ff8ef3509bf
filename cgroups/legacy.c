#include <errno.h>

#include "base/file.h"
#include "base/own.h"
#include "cgroups/directories.h"

/* cgroup v1. */

int cgroup_fill_cpuset(int above, int dir, const char *directory, struct error *err)
{
    static const char *const files[] = {"cpuset.cpus", "cpuset.mems"};

    for (size_t i = 0; i < count_of(files); i++) {
        char value[4096];
        ssize_t length = read_pseudo_file(dir, files[i], value, sizeof value);
        int code;

        if (length > 0 || length == -ENOENT)
            continue;
        if (length == 0)
            length = read_pseudo_file(above, files[i], value, sizeof value);
        if (length < 0)
            return fail(err, (int)-length, "read %s of %s and above", files[i], directory);
        if (length == 0)
            continue;
        code = write_pseudo_file(dir, files[i], value);
        if (code < 0)
            return fail(err, -code, "write %s to %s/%s", value, directory, files[i]);
    }
    return 0;
}
