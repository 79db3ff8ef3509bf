/* What is accepted, though somebody should know: deprecated, or without effect here. */

#include "base/own.h"
#include "spec/spec.h"
#include "spec/version.h"

/* Minor versions only add; what they add, we do not do. */
static void remark_version(const struct spec *spec, const struct log *log)
{
    char quoted[1040];

    if (version_is_newer(spec->oci_version, SPEC_VERSION_MOST))
        log_ignored(
            log, LOG_LEVEL_WARNING,
            "ociVersion: \"%s\" is newer than %s: members that are new in it have no effect",
            quotable(quoted, spec->oci_version), SPEC_VERSION_MOST);
}

/* config-linux.md, "User namespace mappings": a namespace that is joined has its own already. Said,
 * but with --strict no error either: engines give the path of a pod's namespace and the mappings it
 * has, which are then what was asked for; whether they are equal, a process inside could tell. */
static void remark_mappings(const struct spec *spec, const struct log *log)
{
    const struct spec_namespace *user = spec_namespace_find(spec, SPEC_NAMESPACE_USER);

    if (user == NULL || user->path == NULL)
        return;
    if (spec->linux_->uid_mappings.count > 0 || spec->linux_->gid_mappings.count > 0)
        log_warning(log, "linux.uidMappings, linux.gidMappings: the user namespace joined by path "
                         "keeps its own");
}

/* config-linux.md, "Personality": no flags are defined. */
static void remark_personality(const struct spec *spec, const struct log *log)
{
    if (spec->linux_ == NULL || spec->linux_->personality == NULL)
        return;
    if (spec->linux_->personality->flags.count > 0)
        log_ignored(log, LOG_LEVEL_WARNING,
                    "linux.personality.flags: no flag is defined, they have no effect");
}

/* config.md, "Process": a size is for a terminal. */
static void remark_console_size(const struct spec *spec, const struct log *log)
{
    if (spec->process != NULL && spec->process->console_size != NULL && !spec->process->terminal)
        log_ignored(log, LOG_LEVEL_DEBUG, "process.consoleSize: process.terminal is not set");
}

/* config-linux.md, "Seccomp": the listener is for SCMP_ACT_NOTIFY. */
static void remark_listener(const struct spec *spec, const struct log *log)
{
    const struct spec_seccomp *seccomp = spec->linux_ != NULL ? spec->linux_->seccomp : NULL;

    if (seccomp == NULL || seccomp->listener_path == NULL)
        return;
    for_each_item (syscall, &seccomp->syscalls) {
        if (syscall->action == SPEC_SECCOMP_NOTIFY)
            return;
    }
    log_ignored(log, LOG_LEVEL_DEBUG, "linux.seccomp.listenerPath: no action is SCMP_ACT_NOTIFY");
}

static void (*const remarks[])(const struct spec *, const struct log *) = {
    remark_version, remark_mappings, remark_personality, remark_console_size, remark_listener,
};

void spec_remark(const struct spec *spec, const struct log *log)
{
    for (size_t i = 0; i < count_of(remarks); i++)
        remarks[i](spec, log);
}
