#include "cmd/crun-lite/run_target.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Room is left for a suffix. */
enum { BASE_LENGTH = 128, MOST_SUFFIX = 100000 };

bool run_holds_config(const char *directory)
{
    char path[PATH_MAX];

    if (snprintf(path, sizeof path, "%s/config.json", directory) >= (int)sizeof path)
        return false;
    return access(path, F_OK) == 0;
}

bool run_word_is_bundle(const char *word)
{
    /* Never an id, so there is nothing that runc would have done with it. */
    bool is_path = strchr(word, '/') != NULL || strcmp(word, ".") == 0 || strcmp(word, "..") == 0;

    if (*word == '\0' || !run_holds_config(word))
        return false;
    return is_path || !run_holds_config(".");
}

static bool is_id_character(char character)
{
    return (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z') ||
           (character >= '0' && character <= '9') || strchr("_+.-", character) != NULL;
}

/* The last name of `path`, not terminated, without slashes behind it. */
static const char *last_name(const char *path, size_t *ret_length)
{
    const char *end = path + strlen(path);

    while (end > path && end[-1] == '/')
        end--;

    const char *name = end;

    while (name > path && name[-1] != '/')
        name--;
    *ret_length = (size_t)(end - name);
    return name;
}

int run_id_from_bundle(const char *path, char id[static RUN_ID_SIZE], struct error *err)
{
    char resolved[PATH_MAX];
    size_t length;
    const char *name = last_name(path, &length);

    /* "." and ".." have a name too, just not here. */
    if (length == 0 || strspn(name, ".") >= length) {
        if (realpath(path, resolved) == NULL)
            return fail(err, errno, "resolve %s", path);
        name = last_name(resolved, &length);
    }
    while (length > 0 && (*name == '.' || *name == '-')) {
        name++;
        length--;
    }
    if (length == 0) {
        name = "container";
        length = strlen(name);
    }
    if (length > BASE_LENGTH)
        length = BASE_LENGTH;
    for (size_t i = 0; i < length; i++)
        id[i] = is_id_character(name[i]) ? name[i] : '-';
    id[length] = '\0';
    return 0;
}

int run_id_make_free(const char *base, bool (*is_taken)(void *context, const char *id),
                     void *context, char id[static RUN_ID_SIZE], struct error *err)
{
    snprintf(id, RUN_ID_SIZE, "%s", base);
    for (int suffix = 2; is_taken(context, id); suffix++) {
        if (suffix > MOST_SUFFIX)
            return refuse(err, EEXIST, "%s to %s-%d are all taken", base, base, MOST_SUFFIX);
        snprintf(id, RUN_ID_SIZE, "%s-%d", base, suffix);
    }
    return 0;
}
