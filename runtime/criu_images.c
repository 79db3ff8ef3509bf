#include "runtime/criu_images.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/own.h"
#include "runtime/protobuf.h"

/* MESSAGE_MOST is far above what a range takes, IMAGE_MOST above what describes processes; more
 * than PARENTS_MOST is a loop. */
enum { MESSAGE_MOST = 256, PARENTS_MOST = 256, IMAGE_MOST = 16 << 20 };

/* --- one pagemap
 * ------------------------------------------------------------------------------------- */

enum { FLAG_IN_PARENT = 1 << 0, FLAG_LAZY = 1 << 1, FLAG_PRESENT = 1 << 2 };

static uint32_t length_of(const uint8_t prefix[static 4])
{
    return (uint32_t)prefix[0] | (uint32_t)prefix[1] << 8 | (uint32_t)prefix[2] << 16 |
           (uint32_t)prefix[3] << 24;
}

/* A length and so many bytes: 1, 0 at the end of the file, -1 for a part of one. */
static int read_message(FILE *file, uint8_t *bytes, struct protobuf_input *ret)
{
    uint8_t prefix[4];
    size_t got = fread(prefix, 1, sizeof prefix, file);

    if (got < sizeof prefix)
        return got == 0 && feof(file) ? 0 : -1;

    uint32_t length = length_of(prefix);

    if (length > MESSAGE_MOST || fread(bytes, 1, length, file) < length)
        return -1;
    *ret = (struct protobuf_input){bytes, bytes + length};
    return 1;
}

static bool has_magic(FILE *file)
{
    static const uint8_t magic[] = {0x19, 0x43, 0x56, 0x54, 0x25, 0x40, 0x08, 0x56};
    uint8_t bytes[sizeof magic];

    return fread(bytes, 1, sizeof bytes, file) == sizeof bytes &&
           memcmp(bytes, magic, sizeof magic) == 0;
}

static bool take_head(struct protobuf_input input, struct criu_pagemap *pagemap)
{
    struct protobuf_value value;

    while (input.at < input.end) {
        if (!protobuf_take(&input, &value) || value.number != 1 || value.varint > UINT32_MAX)
            return false;
        pagemap->pages_id = (uint32_t)value.varint;
    }
    return true;
}

/* A later CRIU may keep pages otherwise (compressed, say), and mark that by another field or flag:
 * such a range is none that we could count.  Without flags it is of an old one: present, if it is
 * not in the parent. */
static bool take_range(struct protobuf_input input, struct criu_pagemap *pagemap)
{
    enum { NUMBERS = 6 };
    uint64_t numbers[NUMBERS] = {0};
    bool given[NUMBERS] = {false};
    struct protobuf_value value;

    while (input.at < input.end) {
        if (!protobuf_take(&input, &value) || value.number >= NUMBERS)
            return false;
        numbers[value.number] = value.varint;
        given[value.number] = true;
    }

    uint64_t pages = given[5] ? numbers[5] : numbers[2];
    uint64_t flags = given[4] ? numbers[4] : 0;

    if (given[3] && numbers[3] != 0)
        flags |= FLAG_IN_PARENT;
    else if (!given[4])
        flags = FLAG_PRESENT;
    if ((flags & ~(uint64_t)(FLAG_IN_PARENT | FLAG_LAZY | FLAG_PRESENT)) != 0)
        return false;
    if ((flags & FLAG_IN_PARENT) != 0)
        pagemap->in_parent = true;
    if ((flags & FLAG_PRESENT) == 0)
        return true;
    return !__builtin_add_overflow(pagemap->present, pages, &pagemap->present);
}

bool criu_pagemap_read(FILE *pagemap, struct criu_pagemap *ret)
{
    uint8_t bytes[MESSAGE_MOST];
    struct protobuf_input message;
    struct criu_pagemap found = {0};
    int code;

    if (!has_magic(pagemap) || read_message(pagemap, bytes, &message) <= 0 ||
        !take_head(message, &found))
        return false;
    while ((code = read_message(pagemap, bytes, &message)) > 0) {
        if (!take_range(message, &found))
            return false;
    }
    *ret = found;
    return code == 0;
}

/* --- its pages, and those of earlier images
 * ---------------------------------------------------------- */

