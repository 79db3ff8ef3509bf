#pragma once

/*
 * The place of a mistake in config.json, grown from the inside outwards as the walk returns: the
 * reason is written where it is known, each level puts itself in front.
 *     ": expected string, found number" -> "[2]: ..." -> ".args[2]: ..." -> ".process.args[2]: ..."
 * place_done() takes the leading separator away.  All return -err->code.
 */

#include <stddef.h>

#include "base/error.h"

/* Record the reason: ": <text>". */
int wrong(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Memory is short, here. */
int wrong_memory(struct error *err);

/* Put ".<member>" or "[<index>]" in front.  A key is untrusted text: ".<key>" when it is a plain
 * word, else "["<key>"]" with escapes. */
int in_member(struct error *err, const char *member);
int in_item(struct error *err, size_t index);
int in_key(struct error *err, const char *key);

/* What in_key() puts in front. */
void place_step(char step[static 1100], const char *key);

/* The walk has returned to the top. */
int place_done(struct error *err);
