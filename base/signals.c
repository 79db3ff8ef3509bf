#include "base/signals.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"

enum { KERNEL_SIGNALS = 64, KERNEL_MASK_BYTES = KERNEL_SIGNALS / 8 };

/* "SigIgn:\t0000000000001000": hexadecimal. */
static int read_mask(const char *status, const char *name, uint64_t *ret)
{
    const char *line = strstr(status, name);

    if (line == NULL)
        return -1;
    *ret = strtoull(line + strlen(name), NULL, 16);
    return 0;
}

uint64_t signals_changed(void)
{
    char status[8192];
    uint64_t ignored, caught;

    if (read_pseudo_file(AT_FDCWD, "/proc/self/status", status, sizeof status) <= 0 ||
        read_mask(status, "\nSigIgn:\t", &ignored) < 0 ||
        read_mask(status, "\nSigCgt:\t", &caught) < 0)
        return UINT64_MAX;
    return ignored | caught;
}

void signals_set_default(uint64_t which)
{
    /* The kernel's struct sigaction has another layout on every architecture; all zeros is SIG_DFL
     * without flags on each. */
    static const unsigned long standard[8];

    for (int signal = 1; signal <= KERNEL_SIGNALS; signal++) {
        if ((which >> (signal - 1) & 1) != 0)
            syscall(SYS_rt_sigaction, signal, standard, NULL, KERNEL_MASK_BYTES);
    }
}
