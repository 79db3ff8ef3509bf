#include "cmd/crun-lite/options.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "base/own.h"
#include "base/text.h"

/* One option as it stands on the command line. */
struct given {
    const char *name; /* behind the dashes; not terminated */
    size_t length;
    const char *value; /* behind "=", or NULL */
};

static bool is_option(const char *argument)
{
    return argument[0] == '-' && argument[1] != '\0';
}

static struct given split(const char *argument)
{
    const char *name = argument + (starts_with(argument, "--") ? 2 : 1);
    const char *equals = strchr(name, '=');
    size_t length = equals != NULL ? (size_t)(equals - name) : strlen(name);

    return (struct given){name, length, equals != NULL ? equals + 1 : NULL};
}

static bool is_called(const struct given *given, const char *name, char letter)
{
    if (given->length == 1 && letter != '\0')
        return given->name[0] == letter;
    return strlen(name) == given->length && strncmp(given->name, name, given->length) == 0;
}

static const struct option *find(const struct option_set *set, const struct given *given)
{
    for (size_t table = 0; table < OPTION_TABLES; table++) {
        for (size_t i = 0; i < set->tables[table].count; i++) {
            const struct option *option = &set->tables[table].rows[i];

            if (is_called(given, option->name, option->letter))
                return option;
        }
    }
    return NULL;
}

static bool takes_value(const struct option *option)
{
    return option->kind != OPTION_FLAG && option->kind != OPTION_IGNORED_FLAG &&
           option->kind != OPTION_OPTIONAL_STRING;
}

int option_parse_bool(const char *text, bool *ret, struct error *err)
{
    static const char *const spellings[][2] = {
        {"false", "true"},
        {"0",     "1"   },
        {"f",     "t"   },
        {"F",     "T"   },
        {"FALSE", "TRUE"},
        {"False", "True"},
    };
    char quoted[1040];

    for (size_t i = 0; i < count_of(spellings); i++) {
        for (int value = 0; value < 2; value++) {
            if (strcmp(text, spellings[i][value]) == 0) {
                *ret = value == 1;
                return 0;
            }
        }
    }
    return refuse(err, EINVAL, "\"%s\" is neither true nor false", quotable(quoted, text));
}

static int parse_number(const char *text, unsigned *ret, struct error *err)
{
    int64_t value;

    if (parse_int64(text, 0, INT_MAX, &value, err) < 0)
        return -err->code;
    *ret = (unsigned)value;
    return 0;
}

static int parse_time(const char *text, int64_t *ret, struct error *err)
{
    int64_t value;

    if (parse_duration(text, &value, err) < 0)
        return -err->code;
    if (value <= 0)
        return refuse(err, ERANGE, "must be more than 0");
    *ret = value;
    return 0;
}

/* The list grows one by one: command lines are short. */
static int append(struct string_list *list, const char *item, struct arena *arena,
                  struct error *err)
{
    const char **items = arena_zero(arena, list->count + 2, sizeof *items);

    if (items == NULL)
        return no_memory(err);
    if (list->count > 0)
        memcpy(items, list->items, list->count * sizeof *items);
    items[list->count] = item;
    *list = (struct string_list){items, list->count + 1};
    return 0;
}

static int store(const struct option *option, const char *value, struct arena *arena, void *into,
                 struct error *err)
{
    void *member = (char *)into + option->offset;
    bool ignored;

    switch (option->kind) {
    case OPTION_FLAG:
        *(bool *)member = true;
        return value == NULL ? 0 : option_parse_bool(value, member, err);
    case OPTION_STRING:
        /* Scripts write --pid-file "$FILE" whether there is one or not. */
        *(const char **)member = *value != '\0' ? value : NULL;
        return 0;
    case OPTION_ANY_STRING:
        *(const char **)member = value;
        return 0;
    case OPTION_STRINGS:
        return append(member, value, arena, err);
    case OPTION_NUMBER:
        return parse_number(value, member, err);
    case OPTION_DURATION:
        return parse_time(value, member, err);
    case OPTION_OPTIONAL_STRING:
        *(struct optional_string *)member = (struct optional_string){true, value};
        return 0;
    case OPTION_IGNORED_FLAG:
        return value == NULL ? 0 : option_parse_bool(value, &ignored, err);
    case OPTION_IGNORED:
        return 0;
    }
    return 0;
}

/* One option at *argv; *argv moves on when the value is the next argument. */
static int parse_option(const struct option_set *set, const char *const **argv, struct arena *arena,
                        void *into, struct error *err)
{
    struct given given = split(**argv);
    const struct option *option = find(set, &given);
    char quoted[1040];

    if (option == NULL && is_called(&given, "help", 'h'))
        return OPTIONS_HELP;
    if (option == NULL)
        return refuse(err, EINVAL, "flag provided but not defined: %s", quotable(quoted, **argv));
    if (takes_value(option) && given.value == NULL) {
        if ((*argv)[1] == NULL)
            return refuse(err, EINVAL, "flag needs an argument: --%s", option->name);
        given.value = *++*argv;
    }
    if (store(option, given.value, arena, into, err) < 0)
        return within(err, "--%s", option->name);
    return 0;
}

int options_parse(const struct option_set *set, const char *const argv[], struct arena *arena,
                  void *into, struct arguments *ret, struct error *err)
{
    struct arguments arguments = {0};
    bool ended = false;

    for (; *argv != NULL; argv++) {
        if (!ended && strcmp(*argv, "--") == 0) {
            ended = true;
            arguments.dashes = true;
            arguments.before_dashes = arguments.items.count;
            continue;
        }
        if (!ended && is_option(*argv)) {
            int code = parse_option(set, &argv, arena, into, err);

            if (code != 0)
                return code;
            continue;
        }
        if (append(&arguments.items, *argv, arena, err) < 0)
            return -err->code;
        ended |= set->stop_at_first;
    }
    *ret = arguments;
    return 0;
}

enum { HELP_COLUMN = 32 };

/* The option's forms, and what it does beside or below them; lines of help are aligned. */
static void print_row(const struct option *option, FILE *to)
{
    char forms[128];
    struct text text = TEXT_IN(forms);
    const char *help = option->help;

    if (option->letter != '\0')
        text_print(&text, "-%c, --%s", option->letter, option->name);
    else
        text_print(&text, "    --%s", option->name);
    if (option->kind == OPTION_OPTIONAL_STRING)
        text_print(&text, "[=%s]", option->value);
    else if (option->value != NULL)
        text_print(&text, " %s", option->value);
    fprintf(to, "  %-*s", HELP_COLUMN - 2, forms);
    if (text.used + 4 > HELP_COLUMN)
        fprintf(to, "\n%*s", HELP_COLUMN, "");
    for (const char *end; (end = strchr(help, '\n')) != NULL; help = end + 1)
        fprintf(to, "%.*s\n%*s", (int)(end - help), help, HELP_COLUMN, "");
    fprintf(to, "%s\n", help);
}

void options_print_help(const struct option_set *set, FILE *to)
{
    static const struct option help = {"help", 'h', OPTION_FLAG, 0, NULL, "show this help"};

    for (size_t table = 0; table < OPTION_TABLES; table++) {
        for (size_t i = 0; i < set->tables[table].count; i++) {
            if (set->tables[table].rows[i].help != NULL)
                print_row(&set->tables[table].rows[i], to);
        }
    }
    print_row(&help, to);
}
