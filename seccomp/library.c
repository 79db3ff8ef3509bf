#include "seccomp/library.h"

#include <errno.h>
#include <seccomp.h>
#include <string.h>
#include <sys/mman.h>

#include "base/own.h"
#include "seccomp/names.h"
#include "seccomp/unknown_calls.h"

enum { OPTIMIZE_TREE = 2 /* SCMP_FLTATR_CTL_OPTIMIZE, libseccomp 2.5.0 */ };

static void release(scmp_filter_ctx *context)
{
    seccomp_release(*context);
}

/* Messages start after "linux.seccomp". */

/* libseccomp starts with the machine's own architecture, which is in force in every profile but one
 * of a test. */
static int set_architectures(scmp_filter_ctx context, const struct profile *profile,
                             struct error *err)
{
    bool own = false;

    for (size_t i = 0; i < profile->token_count; i++) {
        int code = seccomp_arch_add(context, profile->tokens[i]);

        own |= code == -EEXIST;
        if (code < 0 && code != -EEXIST)
            return fail(err, -code, ".architectures: add %#x", profile->tokens[i]);
    }
    return own || seccomp_arch_remove(context, SCMP_ARCH_NATIVE) == 0
               ? 0
               : refuse(err, EINVAL, ".architectures: libseccomp keeps this machine's own");
}

/* A search tree, which is fewer comparisons than libseccomp's list for each call the container
 * makes. And the list of 2.5 may be wrong: it loads the number of the call in its first entry, and
 * when that is one without a number on this architecture, which is then left out, no rule of the
 * architecture ever holds.  A program of 64 bits makes such calls, too (int 0x80). */
static int choose_layout(scmp_filter_ctx context, struct error *err)
{
    int code = seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, OPTIMIZE_TREE);

    return code < 0 ? fail(err, -code, ": choose libseccomp's search tree") : 0;
}

static void conditions_of(const struct spec_seccomp_syscall *syscall,
                          struct scmp_arg_cmp conditions[])
{
    size_t i = 0;

    /* For SCMP_CMP_MASKED_EQ the first is the mask and the second what must remain; the other
     * operators use the first alone. */
    for_each_item (arg, &syscall->args)
        conditions[i++] = (struct scmp_arg_cmp){.arg = arg->index,
                                                .op = seccomp_comparison(arg->op),
                                                .datum_a = arg->value,
                                                .datum_b = arg->value_two};
}

static int add_rules(scmp_filter_ctx context, const struct spec_seccomp_syscall *rule, int number,
                     const struct scmp_arg_cmp *conditions)
{
    uint32_t action = seccomp_rule_action(rule);

    if (!seccomp_rule_is_alternatives(rule))
        return seccomp_rule_add_array(context, action, number, (unsigned)rule->args.count,
                                      conditions);
    for (size_t i = 0; i < rule->args.count; i++) {
        int code = seccomp_rule_add_array(context, action, number, 1, &conditions[i]);

        if (code < 0)
            return code;
    }
    return 0;
}

static int add_call(scmp_filter_ctx context, const struct spec_seccomp_syscall *rule,
                    const struct call *call, const struct scmp_arg_cmp *conditions,
                    struct error *err)
{
    int number = seccomp_call_number(call, seccomp_arch_native());
    int code = add_rules(context, rule, number, conditions);

    if (code == -EEXIST)
        return refuse(err, EEXIST, ": the rule for %s contradicts an earlier one", call->name);
    return code < 0 ? fail(err, -code, ": add the rule for %s", call->name) : 0;
}

static int add_rule(scmp_filter_ctx context, const struct profile *profile,
                    const struct spec_seccomp_syscall *rule, const int16_t *rows,
                    struct arena *arena, struct error *err)
{
    struct scmp_arg_cmp *conditions;

    /* Nothing to say, and libseccomp refuses to hear it. */
    if (seccomp_rule_is_default(profile, rule))
        return 0;
    conditions = arena_zero(arena, rule->args.count, sizeof *conditions);
    if (conditions == NULL)
        return no_memory(err);
    conditions_of(rule, conditions);
    for (size_t i = 0; i < rule->names.count; i++) {
        struct call call = {rule->names.items[i], rows[i]};

        if (call.row != CALL_UNKNOWN && add_call(context, rule, &call, conditions, err) < 0)
            return -err->code;
    }
    return 0;
}

