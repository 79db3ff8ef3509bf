#include "base/timing.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "base/arena.h"
#include "base/own.h"

int64_t monotonic_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t timing_begin(const struct log *log)
{
    return log != NULL && (log->debug || log->trace != NULL) ? monotonic_ns() : 0;
}

static void tell(const struct log *log, const char *group, const char *name, int64_t begun)
{
    int64_t now = monotonic_ns();

    if (log->trace != NULL)
        trace_add(log->trace, group, name, begun, now);
    log_debug(log, "%s %s: %lld ns", group, name, (long long)(now - begun));
}

void timing_end(const struct log *log, const char *group, const char *step, int64_t begun)
{
    if (begun != 0)
        tell(log, group, step, begun);
}

void timing_end_of(const struct log *log, const char *group, int64_t begun, const char *format, ...)
{
    char name[2 * sizeof((struct trace_span *)NULL)->name];
    va_list args;

    if (begun == 0)
        return;
    va_start(args, format);
    vsnprintf(name, sizeof name, format, args);
    va_end(args);
    tell(log, group, name, begun);
}

int trace_open(struct trace **ret, struct error *err)
{
    void *memory = mmap(NULL, sizeof(struct trace), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED)
        return no_memory(err);
    *ret = memory;
    return 0;
}

void trace_close(struct trace *trace)
{
    if (trace != NULL)
        munmap(trace, sizeof *trace);
}

/* No character of several bytes is cut in the middle: not all that reads traces takes those. */
static void copy(char *to, size_t size, const char *from)
{
    size_t length = strlen(from);

    if (length >= size) {
        length = size - 1;
        while (length > 0 && ((unsigned char)from[length] & 0xc0) == 0x80)
            length--;
    }
    memcpy(to, from, length);
    to[length] = '\0';
}

void trace_add(struct trace *trace, const char *group, const char *name, int64_t begun_ns,
               int64_t ended_ns)
{
    uint32_t index = __atomic_fetch_add(&trace->count, 1, __ATOMIC_RELAXED);
    struct trace_span *span;

    if (index >= TRACE_SPANS_MOST)
        return;
    span = &trace->spans[index];
    copy(span->group, sizeof span->group, group);
    copy(span->name, sizeof span->name, name);
    span->begun_ns = begun_ns;
    /* Last: one without an end is not there yet, and never will be when its writer is killed. */
    __atomic_store_n(&span->ended_ns, ended_ns, __ATOMIC_RELEASE);
}

size_t trace_count(const struct trace *trace)
{
    uint32_t count = __atomic_load_n(&trace->count, __ATOMIC_RELAXED);

    return count < TRACE_SPANS_MOST ? count : TRACE_SPANS_MOST;
}
