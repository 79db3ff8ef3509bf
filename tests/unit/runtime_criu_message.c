#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/own.h"
#include "runtime/criu.h"
#include "runtime/criu_choices.h"
#include "runtime/criu_message.h"

static void expect_bytes(const struct criu_request *request, const char *bytes, size_t length)
{
    autoarena struct arena arena = {NULL};
    struct error err;
    char *encoded;
    size_t encoded_length;

    cr_assert_eq(criu_request_encode(request, &arena, &encoded, &encoded_length, &err), 0);
    cr_assert_eq(encoded_length, length, "%zu bytes instead of %zu", encoded_length, length);
    cr_assert_eq(memcmp(encoded, bytes, length), 0);
}

Test(criu_message, request_without_options_is_its_type)
{
    expect_bytes(&(struct criu_request){.type = CRIU_VERSION}, "\x08\x0a", 2);
}

Test(criu_message, answer_to_a_notification_says_success)
{
    expect_bytes(&(struct criu_request){.type = CRIU_NOTIFY, .notify_success = true},
                 "\x08\x06\x18\x01", 4);
}

Test(criu_message, fds_are_always_sent_and_absent_options_never)
{
    struct criu_options options = {.images_dir = 0, .work_dir = 300};

    /* field 1 = 0; field 17 (two bytes of key) = 300 (two bytes) */
    expect_bytes(&(struct criu_request){.type = CRIU_DUMP, .options = &options},
                 "\x08\x01\x12\x06\x08\x00\x88\x01\xac\x02", 10);
}

Test(criu_message, mode_ignore_is_sent_though_it_is_number_0)
{
    struct criu_options options = {.manage_cgroups_mode = CRIU_CGROUPS_IGNORE};

    expect_bytes(&(struct criu_request){.type = CRIU_DUMP, .options = &options},
                 "\x08\x01\x12\x08\x08\x00\x88\x01\x00\x90\x02\x00", 12);
}

Test(criu_message, pairs_and_descriptors_are_messages_of_their_own)
{
    struct criu_pair root = {NULL, "/w"};
    struct criu_descriptor pipe = {"p", 10};
    struct criu_options options = {
        .cgroup_roots = {&root, 1},
          .inherit = {&pipe, 1}
    };

    expect_bytes(&(struct criu_request){.type = CRIU_RESTORE, .options = &options},
                 "\x08\x02\x12\x14\x08\x00\x88\x01\x00"
                 "\xca\x01\x04\x12\x02/w"
                 "\xda\x01\x05\x0a\x01p\x10\x0a",
                 24);
}

Test(criu_message, response_of_a_restore_holds_the_pid)
{
    /* type 2, success, restore { pid 300 }, an unknown field 15 */
    static const char bytes[] = "\x08\x02\x10\x01\x22\x03\x08\xac\x02\x7a\x01z";
    struct criu_response response;
    struct error err;

    cr_assert_eq(criu_response_decode(bytes, sizeof bytes - 1, &response, &err), 0);
    cr_assert_eq(response.type, CRIU_RESTORE);
    cr_assert(response.success);
    cr_assert_eq(response.restored_pid, 300);
}

Test(criu_message, notification_holds_script_and_pid)
{
    static const char bytes[] = "\x08\x06\x10\x01\x2a\x0c\x0a\x08pre-dump\x10\x07";
    struct criu_response response;
    struct error err;

    cr_assert_eq(criu_response_decode(bytes, sizeof bytes - 1, &response, &err), 0);
    cr_assert_str_eq(response.notify_script, "pre-dump");
    cr_assert_eq(response.notify_pid, 7);
}

Test(criu_message, response_cut_anywhere_is_refused_or_shorter)
{
    static const char bytes[] = "\x22\x03\x08\xac\x02";
    struct criu_response response;
    struct error err;

    for (size_t length = 1; length < sizeof bytes - 1; length++)
        cr_assert_eq(criu_response_decode(bytes, length, &response, &err), -EPROTO, "%zu", length);
}

Test(criu_message, number_without_an_end_is_refused)
{
    static const char bytes[] = "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01";
    struct criu_response response;
    struct error err;

    cr_assert_eq(criu_response_decode(bytes, sizeof bytes - 1, &response, &err), -EPROTO);
}

Test(criu_choices, cgroup_mode_is_soft_unless_chosen)
{
    struct criu_options options;
    struct error err;

    cr_assert_eq(criu_options_from_choices(&options, &(struct criu_choices){0}, &err), 0);
    cr_assert_eq(options.manage_cgroups_mode, CRIU_CGROUPS_SOFT);
    cr_assert_eq(options.network_lock, 0);
}

Test(criu_choices, unknown_names_are_refused_by_option)
{
    static const char *namespaces[] = {"ipc", NULL};
    static const struct {
        struct criu_choices choices;
        const char *text;
    } cases[] = {
        {{.manage_cgroups_mode = "hard"},       "--manage-cgroups-mode: \"hard\""},
        {{.network_lock = "tc"},                "--network-lock: \"tc\""         },
        {{.empty_namespaces = {namespaces, 1}}, "--empty-ns: \"ipc\""            },
    };

    for (size_t i = 0; i < count_of(cases); i++) {
        struct criu_options options;
        struct error err;

        cr_assert_eq(criu_options_from_choices(&options, &cases[i].choices, &err), -EINVAL);
        cr_assert_not_null(strstr(err.text, cases[i].text), "%s", err.text);
    }
}

Test(criu_choices, page_server_is_address_and_port)
{
    autoarena struct arena arena = {NULL};
    struct criu_options options = {0};
    struct error err;

    cr_assert_eq(criu_page_server_from_text(&options, "[::1]:27000", &arena, &err), 0);
    cr_assert_str_eq(options.page_server_address, "::1");
    cr_assert_eq(options.page_server_port, 27000);
    cr_assert_eq(criu_page_server_from_text(&options, "10.0.0.1", &arena, &err), -EINVAL);
    cr_assert_eq(criu_page_server_from_text(&options, "h:70000", &arena, &err), -ERANGE);
}

/* The annotation's file, which nobody but CRIU reads, goes before those of the host. */
Test(criu_message, the_configuration_file_is_the_annotations)
{
    struct string_pair pairs[] = {
        {"org.criu.configs", "/x"},
        {"org.criu.config",  "/c"}
    };
    struct string_map annotations = {pairs, count_of(pairs)};
    struct criu_options options = {.config_file = criu_config_file(&annotations)};

    cr_assert_str_eq(options.config_file, "/c");
    /* field 51 (two bytes of key): two bytes */
    expect_bytes(&(struct criu_request){.type = CRIU_DUMP, .options = &options},
                 "\x08\x01\x12\x0a\x08\x00\x88\x01\x00\x9a\x03\x02/c", 14);

    annotations.count = 1;
    if (access("/etc/criu/crun.conf", R_OK) < 0 && access("/etc/criu/runc.conf", R_OK) < 0)
        cr_expect_null(criu_config_file(&annotations));
}
