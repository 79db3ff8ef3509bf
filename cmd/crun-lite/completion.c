/* completion: what bash, zsh and fish need to know, from the tables that the parser itself uses. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/own.h"
#include "cmd/crun-lite/command.h"
#include "cmd/crun-lite/globals.h"

/* What stands behind an option or a command. */
enum operand { OPERAND_NONE, OPERAND_ANY, OPERAND_FILE, OPERAND_DIRECTORY, OPERAND_ID };

/* By what --help calls the value. */
static enum operand operand_of(const struct option *option)
{
    static const struct {
        const char *value;
        enum operand operand;
    } known[] = {
        {"FILE",   OPERAND_FILE     },
        {"SOCKET", OPERAND_FILE     },
        {"PATH",   OPERAND_FILE     },
        {"DIR",    OPERAND_DIRECTORY},
    };

    if (option->kind == OPTION_FLAG || option->kind == OPTION_OPTIONAL_STRING)
        return OPERAND_NONE;
    for (size_t i = 0; option->value != NULL && i < count_of(known); i++) {
        if (strcmp(option->value, known[i].value) == 0)
            return known[i].operand;
    }
    return OPERAND_ANY;
}

/* Options without help are obsolete: accepted, not suggested. */
#define for_each_shown(option, set)                                            \
    for (size_t table_ = 0; table_ < OPTION_TABLES; table_++)                  \
        for (const struct option *option = (set)->tables[table_].rows,         \
                                 *end_ = option + (set)->tables[table_].count; \
             option < end_; option++)                                          \
            if (option->help != NULL)

static bool has_option(const struct option_set *set, const char *name)
{
    for_each_shown(option, set)
    {
        if (strcmp(option->name, name) == 0)
            return true;
    }
    return false;
}

/* An id that there is already, or the bundle to make one from. */
static enum operand operand_of_command(const struct command *command)
{
    if (strstr(command->synopsis, "BUNDLE") != NULL)
        return OPERAND_DIRECTORY;
    if (strstr(command->synopsis, "ID") == NULL || has_option(&command->options, "bundle"))
        return OPERAND_NONE;
    return OPERAND_ID;
}

/* The words that the first argument is one of, from a synopsis such as "add|remove ID FILE", with
 * spaces between them; an id and a file may come behind.  NULL: no such words. */
static const char *words_of_command(const struct command *command, char words[static 64])
{
    size_t length = strspn(command->synopsis, "abcdefghijklmnopqrstuvwxyz|");

    if (length >= 64 || memchr(command->synopsis, '|', length) == NULL)
        return NULL;
    for (size_t i = 0; i < length; i++)
        words[i] = command->synopsis[i];
    words[length] = '\0';
    for (char *bar; (bar = strchr(words, '|')) != NULL;)
        *bar = ' ';
    return words;
}

static bool takes_file(const struct command *command)
{
    return strstr(command->synopsis, "FILE") != NULL;
}

/* Text inside single quotes; `special` characters get a backslash, newlines become spaces. */
static void print_quoted(const char *text, const char *special)
{
    for (; *text != '\0'; text++) {
        if (*text == '\'')
            fputs("'\\''", stdout);
        else if (*text == '\n')
            putchar(' ');
        else
            printf(strchr(special, *text) != NULL ? "\\%c" : "%c", *text);
    }
}

/* --- bash
 * --------------------------------------------------------------------------------------------- */

static void print_bash_words(const struct option_set *set)
{
    for_each_shown(option, set)
    {
        printf("--%s ", option->name);
    }
    fputs("--help", stdout);
}

/* One line of the case over "COMMAND:OPTION". */
static void print_bash_values(const char *command, const struct option_set *set,
                              enum operand operand, const char *action)
{
    for_each_shown(option, set)
    {
        if (operand_of(option) != operand)
            continue;
        printf("    %s:--%s | %s:-%s", command, option->name, command, option->name);
        if (option->letter != '\0')
            printf(" | %s:-%c", command, option->letter);
        printf(") %s; return ;;\n", action);
    }
}

static void print_bash_set(const char *command, const struct option_set *set)
{
    print_bash_values(command, set, OPERAND_FILE, "COMPREPLY=($(compgen -f -- \"$word\"))");
    print_bash_values(command, set, OPERAND_DIRECTORY, "COMPREPLY=($(compgen -d -- \"$word\"))");
    print_bash_values(command, set, OPERAND_ANY, ":");
}

/* The global options that take a value: what follows them is not the command. */
static void print_bash_globals(void)
{
    for_each_shown(option, &global_option_set)
    {
        if (operand_of(option) != OPERAND_NONE && strcmp(option->name, "root") != 0)
            printf("--%s | -%s | ", option->name, option->name);
    }
    fputs("--) ((i++)) ;;\n", stdout);
}

