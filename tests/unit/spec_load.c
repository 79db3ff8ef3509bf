/* From a bundle on disk to the model. */

#include <sys/stat.h>

#include "base/own.h"
#include "spec_help.h"

static const char realistic[] =
    "{\n"
    "  \"ociVersion\": \"1.0.2-dev\",\n"
    "  \"process\": {\n"
    "    \"terminal\": true, \"consoleSize\": {\"height\": 25, \"width\": 80},\n"
    "    \"user\": {\"uid\": 1, \"gid\": 2, \"umask\": 18, \"additionalGids\": [5, 6]},\n"
    "    \"args\": [\"sh\", \"-c\", \"echo \\\"\\u00e4\\ud83d\\ude00\\\" \\/ \xc3\xa4\"],\n"
    "    \"env\": [\"PATH=/usr/bin:/bin\", \"TERM=xterm\"],\n"
    "    \"cwd\": \"/\",\n"
    "    \"capabilities\": {\"bounding\": [\"CAP_KILL\"], \"ambient\": []},\n"
    "    \"rlimits\": [{\"type\": \"RLIMIT_NOFILE\", \"hard\": 18446744073709551615, \"soft\": "
    "1024}],\n"
    "    \"noNewPrivileges\": true, \"oomScoreAdj\": -999\n"
    "  },\n"
    "  \"root\": {\"path\": \"rootfs\", \"readonly\": true},\n"
    "  \"hostname\": \"box\",\n"
    "  \"mounts\": [\n"
    "    {\"destination\": \"/proc\", \"type\": \"proc\", \"source\": \"proc\"},\n"
    "    {\"destination\": \"/dev/shm\", \"type\": \"tmpfs\", \"source\": \"shm\",\n"
    "     \"options\": [\"nosuid\", \"mode=1777\", \"size=65536k\"]}\n"
    "  ],\n"
    "  \"hooks\": {\"createRuntime\": [{\"path\": \"/bin/true\", \"timeout\": 5}]},\n"
    "  \"linux\": {\n"
    "    \"namespaces\": [{\"type\": \"pid\"}, {\"type\": \"mount\"}, {\"type\": \"uts\"},\n"
    "                   {\"type\": \"network\", \"path\": \"/run/netns/x\"}],\n"
    "    \"resources\": {\n"
    "      \"devices\": [{\"allow\": false, \"access\": \"rwm\"},\n"
    "                  {\"allow\": true, \"type\": \"c\", \"major\": 1, \"minor\": 3, \"access\": "
    "\"rw\"}],\n"
    "      \"memory\": {\"limit\": 536870912, \"swap\": -1, \"disableOOMKiller\": false},\n"
    "      \"cpu\": {\"quota\": 25000, \"period\": 100000, \"cpus\": \"0-1\"},\n"
    "      \"pids\": {\"limit\": 100},\n"
    "      \"unified\": {\"memory.high\": \"max\"}\n"
    "    },\n"
    "    \"sysctl\": {\"net.core.somaxconn\": \"256\"},\n"
    "    \"seccomp\": {\"defaultAction\": \"SCMP_ACT_ERRNO\", \"architectures\": "
    "[\"SCMP_ARCH_X86_64\"],\n"
    "      \"syscalls\": [{\"names\": [\"read\", \"write\"], \"action\": \"SCMP_ACT_ALLOW\",\n"
    "        \"args\": [{\"index\": 1, \"value\": 2, \"op\": \"SCMP_CMP_NE\"}]}]},\n"
    "    \"maskedPaths\": [\"/proc/kcore\"],\n"
    "    \"cgroupsPath\": \"/a/b\", \"rootfsPropagation\": \"slave\"\n"
    "  },\n"
    "  \"annotations\": {\"com.example.key\": \"value\", \"n\": null_or_not}\n"
    "}\n";

/* The text above with its last member made good. */
static char *realistic_text(struct arena *arena)
{
    char *text = arena_string(arena, realistic);
    char *hole = strstr(text, "null_or_not");

    memcpy(hole, "\"a, \\n b\\t\"", strlen("null_or_not"));
    return text;
}

/* --- memory to model -----------------------------------------------------------------------------
 */

