#include "runtime/criu_message.h"

#include <errno.h>
#include <string.h>

#include "base/own.h"
#include "runtime/protobuf.h"

/* --- writing
 * ----------------------------------------------------------------------------------------- */

struct output {
    struct arena *arena;
    char *bytes;
    size_t used;
    size_t size;
    bool failed; /* memory is short; said once, at the end */
};

static void put(struct output *output, const void *bytes, size_t length)
{
    if (output->failed)
        return;
    if (output->used + length > output->size) {
        size_t size = 2 * (output->used + length) + 256;
        char *larger = arena_zero(output->arena, size, 1);

        output->failed = larger == NULL;
        if (output->failed)
            return;
        if (output->used > 0)
            memcpy(larger, output->bytes, output->used);
        output->bytes = larger;
        output->size = size;
    }
    if (length > 0)
        memcpy(output->bytes + output->used, bytes, length);
    output->used += length;
}

/* Seven bits a byte, the lowest first; the eighth says that more come. */
static void put_varint(struct output *output, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        put(output, &(uint8_t){(uint8_t)(value | 0x80)}, 1);
    put(output, &(uint8_t){(uint8_t)value}, 1);
}

static void put_number(struct output *output, unsigned number, uint64_t value)
{
    put_varint(output, number << 3 | PROTOBUF_NUMBER);
    put_varint(output, value);
}

static void put_bytes(struct output *output, unsigned number, const char *bytes, size_t length)
{
    put_varint(output, number << 3 | PROTOBUF_LENGTH);
    put_varint(output, length);
    put(output, bytes, length);
}

static void put_string(struct output *output, unsigned number, const char *string)
{
    if (string != NULL)
        put_bytes(output, number, string, strlen(string));
}

/* A message in a message: its length comes first, so it is written beside. */
static void put_message(struct output *output, unsigned number, const struct output *inner)
{
    put_bytes(output, number, inner->bytes, inner->used);
    output->failed |= inner->failed;
}

static void put_strings(struct output *output, unsigned number, const void *member)
{
    const struct string_list *list = member;

    for (size_t i = 0; i < list->count; i++)
        put_string(output, number, list->items[i]);
}

static void put_pairs(struct output *output, unsigned number, const void *member)
{
    const struct criu_pairs *pairs = member;

    for (size_t i = 0; i < pairs->count; i++) {
        struct output inner = {.arena = output->arena};

        put_string(&inner, 1, pairs->items[i].first);
        put_string(&inner, 2, pairs->items[i].second);
        put_message(output, number, &inner);
    }
}

static void put_descriptors(struct output *output, unsigned number, const void *member)
{
    const struct criu_descriptors *descriptors = member;

    for (size_t i = 0; i < descriptors->count; i++) {
        struct output inner = {.arena = output->arena};

        put_string(&inner, 1, descriptors->items[i].key);
        put_number(&inner, 2, (uint64_t)descriptors->items[i].fd);
        put_message(output, number, &inner);
    }
}

/* --- the options
 * ------------------------------------------------------------------------------------- */

enum option_kind {
    KIND_FD,          /* int, always sent                         */
    KIND_TRUE,        /* bool, sent when true                     */
    KIND_NUMBER,      /* int64_t, sent unless 0                   */
    KIND_NUMBER_PLUS, /* the same with 1 added, so that 0 is none */
    KIND_STRING,      /* const char *                             */
    KIND_STRINGS,     /* struct string_list                       */
    KIND_PAIRS,       /* struct criu_pairs                        */
    KIND_DESCRIPTORS  /* struct criu_descriptors                  */
};

#define AT(member) offsetof(struct criu_options, member)

/* clang-format off */
static const struct option_row {
    unsigned number; /* in criu_opts of rpc.proto */
    enum option_kind kind;
    size_t offset;
} rows[] = {
    { 1, KIND_FD,          AT(images_dir)},
    { 2, KIND_NUMBER,      AT(pid)},
    { 3, KIND_TRUE,        AT(leave_running)},
    { 4, KIND_TRUE,        AT(external_unix_sockets)},
    { 5, KIND_TRUE,        AT(tcp_established)},
    { 6, KIND_TRUE,        AT(evasive_devices)},
    { 7, KIND_TRUE,        AT(shell_job)},
    { 8, KIND_TRUE,        AT(file_locks)},
    { 9, KIND_NUMBER,      AT(log_level)},
    {10, KIND_STRING,      AT(log_file)},
    {12, KIND_TRUE,        AT(notify_scripts)},
    {13, KIND_STRING,      AT(root)},
    {14, KIND_STRING,      AT(parent_images)},
    {15, KIND_TRUE,        AT(track_memory)},
    {16, KIND_TRUE,        AT(auto_dedup)},
    {17, KIND_FD,          AT(work_dir)},
    {18, KIND_TRUE,        AT(link_remap)},
    {23, KIND_PAIRS,       AT(external_mounts)},
    {24, KIND_TRUE,        AT(manage_cgroups)},
    {25, KIND_PAIRS,       AT(cgroup_roots)},
    {26, KIND_TRUE,        AT(sibling)},
    {27, KIND_DESCRIPTORS, AT(inherit)},
    {29, KIND_TRUE,        AT(external_sharing)},
    {30, KIND_TRUE,        AT(external_masters)},
    {34, KIND_NUMBER_PLUS, AT(manage_cgroups_mode)},
    {37, KIND_STRINGS,     AT(external)},
    {38, KIND_NUMBER,      AT(empty_namespaces)},
    {39, KIND_PAIRS,       AT(join_namespaces)},
    {44, KIND_STRING,      AT(freeze_cgroup)},
    {46, KIND_TRUE,        AT(tcp_skip_in_flight)},
    {48, KIND_TRUE,        AT(lazy_pages)},
    {49, KIND_NUMBER_PLUS, AT(status_fd)},
    {50, KIND_TRUE,        AT(orphan_terminal)},
    {51, KIND_STRING,      AT(config_file)},
    {52, KIND_TRUE,        AT(tcp_close)},
    {53, KIND_STRING,      AT(lsm_profile)},
    {63, KIND_STRING,      AT(lsm_mount_context)},
    {64, KIND_NUMBER_PLUS, AT(network_lock)},
};
/* clang-format on */

