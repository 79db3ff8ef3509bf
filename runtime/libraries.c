#include "runtime/libraries.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/own.h"
#include "base/text.h"

/* The files are anybody's, and so is how much there is to do for them.  Beyond these, several times
 * what large programs need, nothing is known. */
enum {
    OBJECTS_MOST = 512,
    LOOKUPS_MOST = 1024, /* each goes through the cache */
    TRIES_MOST = 32768,  /* paths */
    READS_MOST = 2048,   /* files */
    CACHE_MOST = 4 * 1024 * 1024,
};

/* Something loaded: the program, then its libraries in the order in which they are met. */
struct object {
    const char *path;
    const char *name; /* as it is asked for */
    size_t asker;     /* by which object; the program by itself */
    dev_t device;     /* a file that has several names is loaded once */
    ino_t inode;
    struct elf_file file;
};

struct search {
    const struct libraries_request *request;
    struct object *objects;
    size_t count;
    size_t lookups, tries, reads;
    size_t asker; /* who needs what is being looked for */
    bool is_musl;
    bool has_hidden_ways; /* a list of directories, or the cache, that cannot be read */
    const char *defaults; /* directories, with colons */
    const char *cache;    /* /etc/ld.so.cache from its header on, or NULL */
    size_t cache_length;
};

/* --- where it looks --------------------------------------------------------------------------- */

/* Directories that glibc is built with: Debian's for the machine, and everybody else's. */
static const struct {
    uint16_t machine;
    unsigned char class;
    const char *directories;
} glibc_defaults[] = {
  /* clang-format off */
    {EM_X86_64,  ELFCLASS64, "/lib/x86_64-linux-gnu:/usr/lib/x86_64-linux-gnu:/lib64:/usr/lib64:/lib:/usr/lib"},
    {EM_X86_64,  ELFCLASS32, "/lib/x86_64-linux-gnux32:/usr/lib/x86_64-linux-gnux32:/libx32:/usr/libx32"},
    {EM_386,     ELFCLASS32, "/lib/i386-linux-gnu:/usr/lib/i386-linux-gnu:/lib32:/usr/lib32:/lib:/usr/lib"},
    {EM_AARCH64, ELFCLASS64, "/lib/aarch64-linux-gnu:/usr/lib/aarch64-linux-gnu:/lib64:/usr/lib64:/lib:/usr/lib"},
    {EM_ARM,     ELFCLASS32, "/lib/arm-linux-gnueabihf:/usr/lib/arm-linux-gnueabihf:/lib/arm-linux-gnueabi:/usr/lib/arm-linux-gnueabi:/lib:/usr/lib"},
    {EM_PPC64,   ELFCLASS64, "/lib/powerpc64le-linux-gnu:/usr/lib/powerpc64le-linux-gnu:/lib64:/usr/lib64:/lib:/usr/lib"},
    {EM_S390,    ELFCLASS64, "/lib/s390x-linux-gnu:/usr/lib/s390x-linux-gnu:/lib64:/usr/lib64:/lib:/usr/lib"},
    {EM_RISCV,   ELFCLASS64, "/lib/riscv64-linux-gnu:/usr/lib/riscv64-linux-gnu:/lib64/lp64d:/usr/lib64/lp64d:/lib64:/usr/lib64:/lib:/usr/lib"},
  /* clang-format on */
};

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}

static int read_text(const struct search *search, const char *path, char **ret, size_t *ret_length)
{
    char again[64];
    struct error ignored;
    autoclose int fd = -1;
    int code = container_view_open_file(search->request->view, path, &fd, NULL);

    if (code != 0)
        return code;
    snprintf(again, sizeof again, "/proc/self/fd/%d", fd);
    return read_file(AT_FDCWD, again, CACHE_MOST, search->request->arena, ret, ret_length,
                     &ignored);
}

/* One of the files that tell of more ways; false when it is not there. */
static bool read_ways(struct search *search, const char *path, char **ret, size_t *ret_length)
{
    int code = read_text(search, path, ret, ret_length);

    search->has_hidden_ways |= code != 0 && code != -ENOENT && code != -ENOTDIR;
    return code == 0;
}

/* musl's own list: directories with colons or line breaks, in a file called after the linker, in
 * the etc beside its lib. */