Test(spec_load, members_arrive_where_they_belong)
{
    struct arena arena = {0};
    const char *text = realistic_text(&arena);
    struct spec *spec = NULL;
    struct error err = {0};

    cr_assert_eq(spec_parse(text, strlen(text), "config.json", &arena, NULL, &spec, &err), 0, "%s",
                 err.text);
    cr_expect_str_eq(spec->oci_version, "1.0.2-dev");
    cr_expect(spec->process->terminal && spec->process->no_new_privileges);
    cr_expect_eq(spec->process->console_size->width, 80);
    cr_expect_eq(spec->process->user.gid, 2);
    cr_expect(spec->process->user.umask.set && spec->process->user.umask.value == 022);
    cr_expect_eq(spec->process->user.additional_gids.items[1], 6);
    cr_expect_str_eq(spec->process->args.items[2], "echo \"\xc3\xa4\xf0\x9f\x98\x80\" / \xc3\xa4");
    cr_expect_eq(spec->process->rlimits.items[0].hard, UINT64_MAX);
    cr_expect_eq(spec->process->oom_score_adj.value, -999);
    cr_expect_not_null(spec->process->capabilities->ambient.items);
    cr_expect_null(spec->process->capabilities->effective.items);
    cr_expect(spec->root->readonly);
    cr_expect_str_eq(spec->mounts.items[1].options.items[2], "size=65536k");
    cr_expect_eq(spec->hooks->create_runtime.items[0].timeout.value, 5);
    cr_expect_eq(spec->linux_->rootfs_propagation, SPEC_PROPAGATION_SLAVE);
    cr_expect_str_eq(spec->linux_->sysctl.items[0].value, "256");
    cr_expect_str_eq(spec->annotations.items[1].value, "a, \n b\t");

    const struct spec_resources *resources = spec->linux_->resources;

    cr_expect(!resources->devices.items[0].type.set && !resources->devices.items[0].major.set);
    cr_expect_eq(resources->devices.items[1].minor.value, 3);
    cr_expect_eq(resources->memory->swap.value, -1);
    cr_expect(resources->memory->disable_oom_killer.set &&
              !resources->memory->disable_oom_killer.value);
    cr_expect(!resources->memory->reservation.set);
    cr_expect_eq(resources->cpu->quota.value, 25000);

    const struct spec_seccomp_syscall *syscall = &spec->linux_->seccomp->syscalls.items[0];

    cr_expect_eq(syscall->action, SPEC_SECCOMP_ALLOW);
    cr_expect_eq(syscall->args.items[0].op, SPEC_SECCOMP_NE);
    cr_expect_eq(spec->linux_->seccomp->architectures.items[0], SPEC_ARCH_X86_64);
    arena_free(&arena);
}

Test(spec_load, namespaces_are_found_by_type)
{
    struct arena arena = {0};
    const char *text = realistic_text(&arena);
    struct spec *spec = NULL;
    struct spec empty = {0};
    struct error err;

    cr_assert_eq(spec_parse(text, strlen(text), "config.json", &arena, NULL, &spec, &err), 0);
    cr_expect_str_eq(spec_namespace_find(spec, SPEC_NAMESPACE_NETWORK)->path, "/run/netns/x");
    cr_expect_null(spec_namespace_find(spec, SPEC_NAMESPACE_PID)->path);
    cr_expect_null(spec_namespace_find(spec, SPEC_NAMESPACE_USER));
    cr_expect_null(spec_namespace_find(&empty, SPEC_NAMESPACE_PID));
    arena_free(&arena);
}

Test(spec_load, a_list_is_visited_item_by_item_and_an_absent_one_not_at_all)
{
    struct arena arena = {0};
    const char *text = realistic_text(&arena);
    struct spec *spec = NULL;
    struct error err;
    size_t mounts = 0;
    size_t devices = 0;

    cr_assert_eq(spec_parse(text, strlen(text), "config.json", &arena, NULL, &spec, &err), 0);
    for_each_item (mount, &spec->mounts)
        cr_expect_eq(mount, &spec->mounts.items[mounts++]);
    for_each_item (device, &spec->linux_->devices)
        devices += device != NULL;
    cr_expect_eq(mounts, 2);
    cr_expect_eq(devices, 0);
    arena_free(&arena);
}

Test(spec_load, a_text_cut_short_anywhere_is_refused_with_line_and_column)
{
    struct arena arena = {0};
    const char *text = realistic_text(&arena);
    size_t length = strlen(text) - strlen("}\n");
    struct error err = {0};

    for (size_t cut = 1; cut <= length; cut++) {
        char *part = malloc(cut);
        struct spec *spec = NULL;
        struct arena scratch = {0};

        /* Memory of its own, so that a sanitizer sees a read behind the end. */
        memcpy(part, text, cut);
        cr_expect_eq(spec_parse(part, cut, "config.json", &scratch, NULL, &spec, &err), -EINVAL);
        cr_expect(strncmp(err.text, "config.json: line ", 18) == 0, "%zu bytes: %s", cut, err.text);
        cr_expect_null(spec);
        arena_free(&scratch);
        free(part);
    }
    arena_free(&arena);
}

/* Whatever a byte becomes, the answer is yes or no, with words. */
Test(spec_load, a_text_with_any_byte_changed_is_accepted_or_refused)
{
    static const char replacements[] = {'\0', '"', '\\', '{', ']', '0', '\xff'};
    struct arena arena = {0};
    char *text = realistic_text(&arena);
    size_t length = strlen(text);
    size_t refused = 0;

    for (size_t i = 0; i < length; i++) {
        char kept = text[i];
        struct arena scratch = {0};
        struct spec *spec = NULL;
        struct error err = {0};

        text[i] = replacements[i % sizeof replacements];
        if (spec_parse(text, length, "config.json", &scratch, NULL, &spec, &err) < 0) {
            cr_expect(strncmp(err.text, "config.json: ", 13) == 0, "%s", err.text);
            cr_expect_null(strchr(err.text, '\n'));
            refused++;
        }
        arena_free(&scratch);
        text[i] = kept;
    }
    cr_expect_gt(refused, length / 2);
    arena_free(&arena);
}

