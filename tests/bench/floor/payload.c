/*
 * What containers run: without libc, so that a payload costs next to nothing beside its runtime.
 *
 * Called `true` it ends at once, and is the least that a process start can cost; called `pause` it
 * waits to be killed.
 */

#include "tests/bench/floor/raw.h"

int program_main(long argc, char **argv);

int program_main(long argc, char **argv)
{
    const char *name = argv[0] + length_of(argv[0]);

    (void)argc;
    if (option_value(name - 5, "pause") != NULL) {
        for (;;)
            call(pause);
    }
    return 0;
}
