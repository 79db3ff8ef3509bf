/* Where a container's dynamic linker would find libraries: ld.so(8), on trees made by hand. */

#include "runtime_help.h"

#include <elf.h>
#include <malloc.h>

#include "namespaces/mount/plan.h"
#include "runtime/libraries.h"

/* One page: headers, then the dynamic table, then its strings; addresses are offsets. */
struct image {
    Elf64_Ehdr header;
    Elf64_Phdr parts[3];
    Elf64_Dyn dynamic[16];
    char strings[1024];
};

struct recipe {
    uint16_t machine; /* 0: x86-64 */
    const char *interpreter;
    const char *needed[4];
    const char *rpath;
    const char *runpath;
};

static uint64_t add_string(struct image *image, size_t *used, const char *string)
{
    uint64_t at = *used;

    strcpy(image->strings + at, string);
    *used += strlen(string) + 1;
    return at;
}

static void write_elf(const char *path, const struct recipe *recipe)
{
    static const uint64_t strings = offsetof(struct image, strings);
    struct image image = {
        .header = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64,
                               __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB
                                                                         : ELFDATA2MSB},
                   .e_machine = recipe->machine != 0 ? recipe->machine : EM_X86_64,
                   .e_phoff = offsetof(struct image, parts),
                   .e_phnum = 3},
        .parts = {{.p_type = PT_LOAD, .p_filesz = sizeof image},
                   {.p_type = PT_DYNAMIC,
                   .p_offset = offsetof(struct image, dynamic),
                   .p_filesz = sizeof image.dynamic}                                                   },
    };
    size_t used = 1, count = 0;
    FILE *file = fopen(path, "w");

    image.dynamic[count++] = (Elf64_Dyn){DT_STRTAB, {strings}};
    for (size_t i = 0; i < 4 && recipe->needed[i] != NULL; i++)
        image.dynamic[count++] = (Elf64_Dyn){DT_NEEDED,
                                             {add_string(&image, &used, recipe->needed[i])}};
    if (recipe->rpath != NULL)
        image.dynamic[count++] = (Elf64_Dyn){DT_RPATH, {add_string(&image, &used, recipe->rpath)}};
    if (recipe->runpath != NULL)
        image.dynamic[count++] = (Elf64_Dyn){DT_RUNPATH,
                                             {add_string(&image, &used, recipe->runpath)}};
    if (recipe->interpreter != NULL)
        image.parts[2] = (Elf64_Phdr){.p_type = PT_INTERP,
                                      .p_offset = strings +
                                                  add_string(&image, &used, recipe->interpreter)};
    cr_assert_not_null(file);
    cr_assert_eq(fwrite(&image, sizeof image, 1, file), 1);
    fclose(file);
}

/* A root with directories for everything, and a program in /opt/bin. */
struct tree {
    struct arena arena;
    const char *directory;
    int root;
};

static const char *in_tree(struct tree *tree, const char *path)
{
    return arena_print(&tree->arena, "%s%s", tree->directory, path);
}

static void tree_init(struct tree *tree, const char *directory)
{
    static const char *const directories[] = {"/lib", "/usr", "/usr/lib", "/lib64",  "/opt",
                                              "/etc", "/own", "/opt/bin", "/opt/lib"};

    *tree = (struct tree){.directory = directory};
    for (size_t i = 0; i < count_of(directories); i++)
        cr_assert_eq(mkdir(in_tree(tree, directories[i]), 0755), 0);
    tree->root = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    cr_assert(tree->root >= 0);
}

static void tree_done(struct tree *tree)
{
    close(tree->root);
    arena_free(&tree->arena);
}

static void library(struct tree *tree, const char *path, struct recipe recipe)
{
    write_elf(in_tree(tree, path), &recipe);
}

