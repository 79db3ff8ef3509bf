#include "cmd/crun-lite/input_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"

enum { MOST_BYTES = 16 << 20 };

/* Standard input to its end. */
static int read_input(struct arena *arena, char **ret, size_t *ret_length, struct error *err)
{
    size_t size = 64 << 10, used = 0;
    char *bytes = arena_zero(arena, size, 1);

    while (bytes != NULL) {
        ssize_t got = read(STDIN_FILENO, bytes + used, size - used);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fail(err, errno, "read standard input");
        used += (size_t)got;
        if (got == 0) {
            *ret = bytes;
            *ret_length = used;
            return 0;
        }
        if (used < size)
            continue;
        if (size >= MOST_BYTES)
            return refuse(err, EFBIG, "standard input: larger than %d bytes", MOST_BYTES);

        char *larger = arena_zero(arena, 2 * size, 1);

        if (larger != NULL)
            memcpy(larger, bytes, used);
        bytes = larger;
        size *= 2;
    }
    return no_memory(err);
}

static bool is_standard_input(const char *path)
{
    return strcmp(path, "-") == 0;
}

int input_file_read(const char *path, struct arena *arena, char **ret, size_t *ret_length,
                    struct error *err)
{
    if (is_standard_input(path))
        return read_input(arena, ret, ret_length, err);
    return read_file(AT_FDCWD, path, MOST_BYTES, arena, ret, ret_length, err);
}

const char *input_file_name(const char *path)
{
    return is_standard_input(path) ? "standard input" : path;
}
