/*
 * Time programs one beside the other: A B C A B C, so that what disturbs one disturbs all.
 *
 *   interleave [-n ROUNDS] [-w WARM-UPS] [-t SECONDS] [-i IDLE-MS] [-c CPU] PLAN
 *
 * After SECONDS no round begins, if there were 12 of them.
 *
 * PLAN is a file of lines, words separated by tabs:
 *
 *   entrant  NAME  EVERY       what follows is done by NAME, in every EVERYth round
 *   time     STEP  PROGRAM...  run a program and time it; {} in a word is a number, new each round
 *   do       STEP  PROGRAM...  run it, untimed
 *   reap                       wait for orphans: the first process of a container that was created
 *
 * Words with an "=" before the program are its environment, beside what there is.
 *
 * Every timed run is one line on standard output, times in nanoseconds:
 *
 *   NAME  STEP  ROUND  WALL  CPU
 *
 * CPU is user and system time of all that ended in the meantime.  Before the first step of an
 * entrant it sleeps for IDLE-MS: in a loop without pauses the kernel's grace periods are cheap.
 * What programs say goes to standard error when one of them fails, which ends the run.
 */

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MAX_WORDS = 40, MAX_STEPS = 256, MAX_ENVIRONMENT = 128, MIN_ROUNDS = 12 };

enum step_kind { STEP_ENTRANT, STEP_TIME, STEP_DO, STEP_REAP };

struct step {
    enum step_kind kind;
    const char *words[MAX_WORDS]; /* without the first; ends with NULL */
};

struct plan {
    struct step steps[MAX_STEPS];
    int count;
};

struct options {
    int rounds;
    int warm_ups;
    int seconds; /* 0: as long as it takes */
    int idle_ms;
};

/* What the programs have: an empty input, nobody to listen, and a file for complaints. */
struct streams {
    int null;
    int complaints;
};

static void fail(const char *what)
{
    fprintf(stderr, "interleave: %s: %s\n", what, strerror(errno));
    exit(1);
}

static long long now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static long long nanoseconds(struct timeval time)
{
    return time.tv_sec * 1000000000LL + time.tv_usec * 1000LL;
}

/* Of all children that have been waited for, and theirs. */
static long long cpu_of_children(void)
{
    struct rusage usage;

    getrusage(RUSAGE_CHILDREN, &usage);
    return nanoseconds(usage.ru_utime) + nanoseconds(usage.ru_stime);
}

/* --- the plan --------------------------------------------------------------------------------- */

static enum step_kind kind_of(const char *word)
{
    static const char *const kinds[] = {"entrant", "time", "do", "reap"};

    for (int i = 0; i < 4; i++) {
        if (strcmp(word, kinds[i]) == 0)
            return (enum step_kind)i;
    }
    fprintf(stderr, "interleave: no such step: %s\n", word);
    exit(2);
}

/* The line is kept: words point into it. */
static void parse_step(struct plan *plan, char *line)
{
    struct step *step = &plan->steps[plan->count];
    int words = 0;

    line[strcspn(line, "\n")] = '\0';
    if (*line == '\0' || plan->count == MAX_STEPS)
        return;
    step->kind = kind_of(strsep(&line, "\t"));
    while (line != NULL && words < MAX_WORDS - 1)
        step->words[words++] = strsep(&line, "\t");
    plan->count++;
}

static void read_plan(struct plan *plan, const char *path)
{
    FILE *file = fopen(path, "re");
    char line[8192];

    if (file == NULL)
        fail(path);
    while (fgets(line, sizeof line, file) != NULL)
        parse_step(plan, strdup(line));
    fclose(file);
}

/* --- running ---------------------------------------------------------------------------------- */

/* A word with every {} replaced by the round's number, in `room`; the word itself if it has none.
 */
static char *fill_in(const char *word, long number, char *room, size_t size)
{
    const char *hole = strstr(word, "{}");

    if (hole == NULL)
        return (char *)(unsigned long)word;
    snprintf(room, size, "%.*s%ld%s", (int)(hole - word), word, number, hole + 2);
    return room;
}

static void show_complaints(const struct streams *streams, const char *program, int status)
{
    char text[4096];
    ssize_t length = pread(streams->complaints, text, sizeof text - 1, 0);

    text[length > 0 ? length : 0] = '\0';
    fprintf(stderr, "interleave: %s: status %x: %s\n", program, (unsigned)status, text);
    exit(1);
}