Test(spec_load, an_error_keeps_its_place_however_long_the_value)
{
    struct arena arena = {0};
    struct error err = {0};
    char *value = arena_zero(&arena, 10001, 1);

    memset(value, '\x1f', 10000);
    for (size_t i = 0; i < 10000; i += 6)
        memcpy(value + i, "\\u001b", i + 6 <= 10000 ? 6 : 0);
    value[9996] = '\0';
    verdict(arena_print(&arena,
                        "{\"ociVersion\":\"1.0.0\",\"root\":{\"path\":\"r\"},"
                        "\"process\":{\"cwd\":\"%s\"}}",
                        value),
            &err);
    cr_expect(strncmp(err.text, "config.json: process.cwd: \"\\x1b\\x1b", 34) == 0, "%s", err.text);
    cr_expect(strstr(err.text, "...\" is not an absolute path") != NULL, "%s", err.text);
    arena_free(&arena);
}

/* --- disk to memory
 * -------------------------------------------------------------------------------- */

struct bundle {
    char path[64];
    int dir;
};

static struct bundle make_bundle(void)
{
    struct bundle bundle = {.path = "/tmp/spec_load.XXXXXX"};

    cr_assert_not_null(mkdtemp(bundle.path));
    bundle.dir = open(bundle.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cr_assert_geq(bundle.dir, 0);
    return bundle;
}

static void remove_bundle(struct bundle *bundle)
{
    if (unlinkat(bundle->dir, "config.json", 0) < 0)
        unlinkat(bundle->dir, "config.json", AT_REMOVEDIR);
    cr_expect_eq(rmdir(bundle->path), 0);
    close_fd(&bundle->dir);
}

static void write_config(const struct bundle *bundle, const char *text)
{
    autoclose int fd = openat(bundle->dir, "config.json", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
                              0600);

    cr_assert_eq(write_all(fd, text, strlen(text)), 0);
}

static void expect_load(const struct bundle *bundle, int code, const char *message)
{
    struct arena arena = {0};
    struct error err = {0};
    struct spec *spec = NULL;

    cr_expect_eq(spec_load(bundle->dir, bundle->path, &arena, NULL, &spec, &err), code);
    cr_expect_str_eq(err.text, message);
    cr_expect_eq(spec == NULL, code < 0);
    arena_free(&arena);
}

Test(spec_load, a_missing_file_is_told_with_its_bundle)
{
    struct bundle bundle = make_bundle();
    char message[200];

    snprintf(message, sizeof message, "JSON specification file config.json not found in %s",
             bundle.path);
    expect_load(&bundle, -ENOENT, message);
    remove_bundle(&bundle);
}

Test(spec_load, the_file_in_the_bundle_is_read)
{
    struct bundle bundle = make_bundle();
    struct arena arena = {0};

    write_config(&bundle, realistic_text(&arena));
    expect_load(&bundle, 0, "");
    write_config(&bundle, "{\"ociVersion\":\"1.0.0\",\"root\":{\"path\":7}}");
    expect_load(&bundle, -EINVAL, "config.json: root.path: expected string, found number");
    write_config(&bundle, "");
    expect_load(&bundle, -EINVAL, "config.json: is empty");
    arena_free(&arena);
    remove_bundle(&bundle);
}

Test(spec_load, what_is_no_regular_file_neither_hangs_nor_is_read, .timeout = 20)
{
    struct bundle bundle = make_bundle();

    cr_assert_eq(mkdirat(bundle.dir, "config.json", 0700), 0);
    expect_load(&bundle, -EINVAL, "config.json: not a regular file");
    cr_assert_eq(unlinkat(bundle.dir, "config.json", AT_REMOVEDIR), 0);
    cr_assert_eq(mkfifoat(bundle.dir, "config.json", 0600), 0);
    expect_load(&bundle, -EINVAL, "config.json: not a regular file");
    cr_assert_eq(unlinkat(bundle.dir, "config.json", 0), 0);
    cr_assert_eq(symlinkat("/dev/zero", bundle.dir, "config.json"), 0);
    expect_load(&bundle, -EINVAL, "config.json: not a regular file");
    remove_bundle(&bundle);
}

Test(spec_load, a_gigabyte_is_not_read)
{
    struct bundle bundle = make_bundle();
    int fd = openat(bundle.dir, "config.json", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    cr_assert_eq(ftruncate(fd, 1 << 30), 0);
    close_fd(&fd);
    expect_load(&bundle, -EFBIG, "config.json: larger than 16777216 bytes");
    remove_bundle(&bundle);
}