static void put_option(struct output *output, const struct option_row *row, const void *member)
{
    switch (row->kind) {
    case KIND_FD:
        put_number(output, row->number, (uint64_t) * (const int *)member);
        break;
    case KIND_TRUE:
        if (*(const bool *)member)
            put_number(output, row->number, 1);
        break;
    case KIND_NUMBER:
        if (*(const int64_t *)member != 0)
            put_number(output, row->number, (uint64_t) * (const int64_t *)member);
        break;
    case KIND_NUMBER_PLUS:
        if (*(const int64_t *)member != 0)
            put_number(output, row->number, (uint64_t) * (const int64_t *)member - 1);
        break;
    case KIND_STRING:
        put_string(output, row->number, *(const char *const *)member);
        break;
    case KIND_STRINGS:
        put_strings(output, row->number, member);
        break;
    case KIND_PAIRS:
        put_pairs(output, row->number, member);
        break;
    case KIND_DESCRIPTORS:
        put_descriptors(output, row->number, member);
        break;
    }
}

/* criu_page_server_info. */
static void put_page_server(struct output *output, const struct criu_options *options)
{
    struct output inner = {.arena = output->arena};

    if (options->page_server_port == 0)
        return;
    put_string(&inner, 1, options->page_server_address);
    put_number(&inner, 2, (uint64_t)options->page_server_port);
    put_message(output, 11, &inner);
}

int criu_request_encode(const struct criu_request *request, struct arena *arena, char **ret,
                        size_t *ret_length, struct error *err)
{
    struct output output = {.arena = arena};
    struct output options = {.arena = arena};

    put_number(&output, 1, (uint64_t)request->type);
    if (request->options != NULL) {
        for (size_t i = 0; i < count_of(rows); i++)
            put_option(&options, &rows[i], (const char *)request->options + rows[i].offset);
        put_page_server(&options, request->options);
        put_message(&output, 2, &options);
    }
    if (request->notify_success)
        put_number(&output, 3, 1);
    if (output.failed)
        return no_memory(err);
    *ret = output.bytes;
    *ret_length = output.used;
    return 0;
}

/* --- reading
 * ----------------------------------------------------------------------------------------- */

static void keep_text(char *to, size_t size, const struct protobuf_input *from)
{
    size_t length = (size_t)(from->end - from->at);

    if (length >= size)
        length = size - 1;
    if (length > 0)
        memcpy(to, from->at, length);
    to[length] = '\0';
}

/* The numbers of a message in the response, by field. */
static bool take_numbers(struct protobuf_input input, int64_t *const places[], size_t count)
{
    struct protobuf_value value;

    while (input.at < input.end) {
        if (!protobuf_take(&input, &value))
            return false;
        if (value.number < count && places[value.number] != NULL)
            *places[value.number] = (int64_t)value.varint;
    }
    return true;
}

static bool take_notification(struct protobuf_input input, struct criu_response *response)
{
    struct protobuf_value value;

    while (input.at < input.end) {
        if (!protobuf_take(&input, &value))
            return false;
        if (value.number == 1)
            keep_text(response->notify_script, sizeof response->notify_script, &value.bytes);
        if (value.number == 2)
            response->notify_pid = (int64_t)value.varint;
    }
    return true;
}

static bool take_member(const struct protobuf_value *value, struct criu_response *response)
{
    int64_t *restored[] = {NULL, &response->restored_pid};
    int64_t *version[] = {NULL, &response->version_major, &response->version_minor, NULL,
                          &response->version_sublevel};

    switch (value->number) {
    case 1:
        response->type = (int64_t)value->varint;
        return true;
    case 2:
        response->success = value->varint != 0;
        return true;
    case 4:
        return take_numbers(value->bytes, restored, count_of(restored));
    case 5:
        return take_notification(value->bytes, response);
    case 7:
        response->error_number = (int64_t)value->varint;
        return true;
    case 9:
        keep_text(response->error_text, sizeof response->error_text, &value->bytes);
        return true;
    case 10:
        return take_numbers(value->bytes, version, count_of(version));
    default:
        return true;
    }
}

int criu_response_decode(const char *bytes, size_t length, struct criu_response *ret,
                         struct error *err)
{
    struct protobuf_input input = {(const uint8_t *)bytes, (const uint8_t *)bytes + length};
    struct criu_response response = {0};
    struct protobuf_value value;

    while (input.at < input.end) {
        if (!protobuf_take(&input, &value) || !take_member(&value, &response))
            return refuse(err, EPROTO, "criu: an answer of %zu bytes that cannot be read", length);
    }
    *ret = response;
    return 0;
}
