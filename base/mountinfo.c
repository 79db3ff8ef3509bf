#include "base/mountinfo.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"

/* "\040" stands for a space; in place. */
static void unescape(char *text)
{
    char *to = text;

    for (const char *from = text; *from != '\0'; to++) {
        if (from[0] == '\\' && from[1] != '\0' && from[2] != '\0' && from[3] != '\0') {
            *to = (char)((from[1] - '0') << 6 | (from[2] - '0') << 3 | (from[3] - '0'));
            from += 4;
        } else {
            *to = *from++;
        }
    }
    *to = '\0';
}

/* Take the line apart in place.  A varying number of fields ends with the lone "-". */
static bool take_apart(char *line, struct mount_line *ret)
{
    char *tail = strstr(line, " - ");
    char *words[5];

    if (tail == NULL)
        return false;
    *tail = '\0';
    tail += strlen(" - ");
    ret->type = strsep(&tail, " ");
    strsep(&tail, " "); /* the source */
    ret->options = tail != NULL ? tail : "";
    for (size_t i = 0; i < count_of(words); i++) {
        words[i] = strsep(&line, " ");
        if (words[i] == NULL)
            return false;
    }
    unescape(words[3]);
    unescape(words[4]);
    ret->id = atoi(words[0]);
    ret->root = words[3];
    ret->mount_point = words[4];
    return true;
}

int mountinfo_read(const char *path, bool (*see)(const struct mount_line *mount, void *context),
                   void *context, struct error *err)
{
    autostream FILE *stream = fopen(path, "re");
    autofree char *line = NULL;
    struct mount_line mount;
    size_t size = 0;
    bool more = true;

    if (stream == NULL)
        return fail(err, errno, "open %s", path);
    while (more && getline(&line, &size, stream) > 0) {
        line[strcspn(line, "\n")] = '\0';
        more = !take_apart(line, &mount) || see(&mount, context);
    }
    /* Half of the mounts are not to be taken for all of them. */
    return more && !feof(stream) ? fail(err, errno, "read %s", path) : 0;
}
