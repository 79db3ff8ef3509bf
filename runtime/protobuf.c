#include "runtime/protobuf.h"

static bool take_varint(struct protobuf_input *input, uint64_t *ret)
{
    uint64_t value = 0;

    for (unsigned shift = 0; shift < 64 && input->at < input->end; shift += 7) {
        uint8_t byte = *input->at++;

        value |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0) {
            *ret = value;
            return true;
        }
    }
    return false;
}

static bool take_bytes(struct protobuf_input *input, uint64_t length, struct protobuf_input *ret)
{
    if (length > (uint64_t)(input->end - input->at))
        return false;
    *ret = (struct protobuf_input){input->at, input->at + length};
    input->at += length;
    return true;
}

bool protobuf_take(struct protobuf_input *input, struct protobuf_value *ret)
{
    uint64_t key, length;

    *ret = (struct protobuf_value){0};
    if (!take_varint(input, &key) || key >> 3 == 0 || key >> 3 > UINT32_MAX)
        return false;
    ret->number = (unsigned)(key >> 3);
    switch (key & 7) {
    case PROTOBUF_NUMBER:
        return take_varint(input, &ret->varint);
    case PROTOBUF_LENGTH:
        return take_varint(input, &length) && take_bytes(input, length, &ret->bytes);
    case PROTOBUF_8_BYTES:
        return take_bytes(input, 8, &ret->bytes);
    case PROTOBUF_4_BYTES:
        return take_bytes(input, 4, &ret->bytes);
    default:
        return false;
    }
}
