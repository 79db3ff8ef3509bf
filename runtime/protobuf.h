#pragma once

/* The wire format of protocol buffers, in which CRIU speaks and keeps its images:
 * protobuf.dev/programming-guides/encoding.  Pure. */

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* A field is a key (its number and how its value is laid out) and the value. */
enum protobuf_wire {
    PROTOBUF_NUMBER = 0,
    PROTOBUF_8_BYTES = 1,
    PROTOBUF_LENGTH = 2,
    PROTOBUF_4_BYTES = 5
};

struct protobuf_input {
    const uint8_t *at;
    const uint8_t *end;
};

struct protobuf_value {
    unsigned number; /* of the field */
    uint64_t varint;
    struct protobuf_input bytes; /* of a string or message */
};

/* The next field.  False for what is cut short, and for numbers that are too long. */
must_check bool protobuf_take(struct protobuf_input *input, struct protobuf_value *ret);
