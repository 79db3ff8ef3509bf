#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/kernel.h"
#include "base/own.h"
#include "namespaces/mount/tree.h"

/* What the kernel has to say about it: each read gives one line, "e tmpfs: Bad value for 'size'",
 * where the letter is its weight.  Appended to the failure just recorded. */
static int add_kernel_log(int context, struct error *err)
{
    char line[256];

    for (;;) {
        ssize_t length = read(context, line, sizeof line - 1);

        if (length <= 0)
            return -err->code;
        line[length] = '\0';
        line[strcspn(line, "\n")] = '\0';
        if (length > 2 && line[1] == ' ')
            hint(err, "%s", line + 2);
    }
}

int filesystem_open(const char *type, struct error *err)
{
    int context = kernel_fsopen(type, FSOPEN_CLOEXEC);

    if (context >= 0)
        return context;
    if (errno == ENODEV)
        return refuse(err, ENODEV, "this kernel has no file system \"%s\"", type);
    return fail(err, errno, "fsopen %s", type);
}

int filesystem_set(int context, const struct mount_datum *datum, struct error *err)
{
    unsigned command = datum->value == NULL ? FSCONFIG_SET_FLAG : FSCONFIG_SET_STRING;
    char quoted[1040];

    if (datum->value != NULL && strlen(datum->value) > FILESYSTEM_LONGEST_VALUE)
        return refuse(err, EINVAL, "option \"%s=%.40s...\" is longer than %d bytes", datum->key,
                      datum->value, FILESYSTEM_LONGEST_VALUE);
    if (kernel_fsconfig(context, command, datum->key, datum->value, 0) == 0)
        return 0;
    fail(err, errno, "option \"%s%s%s\"", datum->key, datum->value == NULL ? "" : "=",
         datum->value == NULL ? "" : quotable(quoted, datum->value));
    return add_kernel_log(context, err);
}

int filesystem_finish(int context, const char *type, uint64_t attributes, struct error *err)
{
    int tree;

    if (kernel_fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0) {
        fail(err, errno, "make the %s", type);
        return add_kernel_log(context, err);
    }
    tree = kernel_fsmount(context, FSMOUNT_CLOEXEC, (unsigned)attributes);
    if (tree >= 0)
        return tree;
    fail(err, errno, "fsmount %s", type);
    return add_kernel_log(context, err);
}

int filesystem_pick(int at, struct error *err)
{
    int context = kernel_fspick(at, "", FSPICK_EMPTY_PATH | FSPICK_CLOEXEC);

    return context < 0 ? fail(err, errno, "fspick") : context;
}

int filesystem_reconfigure(int context, struct error *err)
{
    if (kernel_fsconfig(context, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0) == 0)
        return 0;
    fail(err, errno, "change the file system");
    return add_kernel_log(context, err);
}

int filesystem_make(const struct filesystem *filesystem, struct error *err)
{
    autoclose int context = filesystem_open(filesystem->type, err);
    const struct mount_datum source = {.key = "source", .value = filesystem->source};
    int error = 0;

    if (context < 0)
        return context;
    if (filesystem->source != NULL)
        error = filesystem_set(context, &source, err);
    for (size_t i = 0; error == 0 && i < filesystem->data_count; i++)
        error = filesystem_set(context, &filesystem->data[i], err);
    if (error == 0 && filesystem->more != NULL)
        error = filesystem_set(context, filesystem->more, err);
    return error < 0 ? error
                     : filesystem_finish(context, filesystem->type, filesystem->attributes, err);
}