static const char *bash_action(enum operand operand)
{
    static const char ids[] = "COMPREPLY=($(compgen -W \"$(\"${COMP_WORDS[0]}\" \"${root[@]}\" "
                              "list -q 2>/dev/null)\" -- \"$word\"))";
    static const char *const actions[] = {
        [OPERAND_ID] = ids,
        [OPERAND_DIRECTORY] = "COMPREPLY=($(compgen -d -- \"$word\"))",
    };

    return operand < count_of(actions) && actions[operand] != NULL ? actions[operand] : ":";
}

static void print_bash_command(const struct command *command)
{
    const char *action = bash_action(operand_of_command(command));
    char buffer[64];
    const char *words = words_of_command(command, buffer);

    printf("    %s)\n        options='", command->name);
    print_bash_words(&command->options);
    if (words == NULL)
        printf("'\n        [[ $word == -* ]] || %s ;;\n", action);
    else
        printf("'\n        [[ $word == -* ]] || case $((COMP_CWORD - i)) in\n"
               "        1) COMPREPLY=($(compgen -W '%s' -- \"$word\")) ;;\n        2) %s ;;\n"
               "        3) %s ;;\n        esac ;;\n",
               words, action, takes_file(command) ? "COMPREPLY=($(compgen -f -- \"$word\"))" : ":");
}

static void print_bash(void)
{
    fputs("# bash completion of crun-lite; made by: crun-lite completion bash\n"
          "_crun_lite()\n{\n"
          "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}\n"
          "    local command='' options='' root=() i\n"
          "    COMPREPLY=()\n"
          "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
          "        case ${COMP_WORDS[i]} in\n"
          "        --root | -root) root=(--root \"${COMP_WORDS[i+1]}\"); ((i++)) ;;\n        ",
          stdout);
    print_bash_globals();
    fputs("        -*) ;;\n"
          "        *) command=${COMP_WORDS[i]}; break ;;\n"
          "        esac\n"
          "    done\n"
          "    case $command:$before in\n",
          stdout);
    print_bash_set("", &global_option_set);
    for (size_t i = 0; i < command_count; i++)
        print_bash_set(commands[i]->name, &commands[i]->options);
    fputs("    esac\n    case $command in\n    '')\n        options='", stdout);
    print_bash_words(&global_option_set);
    fputs("'\n        [[ $word == -* ]] || COMPREPLY=($(compgen -W '", stdout);
    for (size_t i = 0; i < command_count; i++)
        printf("%s%s", i == 0 ? "" : " ", commands[i]->name);
    fputs("' -- \"$word\")) ;;\n", stdout);
    for (size_t i = 0; i < command_count; i++)
        print_bash_command(commands[i]);
    fputs("    esac\n"
          "    [[ $word != -* ]] || COMPREPLY=($(compgen -W \"$options\" -- \"$word\"))\n"
          "}\n"
          "complete -o filenames -F _crun_lite crun-lite\n",
          stdout);
}

/* --- zsh
 * ---------------------------------------------------------------------------------------------- */

static const char *const zsh_actions[] = {
    [OPERAND_NONE] = "",
    [OPERAND_ANY] = " ",
    [OPERAND_FILE] = "_files",
    [OPERAND_DIRECTORY] = "_files -/",
    [OPERAND_ID] = "_crun_lite_ids",
};

static void print_zsh_option(const struct option *option)
{
    enum operand operand = operand_of(option);
    const char *repeated = option->kind == OPTION_STRINGS ? "*" : "";

    fputs(" \\\n            ", stdout);
    if (option->letter != '\0')
        printf("%s{-%c,--%s}'[", *repeated ? "'*'" : "", option->letter, option->name);
    else
        printf("'%s--%s[", repeated, option->name);
    print_quoted(option->help, "[]\\:");
    putchar(']');
    if (operand != OPERAND_NONE)
        printf(":%s:%s", option->value, zsh_actions[operand]);
    putchar('\'');
}

static void print_zsh_options(const struct option_set *set)
{
    for_each_shown(option, set)
    {
        print_zsh_option(option);
    }
    fputs(" \\\n            {-h,--help}'[show help]'", stdout);
}

static void print_zsh_command(const struct command *command)
{
    const char *action = zsh_actions[operand_of_command(command)];
    char buffer[64];
    const char *words = words_of_command(command, buffer);

    printf("        %s) _arguments", command->name);
    print_zsh_options(&command->options);
    if (words == NULL)
        printf(" \\\n            '*: :%s' ;;\n", action);
    else
        printf(" \\\n            '1: :(%s)' '2: :%s' '3: :%s' ;;\n", words, action,
               takes_file(command) ? "_files" : "");
}