/* "NAME by WHO", or "" when nothing is missing to the program that is there. */
static const char *missing_to_program(struct tree *tree, const struct container_view *view,
                                      const char *library_path)
{
    struct missing_library found;
    struct elf_file file;
    struct error err;
    int fd = open(in_tree(tree, "/opt/bin/program"), O_RDONLY | O_CLOEXEC);

    must(elf_file_read(fd, &tree->arena, &file, &err));
    close(fd);
    if (file.interpreter == NULL)
        file.interpreter = "/lib64/ld-linux-x86-64.so.2";

    const struct libraries_request request = {view, "/opt/bin/program", &file, library_path,
                                              &tree->arena};

    must(libraries_find_missing(&request, &found, &err));
    if (found.name == NULL)
        return "";
    return arena_print(&tree->arena, "%s by %s%s", found.name, found.needed_by,
                       found.is_broken ? ", broken" : "");
}

static const char *missing(struct tree *tree, struct recipe recipe, const char *library_path)
{
    const struct container_view view = {.root = tree->root};

    write_elf(in_tree(tree, "/opt/bin/program"), &recipe);
    return missing_to_program(tree, &view, library_path);
}

/* A file with `count` entries of one kind; their strings are "n", the entry's number with that many
 * digits, and ".so". */
static void write_wide(const char *path, int64_t tag, size_t count, int width)
{
    const size_t table = sizeof(Elf64_Ehdr) + 2 * sizeof(Elf64_Phdr);
    const size_t strings = table + (count + 2) * sizeof(Elf64_Dyn);
    const size_t room = (size_t)width + sizeof "n.so";
    const Elf64_Ehdr header = {
        .e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64,
                    __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB},
        .e_machine = EM_X86_64,
        .e_phoff = sizeof header,
        .e_phnum = 2
    };
    const Elf64_Phdr parts[2] = {
        {.p_type = PT_LOAD,    .p_filesz = strings + count * room},
        {.p_type = PT_DYNAMIC, .p_offset = table                 }
    };
    FILE *file = fopen(path, "w");

    cr_assert_not_null(file);
    fwrite(&header, sizeof header, 1, file);
    fwrite(parts, sizeof parts, 1, file);
    fwrite(&(Elf64_Dyn){DT_STRTAB, {strings}}, sizeof(Elf64_Dyn), 1, file);
    for (size_t i = 0; i < count; i++)
        fwrite(&(Elf64_Dyn){tag, {i * room}}, sizeof(Elf64_Dyn), 1, file);
    fwrite(&(Elf64_Dyn){DT_NULL, {0}}, sizeof(Elf64_Dyn), 1, file);
    for (size_t i = 0; i < count; i++)
        fprintf(file, "n%0*zu.so%c", width, i, '\0');
    fclose(file);
}

