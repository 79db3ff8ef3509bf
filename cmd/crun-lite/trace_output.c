#include "cmd/crun-lite/trace_output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/file.h"
#include "base/own.h"
#include "spec/rows.h"

void trace_add_start(struct trace *trace)
{
    struct timespec own;
    int64_t now = monotonic_ns();

    if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &own) == 0)
        trace_add(trace, "command", "start-program",
                  now - ((int64_t)own.tv_sec * 1000000000 + own.tv_nsec), now);
}

/* --- order -------------------------------------------------------------------------------------
 */

/* Whole before part: what began first, and of two that began together the longer one. */
static int by_begin(const void *left, const void *right)
{
    const struct trace_span *one = *(const struct trace_span *const *)left;
    const struct trace_span *other = *(const struct trace_span *const *)right;

    if (one->begun_ns != other->begun_ns)
        return one->begun_ns < other->begun_ns ? -1 : 1;
    return one->ended_ns > other->ended_ns ? -1 : one->ended_ns < other->ended_ns;
}

/* Those that are finished; NULL without memory. */
static const struct trace_span **sorted(const struct trace *trace, size_t *ret_count)
{
    size_t all = trace_count(trace), count = 0;
    const struct trace_span **spans = calloc(all + 1, sizeof *spans);

    for (size_t i = 0; spans != NULL && i < all; i++) {
        if (__atomic_load_n(&trace->spans[i].ended_ns, __ATOMIC_ACQUIRE) != 0)
            spans[count++] = &trace->spans[i];
    }
    if (spans != NULL)
        qsort(spans, count, sizeof *spans, by_begin);
    *ret_count = count;
    return spans;
}

/* --- Trace Event Format ------------------------------------------------------------------------
 */

enum { GROUPS_MOST = 32 };

/* In the order in which they first come: each is a thread. */
struct groups {
    const char *names[GROUPS_MOST];
    size_t count;
};

static size_t number_of(struct groups *groups, const char *name)
{
    for (size_t i = 0; i < groups->count; i++) {
        if (strcmp(groups->names[i], name) == 0)
            return i;
    }
    if (groups->count == count_of(groups->names))
        return groups->count - 1;
    groups->names[groups->count] = name;
    return groups->count++;
}

/* What follows is the format's: "ph" X is a complete event, M says something about a thread. */
struct event_arguments {
    const char *name;
};

struct event {
    const char *name;
    const char *group;
    const char *phase;
    double begun_us;
    double lasted_us;
    int64_t process;
    int64_t thread;
    struct event_arguments *arguments;
};

struct trace_document {
    const char *unit;
    struct {
        struct event *items;
        size_t count;
    } events;
};

#define OWNER struct event_arguments
static const struct field argument_rows[] = {
    ROW("name", FIELD_STRING, name),
};
#undef OWNER
static const struct fields argument_fields = FIELDS_OF(struct event_arguments, argument_rows);

#define OWNER struct event
static const struct field event_rows[] = {
    ROW("name", FIELD_STRING, name),
    ROW("cat", FIELD_STRING, group),
    ROW("ph", FIELD_STRING, phase),
    ROW("ts", FIELD_DECIMAL, begun_us, ALWAYS),
    ROW("dur", FIELD_DECIMAL, lasted_us, ALWAYS),
    ROW("pid", FIELD_INT64, process),
    ROW("tid", FIELD_INT64, thread),
    ROW("args", FIELD_OBJECT, arguments, OBJECT(argument_fields)),
};
#undef OWNER
static const struct fields event_fields = FIELDS_OF(struct event, event_rows);

#define OWNER struct trace_document
static const struct field document_rows[] = {
    ROW("displayTimeUnit", FIELD_STRING, unit),
    ROW("traceEvents", FIELD_LIST, events, OBJECT(event_fields)),
};
#undef OWNER
static const struct fields document_fields = FIELDS_OF(struct trace_document, document_rows);

static double microseconds(int64_t nanoseconds)
{
    return (double)nanoseconds / 1000;
}

static void add_spans(struct trace_document *document, const struct trace_span *const *spans,
                      size_t count, struct groups *groups)
{
    for (size_t i = 0; i < count; i++)
        document->events.items[document->events.count++] = (struct event){
            .name = spans[i]->name,
            .group = spans[i]->group,
            .phase = "X",
            .begun_us = microseconds(spans[i]->begun_ns - spans[0]->begun_ns),
            .lasted_us = microseconds(spans[i]->ended_ns - spans[i]->begun_ns),
            .process = 1,
            .thread = (int64_t)number_of(groups, spans[i]->group) + 1,
        };
}