static void choose_musl_defaults(struct search *search, const char *interpreter)
{
    const char *name = base_name(interpreter);
    int prefix = (int)(name - interpreter) - 1; /* to the slash; then to the one before it */
    char path[PATH_MAX + sizeof "/etc/.path"];
    char *list;

    while (prefix > 0 && interpreter[prefix - 1] != '/')
        prefix--;
    search->is_musl = true;
    search->defaults = "/lib:/usr/local/lib:/usr/lib";
    snprintf(path, sizeof path, "%.*setc/%.*s.path", prefix, interpreter, (int)strcspn(name, "."),
             name);
    if (!read_ways(search, path, &list, NULL))
        return;
    for (char *at = list; *at != '\0'; at++)
        *at = *at == '\n' ? ':' : *at;
    search->defaults = list;
}

/* Other prefixes (Nix, Guix, /opt) have other directories built in, and a cache of their own; a
 * link may lead there. */
static bool is_in_usual_place(const struct search *search, const char *interpreter)
{
    char real[PATH_MAX];
    autoclose int fd = -1;

    if (container_view_open(search->request->view, interpreter, &fd, real) == 0)
        interpreter = real;
    return starts_with(interpreter, "/lib") || starts_with(interpreter, "/usr/lib");
}

/* False: a linker whose ways we do not know. */
static bool choose_defaults(struct search *search)
{
    const struct elf_file *file = &search->objects[0].file;
    const char *name = base_name(file->interpreter);

    if (!is_in_usual_place(search, file->interpreter))
        return false;

    if (starts_with(name, "ld-musl-") && name - file->interpreter > 1) {
        choose_musl_defaults(search, file->interpreter);
        return true;
    }
    for (size_t i = 0; i < count_of(glibc_defaults); i++) {
        if (glibc_defaults[i].machine == file->machine && glibc_defaults[i].class == file->class)
            search->defaults = glibc_defaults[i].directories;
    }
    return search->defaults != NULL && (starts_with(name, "ld-linux") ||
                                        starts_with(name, "ld64.so") || starts_with(name, "ld.so"));
}

/* --- glibc's cache ---------------------------------------------------------------------------- */

/* glibc, sysdeps/generic/dl-cache.h: the format of 2.2 and later; all of the container's doing. */
struct cache_header {
    char magic[20];
    uint32_t count;
    uint32_t strings_length;
    uint32_t unused[5];
};

struct cache_entry {
    int32_t flags;
    uint32_t key; /* offsets of strings, from the header on */
    uint32_t value;
    uint32_t os_version;
    uint64_t hwcap;
};

static const char cache_magic[] = "glibc-ld.so.cache1.1";

/* The file may begin with the older format, for older programs: 16 bytes, then 12 an entry. */
static void read_cache(struct search *search)
{
    static const char old_magic[] = "ld.so-1.7.0";
    size_t length = 0, begin = 0;
    uint32_t old_count;
    char *text;

    if (!read_ways(search, "/etc/ld.so.cache", &text, &length))
        return;
    if (length >= 16 && memcmp(text, old_magic, sizeof old_magic - 1) == 0) {
        memcpy(&old_count, text + 12, sizeof old_count);
        begin = (16 + (size_t)old_count * 12 + 7) & ~(size_t)7;
    }
    if (begin > length || length - begin < sizeof(struct cache_header) ||
        memcmp(text + begin, cache_magic, sizeof cache_magic - 1) != 0)
        return;
    search->cache = text + begin;
    search->cache_length = length - begin;
}

/* NULL: outside, or without an end (the text has a NUL behind it, so that it always has one). */
static const char *cache_string(const struct search *search, uint32_t offset)
{
    return offset < search->cache_length ? search->cache + offset : NULL;
}

/* --- looking ---------------------------------------------------------------------------------- */

enum found { FOUND_NOT, FOUND, FOUND_HIDDEN, FOUND_BROKEN, FOUND_TOO_MUCH, FOUND_NO_MEMORY };

static bool is_known(const struct search *search, const struct stat *status)
{
    for (size_t i = 0; i < search->count; i++) {
        if (search->objects[i].device == status->st_dev &&
            search->objects[i].inode == status->st_ino)
            return true;
    }
    return false;
}

/* A file of another kind of machine is passed by, as ld.so does; at one that is no ELF file at all
 * it gives up. */
static enum found read_object(struct search *search, int fd, struct object *object)
{
    const struct elf_file *program = &search->objects[0].file;
    struct error ignored;
    int code;

