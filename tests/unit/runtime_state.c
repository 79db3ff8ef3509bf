/* The state directory: ids, claiming, the lock, the record and what damages it; who a process is.
 */

#include "runtime_help.h"

#include <signal.h>
#include <sys/file.h>
#include <sys/wait.h>

#include "runtime/state.h"

/* --- ids -------------------------------------------------------------------------------------- */

Test(state_id, letters_digits_and_four_signs)
{
    static const char *const good[] = {"a",   "Z9", "web_1", "a+b", "a.b",
                                       "a-b", "-a", "+",     "_",   "0"};
    char longest[256];
    struct error err;

    for (size_t i = 0; i < count_of(good); i++)
        cr_expect_eq(state_check_id(good[i], &err), 0, "%s: %s", good[i], err.text);
    memset(longest, 'x', 255);
    longest[255] = '\0';
    cr_expect_eq(state_check_id(longest, &err), 0);
}

Test(state_id, nothing_that_is_a_path_or_hidden)
{
    static const struct {
        const char *id;
        const char *text;
    } bad[] = {
        {"a/b",      "invalid container ID format: \"a/b\""     },
        {"/",        "invalid container ID format"              },
        {".",        "begins with a dot"                        },
        {"..",       "begins with a dot"                        },
        {".hidden",  "begins with a dot"                        },
        {"a b",      "invalid container ID format: \"a b\""     },
        {"a\nb",     "invalid container ID format: \"a\\x0ab\"" },
        {"\xc3\xa4", "invalid container ID format: \"\xc3\xa4\""},
        {"a:b",      "(allowed are A-Z a-z 0-9 _ + . -)"        },
    };
    struct error err;

    for (size_t i = 0; i < count_of(bad); i++)
        expect_refused(state_check_id(bad[i].id, &err), EINVAL, bad[i].text);
    expect_refused(state_check_id("", &err), EINVAL, "container id cannot be empty");
}

Test(state_id, not_longer_than_a_file_name)
{
    char text[257];
    struct error err;

    memset(text, 'x', 256);
    text[256] = '\0';
    expect_refused(state_check_id(text, &err), ENAMETOOLONG, "256 bytes, at most 255");
}

/* --- claim and open --------------------------------------------------------------------------- */

Test(state_claim, makes_the_root_with_its_parents_for_us_alone)
{
    autoarena struct arena arena = {NULL};
    own_directory(base);
    char *root = path_in(&arena, base, "run/deep/root");
    struct state_directory directory = {-1};
    struct error err;
    struct stat status;

    must(state_claim(root, "web", &directory, &err));
    cr_assert_eq(stat(root, &status), 0);
    cr_expect_eq(status.st_mode & 07777, 01700); /* sticky: nobody cleans up in it by age */
    cr_assert_eq(fstat(directory.fd, &status), 0);
    cr_expect_eq(status.st_mode & 07777, 0700);
    cr_expect(fcntl(directory.fd, F_GETFD) & FD_CLOEXEC);
    state_close(&directory);
    cr_expect_eq(directory.fd, -1);
}

Test(state_claim, a_taken_id_is_refused_and_untouched)
{
    autoarena struct arena arena = {NULL};
    own_directory(root);
    struct state_directory first = {-1}, second = {-1};
    struct error err;

    must(state_claim(root, "web", &first, &err));
    expect_refused(state_claim(root, "web", &second, &err), EEXIST,
                   "container with given ID already exists: web");
    cr_expect_eq(second.fd, -1);
    cr_expect_eq(access(path_in(&arena, root, "web"), F_OK), 0);
    state_close(&first);
}

Test(state_root, that_others_may_write_to_is_refused)
{
    own_directory(root);
    struct state_directory directory = {-1};
    struct error err;

    cr_assert_eq(chmod(root, 0770), 0);
    expect_refused(state_claim(root, "web", &directory, &err), EPERM,
                   "may be written to by others (mode 0770)");
    expect_refused(state_open(root, "web", &directory, &err), EPERM, "may be written to by others");
    cr_assert_eq(chmod(root, 0757), 0);
    expect_refused(state_claim(root, "web", &directory, &err), EPERM, "(mode 0757)");
    cr_expect_eq(count_entries(root), 0);
    cr_expect_eq(directory.fd, -1);
}

