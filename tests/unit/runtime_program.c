/* Which file process.args[0] names, and why it cannot run: the words that engines look for. */

#include "runtime_help.h"

#include <elf.h>

#include "runtime/program.h"

struct shelf {
    char *first;
    char *second;
    char *path; /* first:second */
};

/* Two directories: `first` has a file that cannot be executed, a directory, and a program that
 * `second` has too. */
static struct shelf stock(struct arena *arena, const char *directory)
{
    struct shelf shelf = {.first = path_in(arena, directory, "first"),
                          .second = path_in(arena, directory, "second")};

    cr_assert_eq(mkdir(shelf.first, 0755), 0);
    cr_assert_eq(mkdir(shelf.second, 0755), 0);
    put_file(path_in(arena, shelf.first, "both"), "#!/bin/sh\n", 0755);
    put_file(path_in(arena, shelf.second, "both"), "#!/bin/sh\n", 0755);
    put_file(path_in(arena, shelf.first, "plain"), "text", 0644);
    put_file(path_in(arena, shelf.second, "only"), "#!/bin/sh\n", 0755);
    put_file(path_in(arena, shelf.first, "shadow"), "text", 0644);
    put_file(path_in(arena, shelf.second, "shadow"), "#!/bin/sh\n", 0755);
    cr_assert_eq(mkdir(path_in(arena, shelf.first, "dir"), 0755), 0);
    cr_assert_eq(mkfifo(path_in(arena, shelf.first, "fifo"), 0755), 0);
    shelf.path = arena_print(arena, "%s:%s", shelf.first, shelf.second);
    return shelf;
}

Test(program, is_the_first_executable_along_the_path)
{
    autoarena struct arena arena = {NULL};
    own_directory(directory);
    struct shelf shelf = stock(&arena, directory);
    struct error err;
    char found[PATH_MAX];

    must(program_find("both", shelf.path, found, sizeof found, &err));
    cr_expect_str_eq(found, path_in(&arena, shelf.first, "both"));
    must(program_find("only", shelf.path, found, sizeof found, &err));
    cr_expect_str_eq(found, path_in(&arena, shelf.second, "only"));
    must(program_find("shadow", shelf.path, found, sizeof found, &err));
    cr_expect_str_eq(found, path_in(&arena, shelf.second, "shadow"),
                     "what cannot run is passed by");
}

Test(program, along_the_path_is_missing_or_denied)
{
    autoarena struct arena arena = {NULL};
    own_directory(directory);
    struct shelf shelf = stock(&arena, directory);
    static const char missing[] = "exec: \"%s\": executable file not found in $PATH";
    struct error err;
    char found[PATH_MAX];

    expect_refused(program_find("foo", shelf.path, found, sizeof found, &err), ENOENT,
                   "exec: \"foo\": executable file not found in $PATH");
    cr_expect_str_eq(err.text, arena_print(&arena, missing, "foo"), "nothing else");
    expect_refused(program_find("foo", "", found, sizeof found, &err), ENOENT,
                   "executable file not found in $PATH");
    expect_refused(program_find("foo", NULL, found, sizeof found, &err), ENOENT,
                   "executable file not found in $PATH");
    expect_refused(program_find("", shelf.path, found, sizeof found, &err), ENOENT,
                   "exec: \"\": executable file not found in $PATH");
    expect_refused(program_find("dir", shelf.path, found, sizeof found, &err), ENOENT,
                   "exec: \"dir\": executable file not found in $PATH");
    expect_refused(program_find("plain", shelf.path, found, sizeof found, &err), EACCES,
                   "exec: \"plain\": permission denied");
    expect_refused(program_find("fifo", shelf.path, found, sizeof found, &err), EACCES,
                   "exec: \"fifo\": permission denied");
}

