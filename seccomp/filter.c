/* The plan: a profile through libseccomp to BPF. */

#include <errno.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <string.h>
#include <sys/mman.h>

#include "base/own.h"
#include "seccomp/flags.h"
#include "seccomp/names.h"
#include "seccomp/seccomp.h"
#include "seccomp/unknown_calls.h"

enum {
    ARCHITECTURES = SPEC_ARCH_RISCV64 + 1,
    ARGUMENTS = 6, /* of a system call */

    /* Above this many system calls a search tree beats libseccomp's list: fewer comparisons for
     * each call the container makes. */
    LIST_MOST = 32,
    OPTIMIZE_TREE = 2, /* SCMP_FLTATR_CTL_OPTIMIZE, libseccomp 2.5.0 */
};

struct compiler {
    const struct spec_seccomp *profile;
    const struct log *log;
    scmp_filter_ctx context;
    uint32_t default_action;
    uint32_t tokens[ARCHITECTURES + 1]; /* in force: this machine's own, and the profile's */
    size_t token_count;
    bool notifies;
    bool notifies_of_sendmsg;
};

static void release(struct compiler *compiler)
{
    seccomp_release(compiler->context);
}

/* Messages start after "linux.seccomp". */

static int begin(struct compiler *compiler, struct error *err)
{
    const struct spec_seccomp *profile = compiler->profile;

    compiler->default_action = seccomp_action_value(profile->default_action,
                                                    &profile->default_errno_ret);
    compiler->context = seccomp_init(compiler->default_action);
    if (compiler->context == NULL)
        return refuse(err, EINVAL, ".defaultAction: libseccomp cannot start a filter with %s",
                      names_of_value(&spec_seccomp_action_names, profile->default_action));
    compiler->tokens[compiler->token_count++] = seccomp_arch_native();
    return 0;
}

static int add_architecture(struct compiler *compiler, size_t index, struct error *err)
{
    int architecture = compiler->profile->architectures.items[index];
    const char *name = names_of_value(&spec_seccomp_architecture_names, architecture);
    uint32_t token = seccomp_architecture_token(architecture);
    char version[32];
    int code;

    seccomp_library_version(version, sizeof version);
    if (token == 0)
        return refuse(err, EINVAL, ".architectures[%zu]: libseccomp %s does not know %s", index,
                      version, name);
    code = seccomp_arch_add(compiler->context, token);
    if (code == -EEXIST) /* our own, or listed twice */
        return 0;
    if (code == -EDOM)
        return refuse(err, EINVAL,
                      ".architectures[%zu]: %s has another byte order than this machine", index,
                      name);
    if (code < 0)
        return fail(err, -code, ".architectures[%zu]: add %s", index, name);
    compiler->tokens[compiler->token_count++] = token;
    return 0;
}

static int add_architectures(struct compiler *compiler, struct error *err)
{
    for (size_t i = 0; i < compiler->profile->architectures.count; i++) {
        if (add_architecture(compiler, i, err) < 0)
            return -err->code;
    }
    return 0;
}

/* How the program is searched; and, as libseccomp makes the rules of x32 and friends alike, a
 * choice of speed alone. */
static int choose_layout(struct compiler *compiler, struct error *err)
{
    size_t calls = 0;
    int code;

    for_each_item (syscall, &compiler->profile->syscalls)
        calls += syscall->names.count;
    if (calls <= LIST_MOST)
        return 0;
    code = seccomp_attr_set(compiler->context, SCMP_FLTATR_CTL_OPTIMIZE, OPTIMIZE_TREE);
    return code < 0 ? fail(err, -code, ": choose libseccomp's search tree") : 0;
}

static int conditions_of(const struct spec_seccomp_syscall *syscall,
                         struct scmp_arg_cmp conditions[], struct error *err)
{
    size_t i = 0;

    for_each_item (arg, &syscall->args) {
        if (arg->index >= ARGUMENTS)
            return refuse(err, EINVAL, ".args[%zu].index: %u is out of range (0 to %d)", i,
                          arg->index, ARGUMENTS - 1);

        /* For SCMP_CMP_MASKED_EQ the first is the mask and the second what must remain; the other
         * operators use the first alone. */
        conditions[i++] = (struct scmp_arg_cmp){.arg = arg->index,
                                                .op = seccomp_comparison(arg->op),
                                                .datum_a = arg->value,
                                                .datum_b = arg->value_two};
    }
    return 0;
}

static bool same_argument_twice(const struct scmp_arg_cmp *conditions, size_t count)
{
    unsigned seen = 0;

    for (size_t i = 0; i < count; i++) {
        if (seen & 1u << conditions[i].arg)
            return true;
        seen |= 1u << conditions[i].arg;
    }
    return false;
}

