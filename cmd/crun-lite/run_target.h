#pragma once

/*
 * What the word behind `run` means.  To runc it is the container's id, and the bundle is --bundle
 * or the current directory.  Where runc could only fail, because there is no bundle, the word may
 * also name a bundle: then the id is made from its last name.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

#define RUN_ID_SIZE 160

/* Whether `directory` holds a config.json. */
bool run_holds_config(const char *directory);

/* Whether the word of `run WORD` (without --bundle) names a bundle. */
bool run_word_is_bundle(const char *word);

/* The id for a bundle: the last name of the path, with what an id may not hold replaced by "-". */
must_check int run_id_from_bundle(const char *path, char id[static RUN_ID_SIZE], struct error *err);

/* `base`, or `base`-2, -3, ... : the first that is not taken. */
must_check int run_id_make_free(const char *base, bool (*is_taken)(void *context, const char *id),
                                void *context, char id[static RUN_ID_SIZE], struct error *err);