/* An empty or relative element is the working directory's: whoever writes there would choose. */
Test(program, is_never_found_through_the_working_directory)
{
    static const char *const paths[] = {"", ":", "::", ".", ".:", ":.", "second", "./"};
    autoarena struct arena arena = {NULL};
    own_directory(directory);
    struct shelf shelf = stock(&arena, directory);
    struct error err;
    char found[PATH_MAX];

    cr_assert_eq(chdir(shelf.second), 0);
    for (size_t i = 0; i < count_of(paths); i++)
        cr_expect_eq(program_find("only", paths[i], found, sizeof found, &err), -ENOENT, "\"%s\"",
                     paths[i]);
    must(program_find("only", arena_print(&arena, ":.:%s:", shelf.second), found, sizeof found,
                      &err));
    cr_expect_str_eq(found, path_in(&arena, shelf.second, "only"));
    must(program_find("./only", "", found, sizeof found, &err));
    cr_expect_str_eq(found, "./only", "unless one says so");
    cr_assert_eq(chdir("/"), 0);
}

Test(program, with_a_slash_is_that_file_or_says_why_not)
{
    autoarena struct arena arena = {NULL};
    own_directory(directory);
    struct shelf shelf = stock(&arena, directory);
    struct error err;
    char found[PATH_MAX];
    static const struct {
        const char *name;
        int code;
        const char *text; /* %s: the path */
    } rows[] = {
        {"none",      ENOENT,  "exec: \"%1$s\": stat %1$s: no such file or directory"},
        {"plain",     EACCES,  "exec: \"%1$s\": permission denied"                   },
        {"fifo",      EACCES,  "exec: \"%1$s\": permission denied"                   },
        {"dir",       EISDIR,  "exec: \"%1$s\": is a directory"                      },
        {"plain/sub", ENOTDIR, "exec: \"%1$s\": stat %1$s: not a directory"          },
    };

    must(program_find(path_in(&arena, shelf.first, "both"), NULL, found, sizeof found, &err));
    cr_expect_str_eq(found, path_in(&arena, shelf.first, "both"));
    for (size_t i = 0; i < count_of(rows); i++) {
        char *name = path_in(&arena, shelf.first, rows[i].name);
        char wanted[2 * PATH_MAX];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(wanted, sizeof wanted, rows[i].text, name);
#pragma GCC diagnostic pop
        expect_refused(program_find(name, shelf.path, found, sizeof found, &err), rows[i].code,
                       wanted);
        cr_expect_str_eq(err.text, wanted);
    }
}

Test(program, too_long_to_remember_is_an_error_not_a_shorter_name)
{
    autoarena struct arena arena = {NULL};
    own_directory(directory);
    struct shelf shelf = stock(&arena, directory);
    struct error err;
    char small[8];

    expect_refused(
        program_find(path_in(&arena, shelf.first, "both"), NULL, small, sizeof small, &err),
        ENAMETOOLONG, "file name too long");
    expect_refused(program_find("both", shelf.path, small, sizeof small, &err), ENOENT,
                   "not found in $PATH");
}

/* --- why execve failed ------------------------------------------------------------------------ */

/* What is said about `program` in `root` after execve failed with `code`; the arena's. */
static const char *explained(struct arena *arena, const char *root, const char *program, int code)
{
    autoclose int fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct error err;

    fail(&err, code, "exec: \"%s\"", program);
    cr_expect_eq(program_explain(fd, program, code, &err), -code);
    cr_expect_eq(err.code, code);
    return arena_string(arena, err.text);
}

static void put_bytes(const char *path, const void *bytes, size_t length)
{
    autoclose int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);

    cr_assert_eq(write(fd, bytes, length), (ssize_t)length);
}

static void put_elf(const char *path, const char *interpreter, uint64_t length)
{
    struct {
        Elf64_Ehdr header;
        Elf64_Phdr parts[2];
        char interpreter[64];
    } file = {
        .header = {.e_ident = ELFMAG, .e_phoff = sizeof(Elf64_Ehdr), .e_phnum = 2},
        .parts = {{.p_type = PT_LOAD},
                   {.p_type = PT_INTERP,
                   .p_offset = sizeof(Elf64_Ehdr) + 2 * sizeof(Elf64_Phdr),
                   .p_filesz = length}                           }
    };

    snprintf(file.interpreter, sizeof file.interpreter, "%s", interpreter);
    put_bytes(path, &file, sizeof file);
}