static int add_all_rules(scmp_filter_ctx context, const struct profile *profile,
                         struct arena *arena, struct error *err)
{
    const int16_t *rows = profile->rows;

    for (size_t i = 0; i < profile->spec->syscalls.count; i++) {
        const struct spec_seccomp_syscall *rule = &profile->spec->syscalls.items[i];

        if (add_rule(context, profile, rule, rows, arena, err) < 0)
            return prefix(err, ".syscalls[%zu]", i);
        rows += rule->names.count;
    }
    return 0;
}

#if SCMP_VER_MAJOR > 2 || (SCMP_VER_MAJOR == 2 && SCMP_VER_MINOR >= 6)

static int export_program(scmp_filter_ctx context, struct arena *arena, struct program *ret,
                          struct error *err)
{
    struct program program;
    size_t size = 0;
    int code = seccomp_export_bpf_mem(context, NULL, &size);

    if (code < 0)
        return fail(err, -code, ": compile the profile");
    program.instructions = arena_zero(arena, size, 1);
    if (program.instructions == NULL)
        return no_memory(err);
    code = seccomp_export_bpf_mem(context, program.instructions, &size);
    if (code < 0)
        return fail(err, -code, ": compile the profile");
    program.count = size / sizeof *program.instructions;
    *ret = program;
    return 0;
}

#else

/* Before 2.6 libseccomp writes the program to files only. */
static int export_program(scmp_filter_ctx context, struct arena *arena, struct program *ret,
                          struct error *err)
{
    autoclose int fd = memfd_create("seccomp", MFD_CLOEXEC);
    struct program program;
    int code;
    off_t size;

    if (fd < 0)
        return fail(err, errno, ": memfd_create for the compiled profile");
    code = seccomp_export_bpf(context, fd);
    if (code < 0)
        return fail(err, -code, ": compile the profile");
    size = lseek(fd, 0, SEEK_END);
    if (size < 0)
        return fail(err, errno, ": size of the compiled profile");
    program.instructions = arena_zero(arena, (size_t)size, 1);
    if (program.instructions == NULL)
        return no_memory(err);
    if (pread(fd, program.instructions, (size_t)size, 0) != (ssize_t)size)
        return fail(err, EIO, ": read the compiled profile");
    program.count = (size_t)size / sizeof *program.instructions;
    *ret = program;
    return 0;
}

#endif

/* The answers for unknown calls in front, libseccomp's program behind. */
static int assemble(struct program *ret, const struct profile *profile, const struct program *body,
                    struct arena *arena, struct error *err)
{
    struct unknown_calls ranges[UNKNOWN_CALLS_RANGES];
    struct sock_filter front[UNKNOWN_CALLS_INSTRUCTIONS];
    size_t range_count = seccomp_unknown_calls(ranges, profile->spec, profile->tokens,
                                               profile->token_count);
    size_t front_count = seccomp_unknown_calls_program(front, ranges, range_count);
    struct sock_filter *whole;

    if (front_count + body->count > BPF_MAXINSNS)
        return refuse(err, E2BIG,
                      ": the profile compiles to %zu instructions, and the kernel takes %d",
                      front_count + body->count, BPF_MAXINSNS);
    whole = arena_zero(arena, front_count + body->count, sizeof *whole);
    if (whole == NULL)
        return no_memory(err);
    memcpy(whole, front, front_count * sizeof *front);
    memcpy(whole + front_count, body->instructions, body->count * sizeof *whole);
    *ret = (struct program){whole, front_count + body->count};
    return 0;
}

int seccomp_compile_by_library(struct program *ret, const struct profile *profile,
                               struct arena *arena, struct error *err)
{
    __attribute__((cleanup(release)))
    scmp_filter_ctx context = seccomp_init(profile->default_action);
    struct program body;

    if (context == NULL)
        return refuse(err, EINVAL, ".defaultAction: libseccomp cannot start a filter with %s",
                      names_of_value(&spec_seccomp_action_names, profile->spec->default_action));
    if (set_architectures(context, profile, err) < 0 || choose_layout(context, err) < 0 ||
        add_all_rules(context, profile, arena, err) < 0 ||
        export_program(context, arena, &body, err) < 0 ||
        assemble(ret, profile, &body, arena, err) < 0)
        return -err->code;
    return 0;
}
