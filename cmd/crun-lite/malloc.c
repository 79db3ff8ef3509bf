/*
 * malloc(3) for the static program: a command lives for milliseconds and needs some dozen
 * kilobytes, which are here from the start.  The C library's own asks the kernel for each block of
 * an arena and gives it back: thirty pairs of mmap(2) and munmap(2) in one `run`, a tenth of its
 * time.
 *
 * Sizes are rounded up to powers of two; what is freed is kept for the next of its size.  What is
 * larger than LARGEST has a mapping of its own.  One thread allocates: that of runtime/lend.c, and
 * the child on it, do not.
 */

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum {
    FIRST_SIZE = 128 * 1024,  /* touched page by page, as it is used */
    REGION_SIZE = 256 * 1024, /* each of those that follow */
    LEAST_BITS = 5,
    LARGEST_BITS = 16,
    LARGEST = 1 << LARGEST_BITS,
};

/* Before each piece of memory. */
struct header {
    size_t size;         /* of the piece with its header */
    struct header *next; /* of those that are free */
};
_Static_assert(sizeof(struct header) % _Alignof(max_align_t) == 0, "what follows is aligned");

static _Alignas(max_align_t) char first[FIRST_SIZE];
static char *region = first;
static size_t room = FIRST_SIZE; /* of the region, never used yet: zeros */
static struct header *unused[LARGEST_BITS + 1];

static unsigned bits_of(size_t size)
{
    unsigned bits = LEAST_BITS;

    while ((size_t)1 << bits < size)
        bits++;
    return bits;
}

static void *map(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return memory == MAP_FAILED ? NULL : memory;
}

static struct header *take_fresh(size_t size)
{
    struct header *taken;

    if (room < size) {
        char *memory = map(REGION_SIZE);

        if (memory == NULL)
            return NULL;
        region = memory;
        room = REGION_SIZE;
    }
    taken = (struct header *)region;
    region += size;
    room -= size;
    taken->size = size;
    return taken;
}

static void *take_mapping(size_t size)
{
    struct header *taken = size > SIZE_MAX / 2 ? NULL : map(size + sizeof *taken);

    if (taken == NULL) {
        errno = ENOMEM;
        return NULL;
    }
    taken->size = size + sizeof *taken;
    return taken + 1;
}

static void *take(size_t size, bool *ret_is_zero)
{
    unsigned bits = bits_of(size + sizeof(struct header));
    struct header *taken = unused[bits];

    *ret_is_zero = taken == NULL;
    if (taken != NULL)
        unused[bits] = taken->next;
    else
        taken = take_fresh((size_t)1 << bits);
    if (taken == NULL) {
        errno = ENOMEM;
        return NULL;
    }
    taken->next = NULL;
    return taken + 1;
}

void *malloc(size_t size)
{
    bool is_zero;

    return size > LARGEST - sizeof(struct header) ? take_mapping(size) : take(size, &is_zero);
}

void *calloc(size_t count, size_t size)
{
    bool is_zero = true;
    size_t bytes;
    void *memory;

    if (__builtin_mul_overflow(count, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    if (bytes > LARGEST - sizeof(struct header))
        return take_mapping(bytes);
    memory = take(bytes, &is_zero);
    return memory == NULL || is_zero ? memory : memset(memory, 0, bytes);
}

void free(void *memory)
{
    struct header *header = memory;
    int saved = errno;

    if (memory == NULL)
        return;
    header--;
    if (header->size > LARGEST) {
        munmap(header, header->size);
    } else {
        struct header **head = &unused[bits_of(header->size)];

        header->next = *head;
        *head = header;
    }
    errno = saved;
}

void *realloc(void *memory, size_t size)
{
    size_t before = memory == NULL ? 0
                                   : ((struct header *)memory - 1)->size - sizeof(struct header);
    void *larger;

    if (memory != NULL && size <= before)
        return memory;
    larger = malloc(size);
    if (larger == NULL || memory == NULL)
        return larger;
    memcpy(larger, memory, before);
    free(memory);
    return larger;
}