Test(state_root, with_the_sticky_bit_serves_but_not_entries_that_others_may_write_to)
{
    autoarena struct arena arena = {NULL};
    own_directory(root);
    struct state_directory directory = {-1};
    struct error err;

    cr_assert_eq(chmod(root, 01777), 0);
    must(state_claim(root, "web", &directory, &err));
    state_close(&directory);
    must(state_open(root, "web", &directory, &err));
    state_close(&directory);
    cr_assert_eq(chmod(path_in(&arena, root, "web"), 0777), 0);
    expect_refused(state_open(root, "web", &directory, &err), EPERM, "may be written to by others");
    cr_expect_eq(directory.fd, -1);
}

Test(state_open, what_is_missing_does_not_exist)
{
    autoarena struct arena arena = {NULL};
    own_directory(root);
    struct state_directory directory = {-1};
    struct error err;

    expect_refused(state_open(root, "web", &directory, &err), ENOENT, "container does not exist");
    expect_refused(state_open(path_in(&arena, root, "no/root"), "web", &directory, &err), ENOENT,
                   "container does not exist");
}

Test(state_open, a_file_or_a_link_is_not_a_container)
{
    autoarena struct arena arena = {NULL};
    own_directory(root);
    struct state_directory directory = {-1};
    struct error err;

    put_file(path_in(&arena, root, "file"), "", 0600);
    cr_assert_eq(mkdir(path_in(&arena, root, "real"), 0700), 0);
    cr_assert_eq(symlink("real", path_in(&arena, root, "link")), 0);
    expect_refused(state_open(root, "file", &directory, &err), ENOTDIR, "open state directory");
    expect_refused(state_open(root, "link", &directory, &err), ENOTDIR, "open state directory");
    expect_refused(state_open(root, "../etc", &directory, &err), EINVAL,
                   "invalid container ID format");
}

/* --- the lock --------------------------------------------------------------------------------- */

Test(state_lock, held_by_another_is_busy_after_the_deadline)
{
    own_directory(root);
    struct state_directory first = {-1}, second = {-1};
    struct error err;

    must(state_claim(root, "web", &first, &err));
    must(state_open(root, "web", &second, &err));
    expect_refused(state_lock(&second, root, "web", 20, &err), EBUSY,
                   "another command is working on container \"web\"");
    state_close(&first);
    must(state_lock(&second, root, "web", 20, &err));
    state_close(&second);
}

Test(state_lock, of_a_directory_that_was_removed_meanwhile_is_no_container)
{
    autoarena struct arena arena = {NULL};
    own_directory(root);
    struct state_directory first = {-1}, second = {-1};
    struct error err;

    must(state_claim(root, "web", &first, &err));
    must(state_open(root, "web", &second, &err));
    must(state_remove(&first, root, "web", &err));
    state_close(&first);
    cr_assert_eq(mkdir(path_in(&arena, root, "web"), 0700), 0, "another of the same name");
    expect_refused(state_lock(&second, root, "web", 20, &err), ENOENT, "container does not exist");
    state_close(&second);
}

/* --- the record ------------------------------------------------------------------------------- */

static struct state_record example(void)
{
    static struct string_pair annotations[] = {
        {"org.example/key", "value with \"quotes\" and /slashes/"}
    };
    static const char *args[] = {"hook", "-x", NULL};
    static struct spec_hook stop[] = {
        {.path = "/bin/hook", .args = {args, 2}, .timeout = {7, true}}
    };

    return (struct state_record){
        .version = STATE_VERSION,
        .id = "web",
        .phase = STATE_STARTING,
        .oci_version = "1.3.0",
        .bundle = "/bundles/web",
        .rootfs = "/bundles/web/rootfs",
        .created = "2026-01-02T03:04:05.000000006Z",
        .owner = 1000,
        .init = {.pid = 4242,
                 .serial = UINT64_MAX - 1,
                 .start_time = UINT64_MAX,
                 .boot_id = "b00t"},
        .no_new_keyring = true,
        .own_pid_namespace = true,
        .over_layer = true,
        .cgroup = {.manager = "cgroupfs",         .path = "/crun-lite/web"                },
        .time_limit_ns = INT64_MAX,
        .time_limit_grace_ns = 1,
        .poststop = {stop,1},
        .annotations = {annotations,                                1                                                       },
    };
}