#define own_tree(name)                                    \
    own_directory(name##_directory);                      \
    __attribute__((cleanup(tree_done))) struct tree name; \
    tree_init(&name, name##_directory)

Test(libraries, are_in_the_directories_that_are_built_in)
{
    own_tree(tree);

    cr_expect_str_eq(missing(&tree, (struct recipe){.needed = {"liba.so"}}, NULL),
                     "liba.so by /opt/bin/program");
    library(&tree, "/usr/lib/liba.so", (struct recipe){0});
    cr_expect_str_eq(missing(&tree, (struct recipe){.needed = {"liba.so"}}, NULL), "");
}

Test(libraries, have_libraries_of_their_own)
{
    own_tree(tree);

    library(&tree, "/lib/liba.so",
            (struct recipe){
                .needed = {"libb.so", "libc.so.6"}
    });
    library(&tree, "/lib/libc.so.6", (struct recipe){.needed = {"ld-linux-x86-64.so.2"}});
    cr_expect_str_eq(missing(&tree, (struct recipe){.needed = {"liba.so"}}, NULL),
                     "libb.so by /lib/liba.so");
    /* They may need each other. */
    library(&tree, "/lib/libb.so", (struct recipe){.needed = {"liba.so"}});
    cr_expect_str_eq(missing(&tree, (struct recipe){.needed = {"liba.so"}}, NULL), "");
}

Test(libraries, are_where_the_program_says)
{
    static const struct recipe cases[] = {
        {.needed = {"liba.so"},     .runpath = "/own"},
        {.needed = {"liba.so"},                         .rpath = "/nowhere:/own"},
        {.needed = {"liba.so"},.runpath = "$ORIGIN/../../own"},
        {.needed = {"liba.so"},     .rpath = "${ORIGIN}/../../own"},
        {.needed = {"/own/liba.so"}                        },
    };
    own_tree(tree);

    library(&tree, "/own/liba.so", (struct recipe){0});
    for (size_t i = 0; i < count_of(cases); i++)
        cr_expect_str_eq(missing(&tree, cases[i], NULL), "", "case %zu", i);
    cr_expect_str_eq(missing(&tree, (struct recipe){.needed = {"liba.so"}}, "/nowhere:/own"), "");
    cr_expect_str_neq(missing(&tree, (struct recipe){.needed = {"liba.so"}}, "/nowhere"), "");
}

/* DT_RPATH is for what is below, too; DT_RUNPATH is not, and takes DT_RPATH away. */
Test(libraries, of_libraries_are_along_rpath_but_not_runpath)
{
    own_tree(tree);

    library(&tree, "/own/liba.so", (struct recipe){.needed = {"libb.so"}});
    library(&tree, "/own/libb.so", (struct recipe){0});
    cr_expect_str_eq(missing(&tree, (struct recipe){.needed = {"liba.so"}, .rpath = "/own"}, NULL),
                     "");
    cr_expect_str_eq(
        missing(&tree, (struct recipe){.needed = {"liba.so"}, .runpath = "/own"}, NULL),
        "libb.so by /own/liba.so");
    cr_expect_str_eq(
        missing(&tree,
                (struct recipe){.needed = {"liba.so"}, .rpath = "/own", .runpath = "/nowhere"},
                NULL),
        "liba.so by /opt/bin/program");
}

Test(libraries, of_another_machine_are_passed_by)
{
    own_tree(tree);

    library(&tree, "/lib64/liba.so", (struct recipe){.machine = EM_AARCH64});
    cr_expect_str_eq(missing(&tree, (struct recipe){.needed = {"liba.so"}}, NULL),
                     "liba.so by /opt/bin/program");
    library(&tree, "/usr/lib/liba.so", (struct recipe){0});
    cr_expect_str_eq(missing(&tree, (struct recipe){.needed = {"liba.so"}}, NULL), "");
}

Test(libraries, that_are_no_libraries_end_the_search)
{
    own_tree(tree);

    put_file(in_tree(&tree, "/lib64/liba.so"), "text", 0644);
    library(&tree, "/usr/lib/liba.so", (struct recipe){0});
    cr_expect_str_eq(missing(&tree, (struct recipe){.needed = {"liba.so"}}, NULL),
                     "liba.so by /opt/bin/program, broken");
}

/* What only the machine, or the working directory, could tell. */
Test(libraries, that_cannot_be_known_are_not_missing)
{
    static const struct recipe cases[] = {
        {.needed = {"liba.so"},                  .runpath = "/own/$PLATFORM"},
        {.needed = {"liba.so"},                  .runpath = "below"         },
        {.needed = {"below/liba.so"}           },
        {.needed = {"liba.so"}, .interpreter = "/system/bin/linker64"                           },
    };
    own_tree(tree);

    for (size_t i = 0; i < count_of(cases); i++)
        cr_expect_str_eq(missing(&tree, cases[i], NULL), "", "case %zu", i);
}

Test(libraries, of_musl_are_where_its_file_says)
{
    static const char musl[] = "/lib/ld-musl-x86_64.so.1";
    own_tree(tree);
    const struct recipe recipe = {
        .interpreter = musl, .needed = {"libc.musl-x86_64.so.1", "libpthread.so.0", "liba.so"}
    };

    cr_expect_str_eq(missing(&tree, recipe, NULL), "liba.so by /opt/bin/program");
    library(&tree, "/own/liba.so", (struct recipe){0});
    put_file(in_tree(&tree, "/etc/ld-musl-x86_64.path"), "/nowhere\n/own\n", 0644);
    cr_expect_str_eq(missing(&tree, recipe, NULL), "");
}

/* DT_RPATH of a library is for what its libraries need, too. */
Test(libraries, of_libraries_are_along_the_rpath_of_all_that_led_to_them)
{
    own_tree(tree);
    const struct recipe program = {.needed = {"liba.so"}, .runpath = "/own"};

    library(&tree, "/own/liba.so", (struct recipe){.needed = {"libb.so"}, .rpath = "/opt/lib"});
    library(&tree, "/opt/lib/libb.so", (struct recipe){.needed = {"libc2.so"}});
    library(&tree, "/opt/lib/libc2.so", (struct recipe){0});
    cr_expect_str_eq(missing(&tree, program, NULL), "");
    library(&tree, "/opt/lib/libb.so",
            (struct recipe){.needed = {"libc2.so"}, .runpath = "/nowhere"});
    cr_expect_str_eq(missing(&tree, program, NULL), "libc2.so by /opt/lib/libb.so");
}

Test(libraries, of_musl_are_along_runpaths_too)
{
    own_tree(tree);
    const struct recipe program = {
        .interpreter = "/lib/ld-musl-x86_64.so.1", .needed = {"liba.so"}, .runpath = "/own"};

    library(&tree, "/own/liba.so", (struct recipe){.needed = {"libb.so"}});
    library(&tree, "/own/libb.so", (struct recipe){0});
    cr_expect_str_eq(missing(&tree, program, NULL), "");
}

/* The list is beside the directory that the linker is in. */
Test(libraries, of_musl_below_a_prefix_are_where_its_file_there_says)
{
    own_tree(tree);
    const struct recipe program = {.interpreter = "/usr/lib/ld-musl-x86_64.so.1",
                                   .needed = {"liba.so"}};

    library(&tree, "/own/liba.so", (struct recipe){0});
    cr_assert_eq(mkdir(in_tree(&tree, "/usr/etc"), 0755), 0);
    put_file(in_tree(&tree, "/etc/ld-musl-x86_64.path"), "/own\n", 0644);
    cr_expect_str_neq(missing(&tree, program, NULL), "");
    put_file(in_tree(&tree, "/usr/etc/ld-musl-x86_64.path"), "/own\n", 0644);
    cr_expect_str_eq(missing(&tree, program, NULL), "");
}

/* Nix, Guix, and what people build in /opt: also by a link from where everybody looks. */
Test(libraries, of_a_linker_of_another_prefix_cannot_be_known)
{
    own_tree(tree);
    struct recipe program = {.interpreter = "/opt/lib/ld-linux-x86-64.so.2", .needed = {"liba.so"}};

    cr_expect_str_eq(missing(&tree, program, NULL), "");
    library(&tree, "/opt/lib/ld-linux-x86-64.so.2", (struct recipe){0});
    program.interpreter = "/lib64/ld-linux-x86-64.so.2";
    cr_expect_str_neq(missing(&tree, program, NULL), "");
    cr_assert_eq(
        symlink("/opt/lib/ld-linux-x86-64.so.2", in_tree(&tree, "/lib64/ld-linux-x86-64.so.2")), 0);
    cr_expect_str_eq(missing(&tree, program, NULL), "");
}

/* Where the cache, or musl's list, is out of sight. */
Test(libraries, that_a_hidden_list_may_lead_to_are_not_missing)
{
    static const char *const linkers[] = {"/lib64/ld-linux-x86-64.so.2",
                                          "/lib/ld-musl-x86_64.so.1"};
    own_tree(tree);
    struct planned_mount hidden = {.kind = MOUNT_KIND_OVERLAY, .destination = "/etc"};
    const struct mount_plan plan = {.mounts = &hidden, .mount_count = 1};
    const struct container_view plain = {.root = tree.root};
    struct container_view view = plain;
    struct error err;

    must(container_view_add_mounts(&view, &plan, &tree.arena, &err));
    for (size_t i = 0; i < count_of(linkers); i++) {
        const struct recipe recipe = {.needed = {"liba.so"}, .interpreter = linkers[i]};

        write_elf(in_tree(&tree, "/opt/bin/program"), &recipe);
        cr_expect_str_neq(missing_to_program(&tree, &plain, NULL), "");
        cr_expect_str_eq(missing_to_program(&tree, &view, NULL), "");
    }
}

/* --- how much ----------------------------------------------------------------------------------
 */

/* One file of many names is one library: there is room for more. */
Test(libraries, of_many_names_are_read_once)
{
    enum { NAMES = 700 };
    own_tree(tree);
    const struct container_view view = {.root = tree.root};

    write_wide(in_tree(&tree, "/opt/bin/program"), DT_NEEDED, NAMES + 1, 4);
    library(&tree, "/lib64/file", (struct recipe){0});
    for (int i = 0; i < NAMES; i++)
        cr_assert_eq(link(in_tree(&tree, "/lib64/file"),
                          in_tree(&tree, arena_print(&tree.arena, "/lib64/n%04d.so", i))),
                     0);
    cr_expect_str_eq(missing_to_program(&tree, &view, NULL), "n0700.so by /opt/bin/program");
}

/* A chain that is longer than any honest one is not followed to its end. */
Test(libraries, beyond_measure_are_not_looked_for)
{
    own_tree(tree);

    for (int i = 0; i < 600; i++)
        library(&tree, arena_print(&tree.arena, "/lib64/n%d.so", i),
                (struct recipe){.needed = {arena_print(&tree.arena, "n%d.so", i + 1)}});
    cr_expect_str_eq(missing(&tree, (struct recipe){.needed = {"n200.so"}}, NULL),
                     "n600.so by /lib64/n599.so");
    cr_expect_str_eq(missing(&tree, (struct recipe){.needed = {"n0.so"}}, NULL), "");
}

/* Whatever a file repeats, little of it is kept. */
Test(elf_file, that_says_much_costs_little)
{
    static const int64_t tags[] = {DT_RPATH, DT_RUNPATH, DT_NEEDED};
    own_tree(tree);

    for (size_t i = 0; i < count_of(tags); i++) {
        autoarena struct arena arena = {0};
        const char *path = in_tree(&tree, "/file");
        struct elf_file file = {0};
        struct error err;
        size_t before;
        int fd;

        write_wide(path, tags[i], 1000, 4000);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        before = mallinfo2().uordblks + mallinfo2().hblkhd;
        must(elf_file_read(fd, &arena, &file, &err));
        cr_expect_lt(mallinfo2().uordblks + mallinfo2().hblkhd - before, 256 * 1024);
        cr_expect_eq(file.is_cut, tags[i] == DT_NEEDED);
        if (tags[i] == DT_RUNPATH)
            cr_expect_not_null(strstr(file.runpath, "0999.so"), "the last one counts");
        close(fd);
    }
}

/* --- the cache -------------------------------------------------------------------------------- */

struct cache {
    char magic[20];
    uint32_t count, length, unused[5];
    struct {
        int32_t flags;
        uint32_t key, value, os_version;
        uint64_t hwcap;
    } entries[1];
    char strings[64];
};

static const struct cache sound = {
    .magic = "glibc-ld.so.cache1.1",
    .count = 1,
    .entries = {{.key = offsetof(struct cache, strings),
                 .value = offsetof(struct cache, strings) + 8}},
    .strings = "liba.so\0/own/liba.so",
};

static void write_cache(struct tree *tree, const char *front, size_t front_length,
                        const struct cache *cache)
{
    FILE *file = fopen(in_tree(tree, "/etc/ld.so.cache"), "w");

    cr_assert_not_null(file);
    cr_assert_eq(fwrite(front, 1, front_length, file), front_length);
    cr_assert_eq(fwrite(cache, 1, sizeof *cache, file), sizeof *cache);
    fclose(file);
}

Test(libraries, are_in_the_cache)
{
    static const char old_format[32] = "ld.so-1.7.0\0\1"; /* one entry, and up to eight bytes */
    own_tree(tree);

    library(&tree, "/own/liba.so", (struct recipe){0});
    write_cache(&tree, "", 0, &sound);
    cr_expect_str_eq(missing(&tree, (struct recipe){.needed = {"liba.so"}}, NULL), "");
    write_cache(&tree, old_format, sizeof old_format, &sound);
    cr_expect_str_eq(missing(&tree, (struct recipe){.needed = {"liba.so"}}, NULL), "");
    cr_expect_str_neq(missing(&tree, (struct recipe){.needed = {"liba"}}, NULL), "");
}

/* It is the container's, whatever is in it. */
Test(libraries, do_not_come_out_of_a_broken_cache)
{
    own_tree(tree);

    library(&tree, "/own/liba.so", (struct recipe){0});
    for (int i = 0; i < 4; i++) {
        struct cache broken = sound;

        if (i == 0)
            broken.entries[0].key = UINT32_MAX;
        else if (i == 1)
            broken.entries[0].value = sizeof broken;
        else if (i == 2)
            broken.magic[0] = 'x';
        else
            broken.count = 0;
        write_cache(&tree, "", 0, &broken);
        cr_expect_str_eq(missing(&tree, (struct recipe){.needed = {"liba.so"}}, NULL),
                         "liba.so by /opt/bin/program", "case %d", i);
    }
    struct cache many = sound;

    many.count = UINT32_MAX;
    write_cache(&tree, "", 0, &many);
    cr_expect_str_neq(missing(&tree, (struct recipe){.needed = {"libb.so"}}, NULL), "");
}

/* --- files that are anybody's ------------------------------------------------------------------
 */

Test(elf_file, that_is_cut_anywhere_does_no_harm)
{
    own_tree(tree);
    const char *path = in_tree(&tree, "/file");
    const struct recipe recipe = {
        .interpreter = "/lib64/ld.so", .needed = {"liba.so", "libb.so"},
             .rpath = "/own"
    };

    write_elf(path, &recipe);
    for (off_t length = sizeof(struct image); length >= 0; length -= 7) {
        struct elf_file file = {0};
        struct error err;
        int fd = open(path, O_RDWR | O_CLOEXEC);

        cr_assert_eq(ftruncate(fd, length), 0);

        int code = elf_file_read(fd, &tree.arena, &file, &err);

        cr_expect(code == 0 || code == -ENOEXEC);
        close(fd);
    }
}

Test(elf_file, with_wild_numbers_does_no_harm)
{
    own_tree(tree);
    const char *path = in_tree(&tree, "/file");
    const struct recipe recipe = {.needed = {"liba.so"}, .rpath = "/own"};

    for (size_t at = 16; at < offsetof(struct image, strings); at += 4) {
        struct elf_file file = {0};
        struct error err;
        int fd;

        write_elf(path, &recipe);
        fd = open(path, O_RDWR | O_CLOEXEC);
        cr_assert_eq(pwrite(fd, "\xff\xff\xff\xff", 4, (off_t)at), 4);

        int code = elf_file_read(fd, &tree.arena, &file, &err);

        cr_expect(code == 0 || code == -ENOEXEC);
        close(fd);
    }
}
