#include "runtime/elf_file.h"

#include <elf.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

/* Ten times what large programs have.  Strings are copied, so all of a file's are limited, too. */
enum {
    PARTS_MOST = 128,
    ENTRIES_MOST = 1024,
    STRING_MOST = 4096,
    STRINGS_MOST = 64 * 1024,
};

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
enum { OWN_ORDER = ELFDATA2LSB };
#else
enum { OWN_ORDER = ELFDATA2MSB };
#endif

/* A file that is being read; 32-bit structs are widened as they come. */
struct reader {
    int fd;
    bool is_64;
    uint64_t parts; /* offset of the program headers */
    size_t part_count;
    struct arena *arena;
};

static bool read_at(const struct reader *reader, uint64_t offset, void *into, size_t size)
{
    /* An offset beyond what off_t holds is negative, and refused. */
    return pread(reader->fd, into, size, (off_t)offset) == (ssize_t)size;
}

static bool read_part(const struct reader *reader, size_t index, Elf64_Phdr *ret)
{
    Elf32_Phdr narrow;

    if (reader->is_64)
        return read_at(reader, reader->parts + index * sizeof *ret, ret, sizeof *ret);
    if (!read_at(reader, reader->parts + index * sizeof narrow, &narrow, sizeof narrow))
        return false;
    *ret = (Elf64_Phdr){
        .p_type = narrow.p_type,
        .p_offset = narrow.p_offset,
        .p_vaddr = narrow.p_vaddr,
        .p_filesz = narrow.p_filesz,
    };
    return true;
}

static bool find_part(const struct reader *reader, uint32_t type, Elf64_Phdr *ret)
{
    for (size_t i = 0; i < reader->part_count; i++) {
        if (!read_part(reader, i, ret))
            return false;
        if (ret->p_type == type)
            return true;
    }
    return false;
}

static bool read_entry(const struct reader *reader, uint64_t table, size_t index, Elf64_Dyn *ret)
{
    Elf32_Dyn narrow;

    if (reader->is_64)
        return read_at(reader, table + index * sizeof *ret, ret, sizeof *ret);
    if (!read_at(reader, table + index * sizeof narrow, &narrow, sizeof narrow))
        return false;
    ret->d_tag = narrow.d_tag;
    ret->d_un.d_val = narrow.d_un.d_val;
    return true;
}

/* Where in the file that address of the program is. */
static bool find_address(const struct reader *reader, uint64_t address, uint64_t *ret)
{
    Elf64_Phdr part;

    for (size_t i = 0; i < reader->part_count && read_part(reader, i, &part); i++) {
        if (part.p_type == PT_LOAD && address >= part.p_vaddr &&
            address - part.p_vaddr < part.p_filesz) {
            *ret = part.p_offset + (address - part.p_vaddr);
            return true;
        }
    }
    return false;
}

/* The string at that offset, NULL when there is none of a sensible length.  0 or -ENOMEM. */
static int read_string(const struct reader *reader, uint64_t offset, const char **ret)
{
    char bytes[STRING_MOST];
    ssize_t length = pread(reader->fd, bytes, sizeof bytes, (off_t)offset);

    *ret = NULL;
    if (length <= 0 || memchr(bytes, '\0', (size_t)length) == NULL)
        return 0;
    *ret = arena_string(reader->arena, bytes);
    return *ret == NULL ? -ENOMEM : 0;
}

static int read_interpreter(const struct reader *reader, struct elf_file *file)
{
    Elf64_Phdr part;

    return find_part(reader, PT_INTERP, &part)
               ? read_string(reader, part.p_offset, &file->interpreter)
               : 0;
}

/* What stands in the dynamic table: strings by their offsets, so that each is read once.  Of two
 * entries that can be there only once, the last counts, as for ld.so. */
struct dynamic {
    uint64_t table;
    size_t count, needed_count;
    uint64_t strings; /* an address; then the offset in the file */
    bool has_strings;
    uint64_t rpath, runpath;
    bool has_rpath, has_runpath;
    bool is_cut; /* there is more than we look at */
};