/* One rule whose conditions must all hold.  Two on one argument are more than libseccomp can say:
 * then, as in runc, each is a rule of its own and any of them is enough. */
static int add_rules(struct compiler *compiler, uint32_t action, int number,
                     const struct scmp_arg_cmp *conditions, size_t count)
{
    if (!same_argument_twice(conditions, count))
        return seccomp_rule_add_array(compiler->context, action, number, (unsigned)count,
                                      conditions);
    for (size_t i = 0; i < count; i++) {
        int code = seccomp_rule_add_array(compiler->context, action, number, 1, &conditions[i]);

        if (code < 0)
            return code;
    }
    return 0;
}

/* seccomp(2): the kernel's order of actions, the lowest wins.  Signed: KILL_PROCESS is below 0. */
static bool is_stricter(uint32_t action, uint32_t than)
{
    return (int32_t)(action & SECCOMP_RET_ACTION_FULL) < (int32_t)(than & SECCOMP_RET_ACTION_FULL);
}

/* A name that libseccomp does not know is one of a newer kernel's, or of another machine's.  The
 * default action, or ENOSYS, is what it gets: only where the rule would have been stricter is the
 * filter weaker than asked.  Every engine's profile allows calls newer than some libseccomp. */
static void tell_unknown(const struct compiler *compiler, uint32_t action, size_t rule,
                         size_t index, const char *name)
{
    static const char format[] =
        "linux.seccomp.syscalls[%zu].names[%zu]: no system call \"%s\" in libseccomp, skipped";
    char quoted[1040];

    quotable(quoted, name);
    if (is_stricter(action, compiler->default_action))
        log_ignored(compiler->log, LOG_LEVEL_DEBUG, format, rule, index, quoted);
    else
        log_debug(compiler->log, format, rule, index, quoted);
}

static int add_call(struct compiler *compiler, uint32_t action, int number, const char *name,
                    const struct scmp_arg_cmp *conditions, size_t count, struct error *err)
{
    int code = add_rules(compiler, action, number, conditions, count);

    if (code == -EEXIST)
        return refuse(err, EEXIST, ": the rule for %s contradicts an earlier one", name);
    if (code < 0)
        return fail(err, -code, ": add the rule for %s", name);
    compiler->notifies |= action == SCMP_ACT_NOTIFY;
    compiler->notifies_of_sendmsg |= action == SCMP_ACT_NOTIFY && number == SCMP_SYS(sendmsg);
    return 0;
}

static int add_syscall(struct compiler *compiler, size_t rule, struct arena *arena,
                       struct error *err)
{
    const struct spec_seccomp_syscall *syscall = &compiler->profile->syscalls.items[rule];
    uint32_t action = seccomp_action_value(syscall->action, &syscall->errno_ret);
    struct scmp_arg_cmp *conditions;

    /* Nothing to say, and libseccomp refuses to hear it. */
    if (action == compiler->default_action)
        return 0;
    conditions = arena_zero(arena, syscall->args.count, sizeof *conditions);
    if (conditions == NULL)
        return no_memory(err);
    if (conditions_of(syscall, conditions, err) < 0)
        return -err->code;
    for (size_t i = 0; i < syscall->names.count; i++) {
        const char *name = syscall->names.items[i];
        int number = seccomp_syscall_resolve_name(name);

        if (number == __NR_SCMP_ERROR)
            tell_unknown(compiler, action, rule, i, name);
        else if (add_call(compiler, action, number, name, conditions, syscall->args.count, err) < 0)
            return -err->code;
    }
    return 0;
}

static int add_syscalls(struct compiler *compiler, struct arena *arena, struct error *err)
{
    for (size_t i = 0; i < compiler->profile->syscalls.count; i++) {
        if (add_syscall(compiler, i, arena, err) < 0)
            return prefix(err, ".syscalls[%zu]", i);
    }
    return 0;
}

#if SCMP_VER_MAJOR > 2 || (SCMP_VER_MAJOR == 2 && SCMP_VER_MINOR >= 6)

static int export_program(struct compiler *compiler, struct arena *arena, struct sock_filter **ret,
                          size_t *ret_count, struct error *err)
{
    size_t size = 0;
    int code = seccomp_export_bpf_mem(compiler->context, NULL, &size);

    if (code < 0)
        return fail(err, -code, ": compile the profile");
    *ret = arena_zero(arena, size, 1);
    if (*ret == NULL)
        return no_memory(err);
    code = seccomp_export_bpf_mem(compiler->context, *ret, &size);
    if (code < 0)
        return fail(err, -code, ": compile the profile");
    *ret_count = size / sizeof **ret;
    return 0;
}

#else

