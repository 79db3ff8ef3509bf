#include "runtime/interfaces.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/own.h"

static bool has_own_network(pid_t pid)
{
    struct stat own, other;
    char path[48];

    snprintf(path, sizeof path, "/proc/%d/ns/net", (int)pid);
    return stat("/proc/self/ns/net", &own) == 0 && stat(path, &other) == 0 &&
           own.st_ino != other.st_ino;
}

/* proc_pid_net(5), dev: "  eth0: bytes packets errs drop fifo frame compressed multicast bytes ..."
 */
static bool read_line(char *line, struct arena *arena, struct container_interface *ret)
{
    char *colon = strchr(line, ':');

    if (colon == NULL)
        return false;
    *colon = '\0';
    ret->name = arena_string(arena, line + strspn(line, " "));
    return ret->name != NULL &&
           sscanf(colon + 1,
                  "%" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %*u %*u %*u %*u"
                  " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64,
                  &ret->rx_bytes, &ret->rx_packets, &ret->rx_errors, &ret->rx_dropped,
                  &ret->tx_bytes, &ret->tx_packets, &ret->tx_errors, &ret->tx_dropped) == 8;
}

int interfaces_read(pid_t pid, struct arena *arena, struct container_interface **ret,
                    size_t *ret_count, struct error *err)
{
    size_t room = 8, count = 0;
    struct container_interface *items = arena_zero(arena, room, sizeof *items);
    char path[48];

    snprintf(path, sizeof path, "/proc/%d/net/dev", (int)pid);

    autostream FILE *stream = has_own_network(pid) ? fopen(path, "re") : NULL;
    autofree char *line = NULL;
    size_t size = 0;

    while (items != NULL && stream != NULL && getline(&line, &size, stream) > 0) {
        if (count == room) {
            struct container_interface *more = arena_zero(arena, room *= 2, sizeof *more);

            if (more != NULL)
                memcpy(more, items, count * sizeof *more);
            items = more;
        }
        if (items != NULL && read_line(line, arena, &items[count]))
            count++;
    }
    if (items == NULL)
        return no_memory(err);
    *ret = items;
    *ret_count = count;
    return 0;
}