static void note_entry(struct dynamic *dynamic, const Elf64_Dyn *entry)
{
    uint64_t value = entry->d_un.d_val;

    if (entry->d_tag == DT_NEEDED)
        dynamic->needed_count++;
    else if (entry->d_tag == DT_STRTAB)
        dynamic->has_strings = true, dynamic->strings = value;
    else if (entry->d_tag == DT_RPATH)
        dynamic->has_rpath = true, dynamic->rpath = value;
    else if (entry->d_tag == DT_RUNPATH)
        dynamic->has_runpath = true, dynamic->runpath = value;
}

static void scan(const struct reader *reader, const Elf64_Phdr *part, struct dynamic *ret)
{
    struct dynamic dynamic = {.table = part->p_offset};
    Elf64_Dyn entry;

    while (dynamic.count < ENTRIES_MOST &&
           read_entry(reader, dynamic.table, dynamic.count, &entry) && entry.d_tag != DT_NULL) {
        note_entry(&dynamic, &entry);
        dynamic.count++;
    }
    dynamic.is_cut = dynamic.count == ENTRIES_MOST;
    dynamic.has_strings = dynamic.has_strings &&
                          find_address(reader, dynamic.strings, &dynamic.strings);
    *ret = dynamic;
}

static int read_needed(const struct reader *reader, const struct dynamic *dynamic,
                       struct elf_file *file)
{
    size_t used = 0;
    Elf64_Dyn entry;

    file->needed.items = arena_zero(reader->arena, dynamic->needed_count,
                                    sizeof *file->needed.items);
    if (file->needed.items == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < dynamic->count && file->needed.count < dynamic->needed_count &&
                       read_entry(reader, dynamic->table, i, &entry);
         i++) {
        const char *name;

        if (entry.d_tag != DT_NEEDED)
            continue;
        if (read_string(reader, dynamic->strings + entry.d_un.d_val, &name) < 0)
            return -ENOMEM;
        if (name == NULL)
            continue;
        file->needed.items[file->needed.count++] = name;
        used += strlen(name);
        file->is_cut |= used > STRINGS_MOST;
        if (file->is_cut)
            break;
    }
    return 0;
}

static int read_dynamic(const struct reader *reader, struct elf_file *file)
{
    struct dynamic dynamic;
    Elf64_Phdr part;

    if (!find_part(reader, PT_DYNAMIC, &part))
        return 0;
    scan(reader, &part, &dynamic);
    file->is_cut = dynamic.is_cut;
    if (!dynamic.has_strings)
        return 0;
    if (dynamic.has_rpath && read_string(reader, dynamic.strings + dynamic.rpath, &file->rpath) < 0)
        return -ENOMEM;
    if (dynamic.has_runpath &&
        read_string(reader, dynamic.strings + dynamic.runpath, &file->runpath) < 0)
        return -ENOMEM;
    return read_needed(reader, &dynamic, file);
}

int elf_file_read(int fd, struct arena *arena, struct elf_file *ret, struct error *err)
{
    struct reader reader = {.fd = fd, .arena = arena};
    struct elf_file file = {0};
    Elf64_Ehdr header;
    Elf32_Ehdr narrow;

    if (!read_at(&reader, 0, &narrow, sizeof narrow) ||
        memcmp(narrow.e_ident, ELFMAG, SELFMAG) != 0 || narrow.e_ident[EI_DATA] != OWN_ORDER)
        return -ENOEXEC;
    file.machine = narrow.e_machine;
    file.class = narrow.e_ident[EI_CLASS];
    reader.is_64 = file.class == ELFCLASS64;
    if (reader.is_64 && !read_at(&reader, 0, &header, sizeof header))
        return -ENOEXEC;
    reader.parts = reader.is_64 ? header.e_phoff : narrow.e_phoff;
    reader.part_count = reader.is_64 ? header.e_phnum : narrow.e_phnum;
    if (reader.part_count > PARTS_MOST)
        reader.part_count = PARTS_MOST;
    if (read_interpreter(&reader, &file) < 0 || read_dynamic(&reader, &file) < 0)
        return no_memory(err);
    *ret = file;
    return 0;
}