static void print_zsh(void)
{
    fputs("#compdef crun-lite\n# made by: crun-lite completion zsh\n"
          "_crun_lite_ids() {\n"
          "    local -a ids\n"
          "    ids=(${(f)\"$(crun-lite ${opt_args[--root]:+--root=${opt_args[--root]}} list -q "
          "2>/dev/null)\"})\n"
          "    compadd -a ids\n"
          "}\n"
          "_crun_lite() {\n"
          "    local state line\n"
          "    local -a commands\n"
          "    typeset -A opt_args\n"
          "    _arguments -C",
          stdout);
    print_zsh_options(&global_option_set);
    fputs(" \\\n            '1: :->command' '*:: :->arguments'\n"
          "    case $state in\n"
          "    command)\n"
          "        commands=(\n",
          stdout);
    for (size_t i = 0; i < command_count; i++) {
        printf("            '%s:", commands[i]->name);
        print_quoted(commands[i]->summary, "\\:");
        fputs("'\n", stdout);
    }
    fputs("        )\n        _describe command commands ;;\n"
          "    arguments)\n        case $words[1] in\n",
          stdout);
    for (size_t i = 0; i < command_count; i++)
        print_zsh_command(commands[i]);
    fputs("        esac ;;\n    esac\n}\n_crun_lite \"$@\"\n", stdout);
}

/* --- fish
 * --------------------------------------------------------------------------------------------- */

/* Inside single quotes fish knows \' where the others need '\''. */
static void print_fish_text(const char *text)
{
    for (; *text != '\0'; text++)
        printf(*text == '\'' || *text == '\\' ? "\\%c" : "%c", *text == '\n' ? ' ' : *text);
}

static void print_fish_option(const char *condition, const struct option *option)
{
    static const char *const values[] = {
        [OPERAND_NONE] = "",
        [OPERAND_ANY] = " -x",
        [OPERAND_FILE] = " -r -F",
        [OPERAND_DIRECTORY] = " -x -a '(__fish_complete_directories)'",
    };

    printf("complete -c crun-lite -n '%s' -l %s", condition, option->name);
    if (option->letter != '\0')
        printf(" -s %c", option->letter);
    printf("%s -d '", values[operand_of(option)]);
    print_fish_text(option->help);
    fputs("'\n", stdout);
}

static void print_fish_command(const struct command *command)
{
    static const char *const operands[] = {
        [OPERAND_DIRECTORY] = "(__fish_complete_directories)",
        [OPERAND_ID] = "(crun-lite list -q 2>/dev/null)",
    };
    enum operand operand = operand_of_command(command);
    char condition[128];
    char buffer[64];
    const char *words = words_of_command(command, buffer);

    printf("complete -c crun-lite -n __fish_use_subcommand -a %s -d '", command->name);
    print_fish_text(command->summary);
    fputs("'\n", stdout);
    snprintf(condition, sizeof condition, "__fish_seen_subcommand_from %s", command->name);
    for_each_shown(option, &command->options)
    {
        print_fish_option(condition, option);
    }
    if (words != NULL) {
        printf("complete -c crun-lite -n '%s; and not __fish_seen_subcommand_from %s' -a '%s'\n",
               condition, words, words);
        snprintf(condition, sizeof condition, "__fish_seen_subcommand_from %s", words);
    }
    if (operand < count_of(operands) && operands[operand] != NULL)
        printf("complete -c crun-lite -n '%s'%s -a '%s'\n", condition,
               takes_file(command) ? " -F" : "", operands[operand]);
}

static void print_fish(void)
{
    fputs("# fish completion of crun-lite; made by: crun-lite completion fish\n"
          "complete -c crun-lite -f\n",
          stdout);
    for_each_shown(option, &global_option_set)
    {
        print_fish_option("__fish_use_subcommand", option);
    }
    for (size_t i = 0; i < command_count; i++)
        print_fish_command(commands[i]);
}

/* --- the command
 * -------------------------------------------------------------------------------------- */

static const struct shell {
    const char *name;
    void (*print)(void);
} shells[] = {
    {"bash", print_bash},
    {"zsh",  print_zsh },
    {"fish", print_fish},
};

static int completion(struct context *context, const void *options,
                      const struct arguments *arguments, struct error *err)
{
    const char *name = arguments->items.items[0];
    char quoted[1040];

    (void)context;
    (void)options;
    for (size_t i = 0; i < count_of(shells); i++) {
        if (strcmp(name, shells[i].name) == 0) {
            shells[i].print();
            return 0;
        }
    }
    return refuse(err, EINVAL, "\"%s\" is not one of bash, zsh, fish", quotable(quoted, name));
}

const struct command completion_command = {
    .name = "completion",
    .synopsis = "bash|zsh|fish",
    .summary = "write a shell's completion of this command line",
    .options_size = 0,
    .least_arguments = 1,
    .most_arguments = 1,
    .failure_status = 1,
    .run = completion,
};