static bool read_pagemap(int directory, const char *name, struct criu_pagemap *ret)
{
    autoclose int fd = openat(directory, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "re");

    if (file == NULL)
        return false;
    take_fd(&fd);

    bool known = criu_pagemap_read(file, ret);

    fclose(file);
    return known;
}

static int check_size(int directory, const char *name, const struct criu_pagemap *pagemap,
                      struct error *err)
{
    char pages[32];
    struct stat status;
    uint64_t size;

    snprintf(pages, sizeof pages, "pages-%u.img", pagemap->pages_id);
    if (fstatat(directory, pages, &status, 0) < 0 || !S_ISREG(status.st_mode) ||
        __builtin_mul_overflow(pagemap->present, (uint64_t)sysconf(_SC_PAGESIZE), &size) ||
        (uint64_t)status.st_size >= size)
        return 0;
    return refuse(err, EINVAL, "%s is cut short: %llu bytes, of which %s names %llu", pages,
                  (unsigned long long)status.st_size, name, (unsigned long long)size);
}

/* A range that is not here is in the pagemap of the same name there. */
static int check_pagemap(int images, const char *name, struct error *err)
{
    autoclose int parent = -1;

    for (size_t i = 0; i < PARENTS_MOST; i++) {
        int directory = parent < 0 ? images : parent;
        struct criu_pagemap pagemap;

        if (!read_pagemap(directory, name, &pagemap))
            return 0;
        if (check_size(directory, name, &pagemap, err) < 0)
            return i == 0 ? -err->code : within(err, "earlier images");
        if (!pagemap.in_parent)
            return 0;

        int next = openat(directory, "parent", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        close_fd(&parent);
        parent = next;
        if (parent < 0)
            return 0;
    }
    return 0;
}

/* --- the processes
 * ----------------------------------------------------------------------------------- */

/* A whole image, past the eight bytes that say of what kind it is.  False when there is none. */
static bool read_image(int directory, const char *name, struct arena *arena,
                       struct protobuf_input *ret)
{
    enum { MAGIC = 8 };
    struct error ignored;
    char *bytes;
    size_t length;

    if (read_file(directory, name, IMAGE_MOST, arena, &bytes, &length, &ignored) < 0 ||
        length < MAGIC)
        return false;
    *ret = (struct protobuf_input){(const uint8_t *)bytes + MAGIC, (const uint8_t *)bytes + length};
    return true;
}

static bool take_message(struct protobuf_input *image, struct protobuf_input *ret)
{
    if (image->end - image->at < 4)
        return false;

    uint32_t length = length_of(image->at);

    image->at += 4;
    if (length > (size_t)(image->end - image->at))
        return false;
    *ret = (struct protobuf_input){image->at, image->at + length};
    image->at += length;
    return true;
}

static bool find_field(struct protobuf_input message, unsigned number, struct protobuf_value *ret)
{
    while (message.at < message.end && protobuf_take(&message, ret)) {
        if (ret->number == number)
            return true;
    }
    return false;
}

/* A zombie has no memory: a pagemap with its name is of an earlier dump to this directory. */
static bool has_memory(int images, uint64_t pid)
{
    enum { FIELD_TASK = 3, FIELD_STATE = 1, ALIVE = 1, STOPPED = 3 };
    autoarena struct arena arena = {NULL};
    struct protobuf_input image, core;
    struct protobuf_value value;
    char name[64];

    snprintf(name, sizeof name, "core-%llu.img", (unsigned long long)pid);
    return read_image(images, name, &arena, &image) && take_message(&image, &core) &&
           find_field(core, FIELD_TASK, &value) && find_field(value.bytes, FIELD_STATE, &value) &&
           (value.varint == ALIVE || value.varint == STOPPED);
}

int criu_check_pages(int images, struct error *err)
{
    enum { FIELD_PID = 1 };
    autoarena struct arena arena = {NULL};
    struct protobuf_input image, process;
    struct protobuf_value pid;
    char name[64];

    if (!read_image(images, "pstree.img", &arena, &image))
        return 0;
    while (take_message(&image, &process)) {
        if (!find_field(process, FIELD_PID, &pid) || !has_memory(images, pid.varint))
            continue;
        snprintf(name, sizeof name, "pagemap-%llu.img", (unsigned long long)pid.varint);
        if (check_pagemap(images, name, err) < 0)
            return -err->code;
    }
    return 0;
}