/* Before 2.6 libseccomp writes the program to files only. */
static int export_program(struct compiler *compiler, struct arena *arena, struct sock_filter **ret,
                          size_t *ret_count, struct error *err)
{
    autoclose int fd = memfd_create("seccomp", MFD_CLOEXEC);
    int code;
    off_t size;

    if (fd < 0)
        return fail(err, errno, ": memfd_create for the compiled profile");
    code = seccomp_export_bpf(compiler->context, fd);
    if (code < 0)
        return fail(err, -code, ": compile the profile");
    size = lseek(fd, 0, SEEK_END);
    if (size < 0)
        return fail(err, errno, ": size of the compiled profile");
    *ret = arena_zero(arena, (size_t)size, 1);
    if (*ret == NULL)
        return no_memory(err);
    if (pread(fd, *ret, (size_t)size, 0) != (ssize_t)size)
        return fail(err, EIO, ": read the compiled profile");
    *ret_count = (size_t)size / sizeof **ret;
    return 0;
}

#endif

/* The answers for unknown calls in front, libseccomp's program behind. */
static int assemble(struct seccomp_plan *plan, struct compiler *compiler, struct arena *arena,
                    struct error *err)
{
    struct unknown_calls ranges[UNKNOWN_CALLS_RANGES];
    struct sock_filter front[UNKNOWN_CALLS_INSTRUCTIONS];
    size_t range_count = seccomp_unknown_calls(ranges, compiler->profile, compiler->tokens,
                                               compiler->token_count);
    size_t front_count = seccomp_unknown_calls_program(front, ranges, range_count);
    struct sock_filter *program = NULL;
    size_t count = 0;

    if (export_program(compiler, arena, &program, &count, err) < 0)
        return -err->code;
    if (front_count + count > BPF_MAXINSNS)
        return refuse(err, E2BIG,
                      ": the profile compiles to %zu instructions, and the kernel takes %d",
                      front_count + count, BPF_MAXINSNS);
    plan->filter = arena_zero(arena, front_count + count, sizeof *plan->filter);
    if (plan->filter == NULL)
        return no_memory(err);
    memcpy(plan->filter, front, front_count * sizeof *front);
    memcpy(plan->filter + front_count, program, count * sizeof *program);
    plan->length = (unsigned short)(front_count + count);
    return 0;
}

/* The agent has to answer, and gets the listener only once the filter is in force; runc tells of it
 * with write(2). */
static int check_notify(const struct compiler *compiler, struct error *err)
{
    const struct spec_seccomp *profile = compiler->profile;

    if (profile->default_action == SPEC_SECCOMP_NOTIFY)
        return refuse(err, EINVAL, ".defaultAction: SCMP_ACT_NOTIFY cannot be the default action");
    for (size_t i = 0; i < profile->syscalls.count; i++) {
        const struct spec_seccomp_syscall *syscall = &profile->syscalls.items[i];

        for (size_t j = 0; syscall->action == SPEC_SECCOMP_NOTIFY && j < syscall->names.count;
             j++) {
            if (strcmp(syscall->names.items[j], "write") == 0)
                return refuse(err, EINVAL,
                              ".syscalls[%zu].names[%zu]: SCMP_ACT_NOTIFY cannot be used for write",
                              i, j);
        }
    }
    return 0;
}

static int compile(struct seccomp_plan *plan, struct compiler *compiler, struct arena *arena,
                   struct error *err)
{
    if (check_notify(compiler, err) < 0 || begin(compiler, err) < 0 ||
        add_architectures(compiler, err) < 0 || choose_layout(compiler, err) < 0 ||
        add_syscalls(compiler, arena, err) < 0 || assemble(plan, compiler, arena, err) < 0)
        return prefix(err, "linux.seccomp");
    return 0;
}

int seccomp_plan_from_spec(struct seccomp_plan *ret, const struct spec_seccomp *profile,
                           struct arena *arena, const struct log *log, struct error *err)
{
    struct seccomp_plan plan = {0};

    if (profile != NULL) {
        __attribute__((cleanup(release))) struct compiler compiler = {.profile = profile,
                                                                      .log = log};

        if (compile(&plan, &compiler, arena, err) < 0)
            return -err->code;
        if (compiler.notifies && profile->listener_path == NULL)
            return refuse(err, EINVAL,
                          "linux.seccomp.listenerPath: missing, and SCMP_ACT_NOTIFY needs it");
        if (seccomp_flags_from_profile(&plan.flags, profile, compiler.notifies, log, err) < 0)
            return -err->code;
        plan.wanted = true;
        plan.has_listener = compiler.notifies;
        plan.sendmsg_waits = compiler.notifies_of_sendmsg;
        plan.listener_path = profile->listener_path;
        plan.listener_metadata = profile->listener_metadata;
    }
    *ret = plan;
    return 0;
}