Test(program_explain, names_the_missing_interpreter)
{
    autoarena struct arena arena = {NULL};
    own_directory(root);

    put_file(path_in(&arena, root, "script"), "#! /bin/missing -x\necho\n", 0755);
    cr_expect(strstr(explained(&arena, root, "/script", ENOENT),
                     "(its interpreter \"/bin/missing\" does not exist in the container)") != NULL);
    put_file(path_in(&arena, root, "dos"), "#!/script\r\n", 0755);
    cr_expect(strstr(explained(&arena, root, "/dos", ENOENT), "interpreter") == NULL,
              "what exists is not blamed");
    put_elf(path_in(&arena, root, "program"), "/lib/ld-missing.so", 19);
    cr_expect(strstr(explained(&arena, root, "/program", ENOENT),
                     "(its interpreter \"/lib/ld-missing.so\" does not exist") != NULL);
    put_elf(path_in(&arena, root, "linked"), "/script", 8);
    cr_expect(strstr(explained(&arena, root, "/linked", ENOENT), "interpreter") == NULL);
}

Test(program_explain, tells_what_is_not_a_program)
{
    autoarena struct arena arena = {NULL};
    own_directory(root);

    put_file(path_in(&arena, root, "text"), "echo hello\n", 0755);
    put_file(path_in(&arena, root, "empty"), "", 0755);
    put_elf(path_in(&arena, root, "foreign"), "/x", 3);
    cr_expect(strstr(explained(&arena, root, "/text", ENOEXEC),
                     "(neither a program nor a script that begins with #!)") != NULL);
    cr_expect(strstr(explained(&arena, root, "/empty", ENOEXEC),
                     "(the file is empty, or not a program)") != NULL);
    cr_expect(strstr(explained(&arena, root, "/foreign", ENOEXEC),
                     "(a program for another kind of machine)") != NULL);
}

Test(program_explain, adds_nothing_where_it_knows_nothing)
{
    autoarena struct arena arena = {NULL};
    own_directory(root);

    put_file(path_in(&arena, root, "text"), "echo hello\n", 0755);
    cr_expect_str_eq(explained(&arena, root, "/text", EACCES),
                     "exec: \"/text\": Permission denied");
    cr_expect_str_eq(explained(&arena, root, "/none", ENOENT),
                     "exec: \"/none\": No such file or directory");
}

Test(program_explain, is_not_led_astray_by_a_crafted_program)
{
    static const uint64_t lengths[] = {0, 255, 256, UINT64_MAX, UINT64_C(1) << 63};
    autoarena struct arena arena = {NULL};
    own_directory(root);
    char *file = path_in(&arena, root, "odd");
    Elf64_Ehdr header = {.e_ident = ELFMAG, .e_phoff = UINT64_MAX, .e_phnum = 0xffff};

    for (size_t i = 0; i < count_of(lengths); i++) {
        put_elf(file, "", lengths[i]);
        cr_expect_str_eq(explained(&arena, root, "/odd", ENOENT),
                         "exec: \"/odd\": No such file or directory");
        cr_assert_eq(unlink(file), 0);
    }
    put_bytes(file, &header, sizeof header);
    cr_expect(strstr(explained(&arena, root, "/odd", ENOENT), "interpreter") == NULL);
    cr_assert_eq(unlink(file), 0);
    header.e_phoff = INT64_MAX; /* the second one is beyond what off_t holds */
    put_bytes(file, &header, sizeof header);
    cr_expect(strstr(explained(&arena, root, "/odd", ENOENT), "interpreter") == NULL);
    cr_assert_eq(truncate(file, 5), 0);
    cr_expect(strstr(explained(&arena, root, "/odd", ENOENT), "interpreter") == NULL);
}