Test(state_record, comes_back_as_it_was_written)
{
    autoarena struct arena arena = {NULL};
    own_directory(root);
    struct state_directory directory = {-1};
    struct state_record written = example(), read;
    struct error err;

    must(state_claim(root, "web", &directory, &err));
    must(state_write(&directory, &written, &err));
    must(state_read(&directory, "web", &arena, &read, &err));
    cr_expect_eq(read.version, STATE_VERSION);
    cr_expect_str_eq(read.id, "web");
    cr_expect_eq(read.phase, STATE_STARTING);
    cr_expect_str_eq(read.oci_version, written.oci_version);
    cr_expect_str_eq(read.bundle, written.bundle);
    cr_expect_str_eq(read.rootfs, written.rootfs);
    cr_expect_str_eq(read.created, written.created);
    cr_expect_eq(read.owner, 1000);
    cr_expect_eq(read.init.pid, 4242);
    cr_expect_eq(read.init.serial, UINT64_MAX - 1);
    cr_expect_eq(read.init.start_time, UINT64_MAX);
    cr_expect_str_eq(read.init.boot_id, "b00t");
    cr_expect(read.no_new_keyring && read.own_pid_namespace && read.over_layer);
    cr_expect_str_eq(read.cgroup.path, written.cgroup.path);
    cr_expect_eq(read.time_limit_ns, INT64_MAX);
    cr_expect_eq(read.time_limit_grace_ns, 1);
    cr_expect_eq(read.poststart.count, 0);
    cr_assert_eq(read.poststop.count, 1);
    cr_expect_str_eq(read.poststop.items[0].path, "/bin/hook");
    cr_expect_eq(read.poststop.items[0].args.count, 2);
    cr_expect(read.poststop.items[0].timeout.set && read.poststop.items[0].timeout.value == 7);
    cr_assert_eq(read.annotations.count, 1);
    cr_expect_str_eq(read.annotations.items[0].value, written.annotations.items[0].value);
    state_close(&directory);
}

Test(state_record, keeps_absent_and_empty_environments_of_hooks_apart)
{
    autoarena struct arena arena = {NULL};
    own_directory(root);
    struct state_directory directory = {-1};
    static const char *none[] = {NULL};
    struct spec_hook hooks[] = {
        {.path = "/inherits"},
        { .path = "/bare",   .env = {none, 0}}
    };
    struct state_record written = example(), read;
    struct error err;

    written.poststop = (struct spec_hook_list){hooks, 2};
    must(state_claim(root, "web", &directory, &err));
    must(state_write(&directory, &written, &err));
    must(state_read(&directory, "web", &arena, &read, &err));
    cr_assert_eq(read.poststop.count, 2);
    cr_expect_null(read.poststop.items[0].env.items);
    cr_expect_not_null(read.poststop.items[1].env.items);
    cr_expect_eq(read.poststop.items[1].env.count, 0);
    state_close(&directory);
}

Test(state_record, is_replaced_whole_and_leaves_no_temporary_file)
{
    autoarena struct arena arena = {NULL};
    own_directory(root);
    struct state_directory directory = {-1};
    struct state_record record = example();
    struct error err;
    struct stat before, after;
    char *file = path_in(&arena, root, "web/state.json");

    must(state_claim(root, "web", &directory, &err));
    must(state_write(&directory, &record, &err));
    cr_assert_eq(stat(file, &before), 0);
    cr_expect_eq(before.st_mode & 07777, 0600);

    /* Who has the old one open goes on reading the old one. */
    autoclose int reader = open(file, O_RDONLY | O_CLOEXEC);
    char old[4096], new[4096];
    ssize_t length;

    record.phase = STATE_RUNNING;
    must(state_write(&directory, &record, &err));
    cr_assert_eq(stat(file, &after), 0);
    cr_expect_neq(before.st_ino, after.st_ino, "a new file in the place of the old");
    length = read(reader, old, sizeof old - 1);
    cr_assert(length > 0);
    old[length] = '\0';
    cr_expect(strstr(old, "\"starting\"") != NULL);
    cr_expect(strstr(get_file(file, new, sizeof new), "\"running\"") != NULL);
    cr_expect_eq(count_entries(path_in(&arena, root, "web")), 1);
    state_close(&directory);
}