    if (++search->reads > READS_MOST)
        return FOUND_TOO_MUCH;
    code = elf_file_read(fd, search->request->arena, &object->file, &ignored);
    if (code < 0)
        return code == -ENOMEM ? FOUND_NO_MEMORY : FOUND_BROKEN;
    if (object->file.machine != program->machine || object->file.class != program->class)
        return FOUND_NOT;
    return object->file.is_cut ? FOUND_TOO_MUCH : FOUND;
}

static enum found add_object(struct search *search, struct object *object, const char *path)
{
    if (search->count == OBJECTS_MOST)
        return FOUND_TOO_MUCH;
    object->path = arena_string(search->request->arena, path);
    if (object->path == NULL)
        return FOUND_NO_MEMORY;
    search->objects[search->count++] = *object;
    return FOUND;
}

static enum found try_file(struct search *search, const char *name, const char *path)
{
    struct object object = {.name = name, .asker = search->asker};
    struct stat status;
    enum found found;
    autoclose int fd = -1;
    int code;

    if (++search->tries > TRIES_MOST)
        return FOUND_TOO_MUCH;
    code = container_view_open_file(search->request->view, path, &fd, NULL);
    if (code == CONTAINER_VIEW_HIDDEN)
        return FOUND_HIDDEN;
    if (code < 0 || fstat(fd, &status) < 0)
        return FOUND_NOT;
    if (is_known(search, &status))
        return FOUND;
    object.device = status.st_dev;
    object.inode = status.st_ino;
    found = read_object(search, fd, &object);
    return found == FOUND ? add_object(search, &object, path) : found;
}

/* $ORIGIN at the start of a directory; other tokens name what only the machine knows. */
static int expand(char *ret, size_t size, const char *directory, size_t length, const char *origin)
{
    static const char *const tokens[] = {"$ORIGIN", "${ORIGIN}"};
    int at = (int)strlen(origin) - (int)strlen(base_name(origin));

    for (size_t i = 0; i < count_of(tokens); i++) {
        size_t token = strlen(tokens[i]);

        if (length >= token && strncmp(directory, tokens[i], token) == 0)
            return snprintf(ret, size, "%.*s/%.*s", at, origin, (int)(length - token),
                            directory + token) < (int)size
                       ? 0
                       : -ENAMETOOLONG;
    }
    if (memchr(directory, '$', length) != NULL)
        return CONTAINER_VIEW_HIDDEN;
    return snprintf(ret, size, "%.*s", (int)length, directory) < (int)size ? 0 : -ENAMETOOLONG;
}

static enum found try_directory(struct search *search, const char *name, const char *directory,
                                size_t length, const char *origin)
{
    char expanded[PATH_MAX];
    char path[PATH_MAX + NAME_MAX];
    int code = expand(expanded, sizeof expanded, directory, length, origin);

    if (code != 0)
        return code < 0 ? FOUND_NOT : FOUND_HIDDEN;
    /* The working directory, or below it: out of our sight. */
    if (*expanded != '/')
        return FOUND_HIDDEN;
    if (snprintf(path, sizeof path, "%s/%s", expanded, name) >= (int)sizeof path)
        return FOUND_NOT;
    return try_file(search, name, path);
}

static enum found try_list(struct search *search, const char *name, const char *list,
                           const char *separators, const char *origin)
{
    while (list != NULL && *list != '\0') {
        size_t length = strcspn(list, separators);
        enum found found = length == 0 ? FOUND_NOT
                                       : try_directory(search, name, list, length, origin);

        if (found != FOUND_NOT)
            return found;
        list += length;
        list += *list != '\0';
    }
    return FOUND_NOT;
}

static enum found try_cache(struct search *search, const char *name)
{
    struct cache_header header;
    struct cache_entry entry;

    if (search->cache == NULL)
        return FOUND_NOT;
    memcpy(&header, search->cache, sizeof header);
    for (size_t i = 0; i < header.count; i++) {
        size_t at = sizeof header + i * sizeof entry;
        const char *key, *value;

        if (at + sizeof entry > search->cache_length)
            break;
        memcpy(&entry, search->cache + at, sizeof entry);
        key = cache_string(search, entry.key);
        value = cache_string(search, entry.value);
        if (key == NULL || value == NULL || strcmp(key, name) != 0)
            continue;

        enum found found = *value == '/' ? try_file(search, name, value) : FOUND_NOT;

        if (found != FOUND_NOT)
            return found;
    }
    return FOUND_NOT;
}

/* Who asks, who asked for that one, and so on, to the program. */
#define for_each_asker(by)                                                                    \
    for (const struct object *by = &search->objects[search->asker], *last = NULL; by != last; \
         last = by, by = &search->objects[by->asker])

