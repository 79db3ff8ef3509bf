#pragma once

/*
 * JSON edited as text, for tests: change one place of a document by its path, whatever the rest is.
 *
 * A path is as in our error messages: `linux.namespaces[2].path`.  `mounts[+]` is a new item at the
 * end, `annotations.'a.b'` a key with dots.  What is missing on the way is made.  Values are JSON
 * text and are not checked, so that a test can write what no library would.  The document itself
 * must be well formed.  Results live in the arena.
 */

#include "base/arena.h"

char *json_set(struct arena *arena, const char *document, const char *path, const char *value);

/* Without the member or item; the document as it was when there is none. */
char *json_remove(struct arena *arena, const char *document, const char *path);

/* The JSON text at a path, or NULL. */
char *json_get(struct arena *arena, const char *document, const char *path);

/* The string or number at a path as plain text, or NULL; \" and \\ are the escapes it knows. */
char *json_text(struct arena *arena, const char *document, const char *path);

/* `text` as a JSON string, with its quotes. */
char *json_quote(struct arena *arena, const char *text);