Test(state_record, missing_is_no_container)
{
    autoarena struct arena arena = {NULL};
    own_directory(root);
    struct state_directory directory = {-1};
    struct state_record record;
    struct error err;

    must(state_claim(root, "web", &directory, &err));
    expect_refused(state_read(&directory, "web", &arena, &record, &err), ENOENT,
                   "container does not exist");
    state_close(&directory);
}

/* Damaged is not absent: delete must not take it for a container that has never been. */
static void expect_damaged(struct state_directory *directory, const char *what)
{
    autoarena struct arena arena = {NULL};
    struct state_record record;
    struct error err = {0};
    int code = state_read(directory, "web", &arena, &record, &err);

    cr_expect(code < 0, "%s: is accepted", what);
    cr_expect_eq(code, -err.code);
    cr_expect_neq(err.code, ENOENT, "%s", what);
    cr_expect(strncmp(err.text, "state of \"web\": ", 16) == 0, "%s: %s", what, err.text);
    cr_expect(strstr(err.text, "does not exist") == NULL, "%s: %s", what, err.text);
}

Test(state_record, cut_at_any_byte_is_an_error)
{
    autoarena struct arena arena = {NULL};
    own_directory(root);
    struct state_directory directory = {-1};
    struct state_record record = example();
    struct error err;
    char *file = path_in(&arena, root, "web/state.json");
    struct stat whole;

    must(state_claim(root, "web", &directory, &err));
    must(state_write(&directory, &record, &err));
    cr_assert_eq(stat(file, &whole), 0);
    for (off_t length = whole.st_size - 1; length >= 0; length--) {
        char what[64];

        cr_assert_eq(truncate(file, length), 0);
        snprintf(what, sizeof what, "cut to %lld bytes", (long long)length);
        expect_damaged(&directory, what);
    }
    state_close(&directory);
}

Test(state_record, of_another_kind_is_an_error)
{
    static const struct {
        const char *what;
        const char *json;
        const char *text;
    } rows[] = {
        {"other id",       "{\"version\":1,\"id\":\"other\",\"phase\":\"created\"}",
         "belongs to another container"                                                          },
        {"other version",  "{\"version\":2,\"id\":\"web\",\"phase\":\"created\"}",
         "version 2, not 1"                                                                      },
        {"no version",     "{\"id\":\"web\",\"phase\":\"created\"}",                 "version"   },
        {"no phase",       "{\"version\":1,\"id\":\"web\"}",                         "phase"     },
        {"unknown phase",  "{\"version\":1,\"id\":\"web\",\"phase\":\"dreaming\"}",  "dreaming"  },
        {"pid too large",
         "{\"version\":1,\"id\":\"web\",\"phase\":\"created\",\"init\":{\"pid\":4294967297,"
         "\"startTime\":1}}",                                                        "init.pid"  },
        {"negative pid",
         "{\"version\":1,\"id\":\"web\",\"phase\":\"created\",\"init\":{\"pid\":-1,"
         "\"startTime\":1}}",                                                        "init.pid"  },
        {"an array",       "[]",                                                     "state.json"},
        {"trailing bytes", "{\"version\":1,\"id\":\"web\",\"phase\":\"created\"}{}", "state.json"},
        {"NUL bytes only", "\001\001\001",                                           "state.json"},
    };
    autoarena struct arena arena = {NULL};
    own_directory(root);
    struct state_directory directory = {-1};
    struct state_record record;
    struct error err;
    char *file = path_in(&arena, root, "web/state.json");

    must(state_claim(root, "web", &directory, &err));
    for (size_t i = 0; i < count_of(rows); i++) {
        put_file(file, rows[i].json, 0600);
        expect_damaged(&directory, rows[i].what);
        cr_assert(state_read(&directory, "web", &arena, &record, &err) < 0);
        cr_expect(strstr(err.text, rows[i].text) != NULL, "%s: %s", rows[i].what, err.text);
    }
    state_close(&directory);
}

