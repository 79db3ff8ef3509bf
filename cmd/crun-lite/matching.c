#include "cmd/crun-lite/matching.h"

#include <errno.h>
#include <regex.h>
#include <stdio.h>

static int compile(const char *pattern, regex_t *ret, struct error *err)
{
    char reason[256], quoted[1040];
    int code = regcomp(ret, pattern, REG_EXTENDED | REG_NOSUB);

    if (code == 0)
        return 0;
    regerror(code, ret, reason, sizeof reason);
    return refuse(err, EINVAL, "--regex: \"%s\": %s", quotable(quoted, pattern), reason);
}

/* Two failures are two lines for people, but the log takes one. */
static void tell(const struct error *err)
{
    log_file_tell(err->text);
}

static int visit(struct context *context, const struct string_list *ids, const regex_t *pattern,
                 int (*each)(struct context *context, const char *id, const void *with,
                             struct error *err),
                 const void *with, struct error *err)
{
    struct error failure = {0};

    for (size_t i = 0; i < ids->count; i++) {
        struct error one = {0};

        if (regexec(pattern, ids->items[i], 0, NULL, 0) != 0 ||
            each(context, ids->items[i], with, &one) >= 0)
            continue;
        within(&one, "%s", ids->items[i]);
        if (failure.code != 0)
            tell(&failure);
        failure = one;
    }
    if (failure.code == 0)
        return 0;
    *err = failure;
    return -err->code;
}

int for_each_matching(struct context *context, const char *pattern,
                      int (*each)(struct context *context, const char *id, const void *with,
                                  struct error *err),
                      const void *with, struct error *err)
{
    struct string_list ids = {NULL, 0};
    regex_t compiled;
    int code = compile(pattern, &compiled, err);

    if (code < 0)
        return code;
    code = container_ids(&context->runtime, context->arena, &ids, err);
    if (code == 0)
        code = visit(context, &ids, &compiled, each, with, err);
    else if (code == -ENOENT && !context->root_given)
        code = 0;
    regfree(&compiled);
    return code;
}