/* What is named by leading words, then ours.  Returns the first word that is not a variable. */
static char **take_environment(char **words, char **environment)
{
    extern char **environ;
    int count = 0;

    while (*words != NULL && strchr(*words, '=') != NULL && **words != '/')
        environment[count++] = *words++;
    for (char **each = environ; *each != NULL && count < MAX_ENVIRONMENT - 1; each++)
        environment[count++] = *each;
    environment[count] = NULL;
    return words;
}

static pid_t spawn(char **words, char **environment, const struct streams *streams)
{
    posix_spawn_file_actions_t actions;
    pid_t pid;

    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, streams->null, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, streams->null, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, streams->complaints, STDERR_FILENO);
    errno = posix_spawn(&pid, words[0], &actions, NULL, words, environment);
    if (errno != 0)
        fail(words[0]);
    posix_spawn_file_actions_destroy(&actions);
    return pid;
}

/* Returns how long it took, from before the clone until its end was known. */
static long long run_program(const char *const *words, long number, const struct streams *streams)
{
    char *filled[MAX_WORDS] = {NULL};
    char *environment[MAX_ENVIRONMENT];
    char room[MAX_WORDS][256];
    char **program;
    long long begin;
    int status = 0;
    pid_t pid;

    for (int i = 0; words[i] != NULL; i++)
        filled[i] = fill_in(words[i], number, room[i], sizeof room[i]);
    program = take_environment(filled, environment);
    begin = now();
    pid = spawn(program, environment, streams);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    begin = now() - begin;
    if (status != 0)
        show_complaints(streams, program[0], status);
    return begin;
}

static void reap_orphans(void)
{
    while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
        ;
}

static void run_steps(const struct step *step, const struct step *end, const char *name, int round,
                      long number, const struct streams *streams)
{
    for (; step < end && step->kind != STEP_ENTRANT; step++) {
        long long cpu = cpu_of_children();

        if (step->kind == STEP_REAP) {
            reap_orphans();
            continue;
        }

        long long wall = run_program(step->words + 1, number, streams);

        if (step->kind == STEP_TIME && round >= 0)
            printf("%s\t%s\t%d\t%lld\t%lld\n", name, step->words[0], round, wall,
                   cpu_of_children() - cpu);
    }
}

/* Warm-ups are rounds below 0, which all take part in. */
static void run_round(const struct plan *plan, const struct options *options, int round,
                      const struct streams *streams)
{
    long number = round + options->warm_ups;

    for (int i = 0; i < plan->count; i++) {
        const struct step *step = &plan->steps[i];

        if (step->kind != STEP_ENTRANT || (round >= 0 && round % atoi(step->words[1]) != 0))
            continue;
        usleep((useconds_t)options->idle_ms * 1000);
        run_steps(step + 1, plan->steps + plan->count, step->words[0], round, number, streams);
    }
}

static void pin_to(int cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET((size_t)cpu, &set);
    if (sched_setaffinity(0, sizeof set, &set) != 0)
        fail("sched_setaffinity");
}

static const char *take_options(struct options *options, int argc, char **argv)
{
    for (int letter; (letter = getopt(argc, argv, "n:w:t:i:c:")) > 0;) {
        int value = optarg != NULL ? atoi(optarg) : 0;

        switch (letter) {
        case 'n':
            options->rounds = value;
            break;
        case 'w':
            options->warm_ups = value;
            break;
        case 't':
            options->seconds = value;
            break;
        case 'i':
            options->idle_ms = value;
            break;
        case 'c':
            pin_to(value);
            break;
        default:
            exit(2);
        }
    }
    if (optind + 1 != argc) {
        fprintf(stderr, "usage: interleave [-n ROUNDS] [-w WARM-UPS] [-t SECONDS] [-i IDLE-MS] "
                        "[-c CPU] PLAN\n");
        exit(2);
    }
    return argv[optind];
}

int main(int argc, char **argv)
{
    static struct plan plan;
    struct options options = {.rounds = 60, .warm_ups = 3};
    struct streams streams = {
        .null = open("/dev/null", O_RDWR | O_CLOEXEC),
        .complaints = memfd_create("complaints", MFD_CLOEXEC),
    };

    long long begin = now();

    read_plan(&plan, take_options(&options, argc, argv));
    fcntl(streams.complaints, F_SETFL, O_APPEND);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    for (int round = -options.warm_ups; round < options.rounds; round++) {
        if (options.seconds > 0 && round >= MIN_ROUNDS &&
            now() - begin > options.seconds * 1000000000LL)
            break;
        run_round(&plan, &options, round, &streams);
    }
    return fflush(stdout) == 0 ? 0 : 1;
}