/* musl: either of DT_RPATH and DT_RUNPATH, of everybody up to the program. */
static enum found try_musl_paths(struct search *search, const char *name)
{
    enum found found = FOUND_NOT;

    for_each_asker(by)
    {
        const char *list = by->file.runpath != NULL ? by->file.runpath : by->file.rpath;

        if (found == FOUND_NOT)
            found = try_list(search, name, list, ":", by->path);
    }
    return found;
}

/* ld.so(8): unless who asks has a DT_RUNPATH, DT_RPATH of everybody up to the program, where it is
 * not put out of force by a DT_RUNPATH beside it. */
static enum found try_rpaths(struct search *search, const char *name)
{
    enum found found = FOUND_NOT;

    if (search->objects[search->asker].file.runpath != NULL)
        return FOUND_NOT;
    for_each_asker(by)
    {
        if (found == FOUND_NOT && by->file.runpath == NULL)
            found = try_list(search, name, by->file.rpath, ":", by->path);
    }
    return found;
}

/* ld.so(8): DT_RPATH; LD_LIBRARY_PATH; DT_RUNPATH; the cache; the directories built in. */
static enum found look_along_ways(struct search *search, const char *name)
{
    const struct object by = search->objects[search->asker];
    const char *program = search->objects[0].path;
    enum found found;

    if ((found = search->is_musl ? try_musl_paths(search, name) : try_rpaths(search, name)) !=
            FOUND_NOT ||
        (found = try_list(search, name, search->request->library_path, ":;", program)) !=
            FOUND_NOT ||
        (found = try_list(search, name, by.file.runpath, ":", by.path)) != FOUND_NOT ||
        (found = try_cache(search, name)) != FOUND_NOT)
        return found;
    found = try_list(search, name, search->defaults, ":", program);
    return found == FOUND_NOT && search->has_hidden_ways ? FOUND_HIDDEN : found;
}

static enum found look_for(struct search *search, const char *name)
{
    if (++search->lookups > LOOKUPS_MOST)
        return FOUND_TOO_MUCH;
    if (strchr(name, '/') != NULL)
        return *name == '/' ? try_file(search, name, name) : FOUND_HIDDEN;
    return strlen(name) > NAME_MAX ? FOUND_NOT : look_along_ways(search, name);
}

/* The linker is loaded already; musl's holds the whole C library, under all of its names. */
static bool is_loaded(const struct search *search, const char *name)
{
    static const char *const musl_own[] = {"libc.",  "libpthread.", "librt.",  "libm.",
                                           "libdl.", "libutil.",    "libxnet."};

    for (size_t i = 0; i < search->count; i++) {
        if (strcmp(search->objects[i].name, name) == 0)
            return true;
    }
    for (size_t i = 0; search->is_musl && i < count_of(musl_own); i++) {
        if (starts_with(name, musl_own[i]))
            return true;
    }
    return strcmp(name, base_name(search->objects[0].file.interpreter)) == 0;
}

/* What the asker needs, up to the first that is not to be had. */
static enum found look_for_all(struct search *search, struct missing_library *ret)
{
    const struct string_list needed = search->objects[search->asker].file.needed;

    for (size_t i = 0; i < needed.count; i++) {
        const char *name = needed.items[i];
        enum found found = is_loaded(search, name) ? FOUND : look_for(search, name);

        if (found == FOUND || found == FOUND_HIDDEN)
            continue;
        if (found == FOUND_NOT || found == FOUND_BROKEN)
            *ret = (struct missing_library){name, search->objects[search->asker].path,
                                            found == FOUND_BROKEN};
        return found;
    }
    return FOUND;
}

int libraries_find_missing(const struct libraries_request *request, struct missing_library *ret,
                           struct error *err)
{
    struct search search = {.request = request};
    enum found found = FOUND;

    *ret = (struct missing_library){.name = NULL};
    if (request->file->interpreter == NULL || request->file->is_cut)
        return 0;
    search.objects = arena_zero(request->arena, OBJECTS_MOST, sizeof *search.objects);
    if (search.objects == NULL)
        return no_memory(err);
    search.objects[search.count++] = (struct object){
        .path = request->program, .name = request->program, .file = *request->file};
    if (!choose_defaults(&search))
        return 0;
    if (!search.is_musl)
        read_cache(&search);
    for (; found == FOUND && search.asker < search.count; search.asker++)
        found = look_for_all(&search, ret);
    return found == FOUND_NO_MEMORY ? no_memory(err) : 0;
}
