#include "runtime/elf_file.h"

#include <elf.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

enum { PARTS_MOST = 128, ENTRIES_MOST = 4096, STRING_MOST = 4096, NEEDED_MOST = 512 };

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

/* The string at that offset; NULL when there is none of a sensible length. */
static const char *read_string(const struct reader *reader, uint64_t offset)
{
    char bytes[STRING_MOST];
    ssize_t length = pread(reader->fd, bytes, sizeof bytes, (off_t)offset);

    if (length <= 0 || memchr(bytes, '\0', (size_t)length) == NULL)
        return NULL;
    return arena_string(reader->arena, bytes);
}

static void read_interpreter(const struct reader *reader, struct elf_file *file)
{
    Elf64_Phdr part;

    if (find_part(reader, PT_INTERP, &part))
        file->interpreter = read_string(reader, part.p_offset);
}

static void take_entry(const struct reader *reader, const Elf64_Dyn *entry, uint64_t strings,
                       struct elf_file *file)
{
    const char *string;

    if (entry->d_tag != DT_NEEDED && entry->d_tag != DT_RPATH && entry->d_tag != DT_RUNPATH)
        return;
    string = read_string(reader, strings + entry->d_un.d_val);
    if (string == NULL)
        return;
    if (entry->d_tag == DT_RPATH)
        file->rpath = string;
    else if (entry->d_tag == DT_RUNPATH)
        file->runpath = string;
    else if (file->needed.count < NEEDED_MOST)
        file->needed.items[file->needed.count++] = string;
}

static size_t count_entries(const struct reader *reader, const Elf64_Phdr *part, uint64_t *strings)
{
    bool has_strings = false;
    Elf64_Dyn entry;
    size_t count = 0;

    while (count < ENTRIES_MOST && read_entry(reader, part->p_offset, count, &entry) &&
           entry.d_tag != DT_NULL) {
        if (entry.d_tag == DT_STRTAB)
            has_strings = find_address(reader, entry.d_un.d_val, strings);
        count++;
    }
    return has_strings ? count : 0;
}

static int read_dynamic(const struct reader *reader, struct elf_file *file, struct error *err)
{
    uint64_t strings = 0;
    Elf64_Phdr part;
    Elf64_Dyn entry;

    file->needed.items = arena_zero(reader->arena, NEEDED_MOST + 1, sizeof *file->needed.items);
    if (file->needed.items == NULL)
        return no_memory(err);
    if (!find_part(reader, PT_DYNAMIC, &part))
        return 0;

    size_t count = count_entries(reader, &part, &strings);

    for (size_t i = 0; i < count && read_entry(reader, part.p_offset, i, &entry); i++)
        take_entry(reader, &entry, strings, file);
    return 0;
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
    read_interpreter(&reader, &file);
    if (read_dynamic(&reader, &file, err) < 0)
        return -err->code;
    *ret = file;
    return 0;
}
