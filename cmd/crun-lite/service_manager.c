#include "cmd/crun-lite/service_manager.h"

#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/text.h"

int listen_fds_from_environment(unsigned *ret, const char **ret_names, struct error *err)
{
    const char *pid = getenv("LISTEN_PID");
    const char *count = getenv("LISTEN_FDS");
    int64_t value = 0;

    *ret = 0;
    *ret_names = NULL;
    if (pid == NULL || count == NULL)
        return 0;
    if (parse_int64(pid, 1, INT_MAX, &value, err) < 0 || value != getpid())
        return 0;
    if (parse_int64(count, 0, INT_MAX, &value, err) < 0)
        return within(err, "LISTEN_FDS");
    *ret = (unsigned)value;
    *ret_names = getenv("LISTEN_FDNAMES");
    return 0;
}

const char *notify_socket_from_environment(void)
{
    const char *socket = getenv("NOTIFY_SOCKET");

    return socket != NULL && *socket != '\0' ? socket : NULL;
}
