#pragma once

/* From what the caller chose to CRIU's options. */

#include "runtime/container.h"
#include "runtime/criu_message.h"

/* Pure: names become numbers, or are refused by the option's name. */
must_check int criu_options_from_choices(struct criu_options *ret,
                                         const struct criu_choices *choices, struct error *err);

/* "ADDRESS:PORT", "[::1]:27000". */
must_check int criu_page_server_from_text(struct criu_options *ret, const char *text,
                                          struct arena *arena, struct error *err);

/* Where images and log are. */
struct criu_directories {
    int images;
    int work;
    const char *work_path;
    const char *log_path; /* for messages and to read from */
    const char *made[2];  /* those that were not there before */
};

#define CRIU_DIRECTORIES_CLOSED  \
    (struct criu_directories)    \
    {                            \
        .images = -1, .work = -1 \
    }

/* `make`: create the images' directory (0700) when it is missing.  Tells the options. */
must_check int criu_open_directories(struct criu_directories *ret, struct criu_options *options,
                                     const struct criu_choices *choices, bool make,
                                     struct arena *arena, struct error *err);
/* After a failure: remove those that were made for this, unless there is something in them to read,
 * as a log.  Before they are closed. */
void criu_forget_directories(struct criu_directories *directories);
void criu_close_directories(struct criu_directories *directories);

/* CRIU needs rights over the whole host. */
must_check int criu_check_caller(const char *what, struct error *err);
