#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "cgroups/controllers.h"

enum { NANOSECONDS = 1, MICROSECONDS = 1000 };

/* cpuacct.stat counts in USER_HZ, which has been 100 on every machine since 2.6. */
#define TICKS UINT64_C(10000000)

static const struct cgroup_number numbers[] = {
    CGROUP_NUMBER(cpu.usage.total, "cpu.stat", "usage_usec", MICROSECONDS, "cpuacct.usage", NULL,
                  NANOSECONDS, 0),
    CGROUP_NUMBER(cpu.usage.kernel, "cpu.stat", "system_usec", MICROSECONDS, "cpuacct.stat",
                  "system", TICKS, 0),
    CGROUP_NUMBER(cpu.usage.user, "cpu.stat", "user_usec", MICROSECONDS, "cpuacct.stat", "user",
                  TICKS, 0),
    CGROUP_NUMBER(cpu.throttling.periods, "cpu.stat", "nr_periods", 1, "cpu.stat", "nr_periods", 1,
                  0),
    CGROUP_NUMBER(cpu.throttling.throttled_periods, "cpu.stat", "nr_throttled", 1, "cpu.stat",
                  "nr_throttled", 1, 0),
    CGROUP_NUMBER(cpu.throttling.throttled_time, "cpu.stat", "throttled_usec", MICROSECONDS,
                  "cpu.stat", "throttled_time", NANOSECONDS, 0),
};

/* Numbers between blanks: cpuacct.usage_percpu, "12 34 ". */
static int read_percpu(struct cgroup_stats_reader *reader, struct error *err)
{
    struct uint64_list *list = &reader->stats->cpu.usage.percpu;
    char *text = cgroup_stats_text(reader, "cpuacct", NULL, "cpuacct.usage_percpu");
    const char *word;

    if (text == NULL)
        return 0;
    list->items = arena_zero(reader->arena, strlen(text) / 2 + 1, sizeof *list->items);
    if (list->items == NULL)
        return no_memory(err);
    while ((word = strsep(&text, " \n")) != NULL) {
        if (*word != '\0')
            list->items[list->count++] = strtoull(word, NULL, 10);
    }
    return 0;
}

/* cpuacct.usage_all (4.14): a heading, then "CPU USER SYSTEM" for each CPU. */
static int read_percpu_modes(struct cgroup_stats_reader *reader, struct error *err)
{
    struct cgroup_cpu_usage *usage = &reader->stats->cpu.usage;
    char *text = cgroup_stats_text(reader, "cpuacct", NULL, "cpuacct.usage_all");
    size_t most = usage->percpu.count;
    unsigned long long user, system;
    char *line;

    if (text == NULL || most == 0)
        return 0;
    usage->percpu_user.items = arena_zero(reader->arena, most, sizeof *usage->percpu_user.items);
    usage->percpu_kernel.items = arena_zero(reader->arena, most,
                                            sizeof *usage->percpu_kernel.items);
    if (usage->percpu_user.items == NULL || usage->percpu_kernel.items == NULL)
        return no_memory(err);
    while ((line = strsep(&text, "\n")) != NULL && usage->percpu_user.count < most) {
        if (sscanf(line, "%*u %llu %llu", &user, &system) != 2)
            continue;
        usage->percpu_user.items[usage->percpu_user.count++] = user;
        usage->percpu_kernel.items[usage->percpu_kernel.count++] = system;
    }
    return 0;
}

int cgroup_stats_cpu(struct cgroup_stats_reader *reader, const struct cgroup_controller *self,
                     struct error *err)
{
    (void)self;
    cgroup_read_numbers(reader, numbers, count_of(numbers));
    reader->stats->cpu.pressure = cgroup_stats_pressure(reader, "cpu.pressure");
    if (read_percpu(reader, err) < 0)
        return -err->code;
    return read_percpu_modes(reader, err);
}
