#pragma once

/*
 * The caller's terminal and the container's, joined: what is typed goes in, what is printed comes
 * out.  Nothing blocks: a side that does not take its bytes stops the side that sends them.
 */

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <termios.h>

#include "base/error.h"
#include "spec/spec.h"

/* The size of the caller's terminal, for one that is to be like it from its first moment.  Returns
 * `ret`, or NULL when the caller has no terminal. */
const struct spec_console_size *relay_terminal_size(struct spec_console_size *ret);

struct relay_channel {
    char bytes[16384];
    size_t start, end; /* what has been read and not yet written */
};

struct relay {
    int master; /* the container's side; belongs to the caller */
    int input;  /* -1 at its end */
    int output; /* -1 when nobody listens any more: what comes is dropped */
    /* The other end of master, held open: a process that closes its terminal for a moment (init
     * systems do) must not look like the end of the output. */
    int slave;
    bool output_is_shared;   /* with other programs, so its flags are given back */
    int output_flags;        /* as they were */
    int terminal;            /* of ours the caller's terminal, or -1: there is none */
    struct termios settings; /* of it, as they were */
    bool raw;
    bool away; /* in the background: the terminal is not ours to read until SIGCONT */
    bool dry;  /* the last read from master found nothing */
    struct relay_channel in, out;
};

/* Put the caller's terminal into raw mode, give the container's the same size, be ready. */
must_check int relay_open(struct relay *relay, int master, struct error *err);

/* We go on after a stop (SIGCONT): take the terminal again, or stop once more when it is still
 * another job's. */
void relay_resume(struct relay *relay);

/* Pass the caller's window size on. */
void relay_resize(const struct relay *relay);

enum { RELAY_POLL_COUNT = 3 };

/* What to wait for now; and, after poll(2), what to move. */
void relay_watch(const struct relay *relay, struct pollfd polls[static RELAY_POLL_COUNT]);
void relay_move(struct relay *relay, const struct pollfd polls[static RELAY_POLL_COUNT]);

/* Everything that the container has printed so far has been passed on. */
bool relay_is_drained(const struct relay *relay);

/* Something printed waits for whoever reads our output. */
bool relay_is_blocked(const struct relay *relay);

/* Give the caller's terminal back as it was.  Accepts a relay that failed to open. */
void relay_close(struct relay *relay);

#define RELAY_CLOSED                                                         \
    (struct relay)                                                           \
    {                                                                        \
        .master = -1, .input = -1, .output = -1, .slave = -1, .terminal = -1 \
    }