Test(state_record, a_fifo_or_directory_in_its_place_is_an_error_and_no_hang, .timeout = 20)
{
    autoarena struct arena arena = {NULL};
    own_directory(root);
    struct state_directory directory = {-1};
    struct error err;
    char *file = path_in(&arena, root, "web/state.json");

    must(state_claim(root, "web", &directory, &err));
    cr_assert_eq(mkfifo(file, 0600), 0);
    expect_damaged(&directory, "a FIFO");
    cr_assert_eq(unlink(file), 0);
    cr_assert_eq(mkdir(file, 0700), 0);
    expect_damaged(&directory, "a directory");
    state_close(&directory);
}

Test(state_config, comes_back_with_what_exec_needs)
{
    static const char json[] = "{\"ociVersion\":\"1.3.0\",\"root\":{\"path\":\"rootfs\"},"
                               "\"process\":{\"cwd\":\"/srv\",\"args\":[\"sh\",\"-c\",\"true\"],"
                               "\"user\":{\"uid\":7,\"gid\":8}}}";
    autoarena struct arena arena = {NULL};
    own_directory(root);
    struct state_directory directory = {-1};
    struct spec *written, *read;
    struct error err;

    must(spec_parse(json, sizeof json - 1, "config.json", &arena, NULL, &written, &err));
    must(state_claim(root, "web", &directory, &err));
    must(state_write_config(&directory, written, &err));
    must(state_read_config(&directory, &arena, &read, &err));
    cr_assert_not_null(read->process);
    cr_expect_str_eq(read->process->cwd, "/srv");
    cr_assert_eq(read->process->args.count, 3);
    cr_expect_str_eq(read->process->args.items[2], "true");
    cr_expect_null(read->process->args.items[3], "execve wants a NULL behind the last");
    cr_expect_eq(read->process->user.uid, 7);
    state_close(&directory);
}

/* --- remove ----------------------------------------------------------------------------------- */

Test(state_remove, leaves_nothing_not_even_of_a_killed_writer)
{
    autoarena struct arena arena = {NULL};
    own_directory(root);
    struct state_directory directory = {-1};
    struct state_record record = example();
    struct error err;

    must(state_claim(root, "web", &directory, &err));
    must(state_write(&directory, &record, &err));
    put_file(path_in(&arena, root, "web/config.json"), "{}", 0600);
    put_file(path_in(&arena, root, "web/start.sock"), "", 0600);
    put_file(path_in(&arena, root, "web/.state.json.4242"), "{", 0600);
    must(state_remove(&directory, root, "web", &err));
    cr_expect_eq(count_entries(root), 0);
    must(state_remove(&directory, root, "web", &err));
    state_close(&directory);
}

/* A container that can remount what it sees of notify/ may have filled it. */
Test(state_remove, takes_notify_with_whatever_is_in_it)
{
    autoarena struct arena arena = {NULL};
    own_directory(root);
    own_directory(elsewhere);
    struct state_directory directory = {-1};
    struct state_record record = example();
    struct error err;

    put_file(path_in(&arena, elsewhere, "kept"), "", 0600);
    must(state_claim(root, "web", &directory, &err));
    must(state_write(&directory, &record, &err));
    cr_assert_eq(mkdir(path_in(&arena, root, "web/notify"), 0755), 0);
    cr_assert_eq(mkdir(path_in(&arena, root, "web/notify/deep"), 0755), 0);
    cr_assert_eq(mkdir(path_in(&arena, root, "web/notify/deep/er"), 0755), 0);
    put_file(path_in(&arena, root, "web/notify/deep/state.json"), "", 0600);
    cr_assert_eq(symlink(elsewhere, path_in(&arena, root, "web/notify/link")), 0);
    must(state_remove(&directory, root, "web", &err));
    cr_expect_eq(count_entries(root), 0);
    cr_expect_eq(count_entries(elsewhere), 1, "links are not followed");
    state_close(&directory);
}

Test(state_remove, what_cannot_be_removed_keeps_the_record)
{
    autoarena struct arena arena = {NULL};
    own_directory(root);
    struct state_directory directory = {-1};
    struct state_record record = example();
    struct error err;

    must(state_claim(root, "web", &directory, &err));
    must(state_write(&directory, &record, &err));
    cr_assert_eq(mkdir(path_in(&arena, root, "web/odd"), 0700), 0);
    expect_refused(state_remove(&directory, root, "web", &err), EISDIR, "odd");
    cr_expect_eq(access(path_in(&arena, root, "web/state.json"), F_OK), 0);
    state_close(&directory);
}
