#include "runtime/timing.h"

#include "runtime/deadline.h"

int64_t timing_begin(const struct log *log)
{
    return log->debug ? monotonic_ns() : 0;
}

void timing_end(const struct log *log, const char *verb, const char *step, int64_t begun)
{
    if (log->debug)
        log_debug(log, "%s %s: %lld ns", verb, step, (long long)(monotonic_ns() - begun));
}