static void add_thread_names(struct trace_document *document, const struct groups *groups,
                             struct event_arguments *names)
{
    for (size_t i = 0; i < groups->count; i++) {
        names[i].name = groups->names[i];
        document->events.items[document->events.count++] = (struct event){
            .name = "thread_name",
            .phase = "M",
            .process = 1,
            .thread = (int64_t)i + 1,
            .arguments = &names[i],
        };
    }
}

static int encode(const struct trace_span *const *spans, size_t count, struct arena *arena,
                  const char **ret, size_t *ret_length, struct error *err)
{
    static const struct json_layout compact = {.indent = NULL};
    struct event_arguments names[GROUPS_MOST] = {0};
    struct trace_document document = {.unit = "ns"};
    struct groups groups = {.count = 0};

    document.events.items = arena_zero(arena, count + GROUPS_MOST, sizeof *document.events.items);
    if (document.events.items == NULL)
        return no_memory(err);
    add_spans(&document, spans, count, &groups);
    add_thread_names(&document, &groups, names);
    return fields_encode(&document_fields, &document, &compact, arena, ret, ret_length, err);
}

/* What is there and no file, /dev/stdout or a pipe, is written to; so is what a link leads to. */
static int write_to(const char *path, const char *text, size_t length, struct error *err)
{
    struct stat status;
    autoclose int fd = -1;
    int code;

    if (lstat(path, &status) < 0 || S_ISREG(status.st_mode))
        return replace_file(AT_FDCWD, path, text, length, 0666, err);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOCTTY | O_CLOEXEC, 0666);
    code = fd < 0 ? -errno : write_all(fd, text, length);
    return code < 0 ? fail(err, -code, "write %s", path) : 0;
}

int trace_write_file(const struct trace *trace, const char *path, struct error *err)
{
    size_t count, length;
    const struct trace_span **spans = sorted(trace, &count);
    autoarena struct arena arena = {NULL};
    const char *text;
    int code = spans == NULL ? no_memory(err) : encode(spans, count, &arena, &text, &length, err);

    free(spans);
    if (code == 0)
        code = write_to(path, text, length, err);
    return code < 0 ? within(err, "--trace") : 0;
}

/* --- bars --------------------------------------------------------------------------------------
 */

enum { LABEL = 46, TIME = 11, BARS_LEAST = 20 };

/* Of how many spans of its own group this one is a part. */
static unsigned depth_of(const struct trace_span *const *spans, size_t index)
{
    unsigned depth = 0;

    for (size_t i = 0; i < index; i++) {
        if (spans[i]->ended_ns >= spans[index]->ended_ns &&
            strcmp(spans[i]->group, spans[index]->group) == 0)
            depth++;
    }
    return depth;
}

/* The column of a moment; the last one is that of the end. */
static unsigned column_of(int64_t moment, int64_t whole, unsigned width)
{
    return (unsigned)(moment * (width - 1) / whole);
}

static void print_bar(const struct trace_span *span, int64_t zero, int64_t whole, unsigned width,
                      FILE *to)
{
    unsigned from = column_of(span->begun_ns - zero, whole, width);
    unsigned until = column_of(span->ended_ns - zero, whole, width);

    fprintf(to, "%*s", (int)from, "");
    for (unsigned i = from; i <= until; i++)
        fputc('#', to);
    fputc('\n', to);
}

void trace_print_chart(const struct trace *trace, unsigned columns, FILE *to)
{
    size_t count;
    const struct trace_span **spans = sorted(trace, &count);
    unsigned width = columns > LABEL + TIME + 2 + BARS_LEAST ? columns - LABEL - TIME - 2
                                                             : BARS_LEAST;
    int64_t whole = 1;

    if (spans == NULL)
        return;
    for (size_t i = 0; i < count; i++) {
        int64_t end = spans[i]->ended_ns - spans[0]->begun_ns;

        whole = end > whole ? end : whole;
    }
    for (size_t i = 0; i < count; i++) {
        const struct trace_span *span = spans[i];
        int indent = (int)(2 * depth_of(spans, i));
        char label[sizeof span->group + sizeof span->name + 2];

        snprintf(label, sizeof label, "%s %s", span->group, span->name);
        fprintf(to, "%*s%-*.*s %*.1f us ", indent, "", LABEL - indent, LABEL - indent, label,
                TIME - 4, (double)(span->ended_ns - span->begun_ns) / 1000);
        print_bar(span, spans[0]->begun_ns, whole, width, to);
    }
    free(spans);
}
