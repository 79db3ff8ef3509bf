#pragma once

/*
 * How JSON objects map onto C structs: one row a member, one table an object, two walkers over the
 * rows: fields_decode (behind the strict reader in json.h) and fields_encode.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/log.h"
#include "base/names.h"
#include "spec/spec.h"

enum field_kind {
    FIELD_STRING,          /* const char *                                                     */
    FIELD_BOOL,            /* bool                                                             */
    FIELD_OPTIONAL_BOOL,   /* struct optional_bool                                             */
    FIELD_INT64,           /* int64_t                                                          */
    FIELD_UINT64,          /* uint64_t                                                         */
    FIELD_UINT32,          /* uint32_t                                                         */
    FIELD_OPTIONAL_INT64,  /* struct optional_int64                                            */
    FIELD_OPTIONAL_UINT64, /* struct optional_uint64                                           */
    FIELD_ENUM,            /* int, by .names                                                   */
    FIELD_OPTIONAL_ENUM,   /* struct optional_int64, by .names                                 */
    FIELD_ENUMS,           /* struct enum_list, by .names                                      */
    FIELD_STRINGS,         /* struct string_list                                               */
    FIELD_UINT32S,         /* struct uint32_list                                               */
    FIELD_UINT64S,         /* struct uint64_list                                               */
    FIELD_STRING_MAP,      /* struct string_map                                                */
    FIELD_UINT64_MAP,      /* struct uint64_map                                                */
    FIELD_DECIMAL,         /* double                                                           */
    FIELD_OBJECT,          /* pointer to the struct of .fields                                 */
    FIELD_INLINE,          /* the struct of .fields itself                                     */
    FIELD_LIST,            /* { items, count } of the struct of .fields                        */
    FIELD_KEYED_LIST,      /* the same from an object: its keys go to the first member         */
    FIELD_IGNORED,         /* known to the specification; .reason says why nothing is done     */
};

struct fields;

struct field {
    const char *key;
    enum field_kind kind;
    size_t offset;
    bool required;
    /* FIELD_INT64 ... FIELD_OPTIONAL_UINT64 and FIELD_UINT32S: the allowed range.  Both 0: that of
     * the type. */
    int64_t least;
    uint64_t most;
    const struct names *names;
    const struct fields *fields;
    const char *reason;
    bool empty_is_unset; /* FIELD_STRING, FIELD_ENUM: "" is read as absent, as Go programs write it
                          */
    bool
        expected; /* the specification requires it, Go reads its absence as 0: told to the strict */
    bool always;  /* numbers: written even when 0, though not required when read             */
};

struct fields {
    size_t size; /* of the C struct */
    const struct field *rows;
    size_t count;
    bool closed; /* refuse unknown members: the keys are a list of names, not properties */
};

#define FIELDS_OF(type, table)                                                          \
    {                                                                                   \
        .size = sizeof(type), .rows = (table), .count = sizeof(table) / sizeof *(table) \
    }

/* The tables of the model; those of other folders (the runtime's state record) use the same
 * walkers. */
extern const struct fields spec_fields;
extern const struct fields spec_process_fields;
extern const struct fields spec_resources_fields;
extern const struct fields spec_hook_fields;
extern const struct fields spec_hooks_fields;
extern const struct fields spec_id_mapping_fields;
extern const struct fields spec_mount_fields;
extern const struct fields spec_state_fields;
extern const struct fields spec_container_process_state_fields;
extern const struct fields spec_features_fields;

/* Fill the struct *into (zeroed first) from JSON text of `length` bytes.  Everything is copied into
 * the arena.  Refused with the place ("linux.namespaces[2].path: expected string, found number", or
 * "line 3, column 7: ..." for broken JSON): wrong types, values out of range, names that are not in
 * a table, missing required members, duplicate keys, NUL or invalid UTF-8 in a string, depth over
 * 64, more than 16 MiB, comments, anything behind the value.  Unknown members are ignored, and a
 * member that is null is absent; an item of a list or map cannot be. */
must_check int fields_decode(const struct fields *fields, const char *json, size_t length,
                             struct arena *arena, void *into, struct error *err);

/* The same for a text that is an array of such objects.  It has no name of its own, and gets one
 * for the places in messages: "mounts[1].destination: ...". */
must_check int fields_decode_array(const struct fields *fields, const char *member,
                                   const char *json, size_t length, struct arena *arena, void **ret,
                                   size_t *ret_count, struct error *err);

/* The row of that key, or NULL. */
const struct field *fields_find(const struct fields *fields, const char *key);

/* Tell of every member of a text, which fields_decode has taken, that has no effect: those that no
 * row knows, FIELD_IGNORED, and of those that are .expected the absence.  By log_ignored(), which
 * gets "<place>: <why>"; call it only for a log that is strict. */
must_check int fields_tell_ignored(const struct fields *fields, const char *json, size_t length,
                                   const struct log *log, struct error *err);

/* How fields_encode lays the text out. */
struct json_layout {
    const char *indent; /* NULL: compact, one line */
};

/* Write *from as JSON into the arena, NUL-terminated, without a trailing newline; absent members
 * are left out, members in table order.  Slashes are not escaped. */
must_check int fields_encode(const struct fields *fields, const void *from,
                             const struct json_layout *layout, struct arena *arena,
                             const char **ret, size_t *ret_length, struct error *err);

/* The same for an array of `count` structs. */
must_check int fields_encode_array(const struct fields *fields, const void *items, size_t count,
                                   const struct json_layout *layout, struct arena *arena,
                                   const char **ret, size_t *ret_length, struct error *err);

/* Put what is present in *from over what is in *into, member by member, objects deeply, lists and
 * maps as wholes.  Plain booleans and numbers, which cannot be absent, are left alone.  Strings and
 * lists are shared with *from; an object that *into lacks is made in the arena. */
must_check int fields_merge(const struct fields *fields, void *into, const void *from,
                            struct arena *arena, struct error *err);
