#include "tests/integration/harness/resctrl.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "tests/integration/harness/fuse.h"
#include "tests/integration/harness/scenario.h"

enum { NODES_MOST = 192, CLASSES_MOST = 4, DOMAINS = 2, FULL_MASK = 0xfff };

/* Node 1 is the root (FUSE_ROOT_ID); 0 is nobody. */
struct node {
    char name[64];
    uint64_t parent;
    bool is_directory;
    char text[1024];
};

struct tree {
    struct node nodes[NODES_MOST];
};

/* --- the tree
 * --------------------------------------------------------------------------------------------- */

static uint64_t add(struct tree *tree, uint64_t parent, const char *name, const char *text)
{
    for (uint64_t i = FUSE_ROOT_ID; i < NODES_MOST; i++) {
        struct node *node = &tree->nodes[i];

        if (node->name[0] != '\0')
            continue;
        *node = (struct node){.parent = parent, .is_directory = text == NULL};
        snprintf(node->name, sizeof node->name, "%s", name);
        snprintf(node->text, sizeof node->text, "%s", text != NULL ? text : "");
        return i;
    }
    _exit(1);
}

static uint64_t find(const struct tree *tree, uint64_t parent, const char *name)
{
    for (uint64_t i = FUSE_ROOT_ID + 1; i < NODES_MOST; i++) {
        if (tree->nodes[i].parent == parent && strcmp(tree->nodes[i].name, name) == 0)
            return i;
    }
    return 0;
}

static void drop(struct tree *tree, uint64_t node)
{
    for (uint64_t i = FUSE_ROOT_ID + 1; i < NODES_MOST; i++) {
        if (tree->nodes[i].name[0] != '\0' && tree->nodes[i].parent == node)
            drop(tree, i);
    }
    tree->nodes[node] = (struct node){0};
}

static void add_group(struct tree *tree, uint64_t group)
{
    static const char *const domains[DOMAINS] = {"mon_L3_00", "mon_L3_01"};
    uint64_t data = add(tree, group, "mon_data", NULL);

    add(tree, group, "tasks", "");
    for (size_t i = 0; i < DOMAINS; i++) {
        uint64_t domain = add(tree, data, domains[i], NULL);

        add(tree, domain, "llc_occupancy", "4096\n");
        add(tree, domain, "mbm_total_bytes", "1000\n");
        add(tree, domain, "mbm_local_bytes", i == 0 ? "900\n" : "Unavailable\n");
    }
}

static void add_class(struct tree *tree, uint64_t class)
{
    add_group(tree, class);
    add(tree, class, "schemata", "    L3:0=fff;1=fff\n    MB:0=100;1=100\n");
    add(tree, class, "mon_groups", NULL);
}

static void add_info(struct tree *tree)
{
    uint64_t info = add(tree, FUSE_ROOT_ID, "info", NULL), resource;

    add(tree, info, "last_cmd_status", "ok\n");
    resource = add(tree, info, "L3", NULL);
    add(tree, resource, "cbm_mask", "fff\n");
    add(tree, resource, "min_cbm_bits", "1\n");
    add(tree, resource, "num_closids", "4\n");
    resource = add(tree, info, "MB", NULL);
    add(tree, resource, "bandwidth_gran", "10\n");
    add(tree, resource, "delay_linear", "1\n");
    add(tree, resource, "min_bandwidth", "10\n");
    add(tree, resource, "num_closids", "4\n");
}

static bool is_class(const struct tree *tree, uint64_t node)
{
    return node == FUSE_ROOT_ID ||
           (tree->nodes[node].parent == FUSE_ROOT_ID && find(tree, node, "schemata") != 0);
}

/* --- what the kernel does
 * -----------------------------------------------------------------------------------------------
 */

static int refuse_write(struct tree *tree, int code, const char *why)
{
    struct node *status =
        &tree->nodes[find(tree, find(tree, FUSE_ROOT_ID, "info"), "last_cmd_status")];

    snprintf(status->text, sizeof status->text, "%s\n", why);
    return code;
}

static void take_task(struct tree *tree, uint64_t tasks, const char *pid)
{
    char line[32];
    char *text = tree->nodes[tasks].text, *at = text;
    size_t length = (size_t)snprintf(line, sizeof line, "%s\n", pid);

    while ((at = strstr(at, line)) != NULL) {
        if (at == text || at[-1] == '\n')
            memmove(at, at + length, strlen(at + length) + 1);
        else
            at++;
    }
}

static bool has_task(const struct tree *tree, uint64_t tasks, const char *pid)
{
    struct tree *copy = malloc(sizeof *copy);
    bool has;

    *copy = *tree;
    take_task(copy, tasks, pid);
    has = strcmp(copy->nodes[tasks].text, tree->nodes[tasks].text) != 0;
    free(copy);
    return has;
}

static int write_task(struct tree *tree, uint64_t tasks, const char *data)
{
    uint64_t group = tree->nodes[tasks].parent;
    char pid[16];

    snprintf(pid, sizeof pid, "%d", atoi(data));
    if (kill(atoi(data), 0) < 0)
        return ESRCH;
    if (is_class(tree, group)) {
        for (uint64_t i = 0; i < NODES_MOST; i++) {
            if (strcmp(tree->nodes[i].name, "tasks") == 0)
                take_task(tree, i, pid);
        }
    } else if (!has_task(tree, find(tree, tree->nodes[tree->nodes[group].parent].parent, "tasks"),
                         pid)) {
        return refuse_write(tree, EINVAL, "Can't move task to different control group");
    }
    strcat(strcat(tree->nodes[tasks].text, pid), "\n");
    return 0;
}

static int read_shares(const char *line, int base, unsigned shares[DOMAINS])
{
    while (*line == '0' || *line == '1') {
        unsigned domain = (unsigned)(*line - '0');
        char *end;

        if (line[1] != '=')
            return -1;
        shares[domain] = (unsigned)strtoul(line + 2, &end, base);
        line = end + (*end == ';');
    }
    return *line == '\0' ? 0 : -1;
}

static int write_schemata(struct tree *tree, uint64_t schemata, const char *data)
{
    char *old = tree->nodes[schemata].text, copy[1024];
    unsigned mask[DOMAINS], bandwidth[DOMAINS];

    if (sscanf(old, " L3:0=%x;1=%x MB:0=%u;1=%u", &mask[0], &mask[1], &bandwidth[0],
               &bandwidth[1]) != 4 ||
        data[strlen(data) - 1] != '\n')
        return EINVAL;
    snprintf(copy, sizeof copy, "%s", data);
    for (char *rest = copy, *line; (line = strsep(&rest, "\n")) != NULL && *line != '\0';) {
        line += strspn(line, " ");
        if (strncmp(line, "L3:", 3) != 0 && strncmp(line, "MB:", 3) != 0)
            return refuse_write(tree, EINVAL, "Unknown or unsupported resource name");
        if (read_shares(line + 3, *line == 'L' ? 16 : 10, *line == 'L' ? mask : bandwidth) < 0)
            return refuse_write(tree, EINVAL, "Invalid value");
    }
    for (size_t i = 0; i < DOMAINS; i++) {
        bandwidth[i] = (bandwidth[i] + 9) / 10 * 10;
        if (mask[i] == 0 || mask[i] > FULL_MASK || bandwidth[i] < 10 || bandwidth[i] > 100)
            return refuse_write(tree, EINVAL, "Mask out of range");
    }
    snprintf(old, sizeof tree->nodes[schemata].text, "    L3:0=%03x;1=%03x\n    MB:0=%3u;1=%3u\n",
             mask[0], mask[1], bandwidth[0], bandwidth[1]);
    return 0;
}

static int make_directory(struct tree *tree, uint64_t parent, const char *name, uint64_t *ret)
{
    size_t classes = 1;

    for (uint64_t i = FUSE_ROOT_ID + 1; i < NODES_MOST; i++)
        classes += tree->nodes[i].parent == FUSE_ROOT_ID && is_class(tree, i);
    if (find(tree, parent, name) != 0)
        return EEXIST;
    if (strcmp(tree->nodes[parent].name, "mon_groups") == 0) {
        *ret = add(tree, parent, name, NULL);
        add_group(tree, *ret);
        return 0;
    }
    if (parent != FUSE_ROOT_ID)
        return EPERM;
    if (classes == CLASSES_MOST)
        return refuse_write(tree, ENOSPC, "Out of CLOSIDs");
    *ret = add(tree, parent, name, NULL);
    add_class(tree, *ret);
    return 0;
}

static int remove_directory(struct tree *tree, uint64_t parent, const char *name)
{
    uint64_t node = find(tree, parent, name);

    if (node == 0)
        return ENOENT;
    if (!is_class(tree, node) && strcmp(tree->nodes[parent].name, "mon_groups") != 0)
        return EPERM;
    drop(tree, node);
    return 0;
}

/* Who has ended is in nobody's list. */
static void forget_the_dead(struct node *tasks)
{
    char text[sizeof tasks->text], *rest = text, *pid;

    memcpy(text, tasks->text, sizeof text);
    tasks->text[0] = '\0';
    while ((pid = strsep(&rest, "\n")) != NULL && *pid != '\0') {
        if (kill(atoi(pid), 0) == 0)
            strcat(strcat(tasks->text, pid), "\n");
    }
}

/* --- fuse(4)
 * -------------------------------------------------------------------------------------------- */

static struct fuse_attr attributes_of(const struct tree *tree, uint64_t node)
{
    return (struct fuse_attr){
        .ino = node,
        .mode = tree->nodes[node].is_directory ? S_IFDIR | 0755 : S_IFREG | 0644,
        .nlink = 1,
    };
}

static void answer_entry(int fuse, const struct fuse_question *question, const struct tree *tree,
                         uint64_t node)
{
    struct fuse_entry_out out = {.nodeid = node, .attr = attributes_of(tree, node)};

    fuse_answer(fuse, question, 0, &out, sizeof out);
}

static void answer_read(int fuse, const struct fuse_question *question, struct tree *tree)
{
    const struct fuse_read_in *in = (const void *)question->body;
    struct node *node = &tree->nodes[question->header.nodeid];
    size_t length;

    if (strcmp(node->name, "tasks") == 0)
        forget_the_dead(node);
    length = strlen(node->text);
    fuse_answer(fuse, question, 0, node->text + (in->offset < length ? in->offset : length),
                in->offset < length ? length - in->offset : 0);
}

static void answer_names(int fuse, const struct fuse_question *question, const struct tree *tree)
{
    const struct fuse_read_in *in = (const void *)question->body;
    char out[4096] = "";
    size_t length = 0;

    for (uint64_t i = in->offset + FUSE_ROOT_ID; i < NODES_MOST; i++) {
        const struct node *node = &tree->nodes[i];
        struct fuse_dirent *entry = (void *)(out + length);

        if (i == FUSE_ROOT_ID || node->name[0] == '\0' || node->parent != question->header.nodeid)
            continue;
        *entry = (struct fuse_dirent){.ino = i,
                                      .off = i,
                                      .namelen = (uint32_t)strlen(node->name),
                                      .type = node->is_directory ? S_IFDIR >> 12 : S_IFREG >> 12};
        memcpy(entry->name, node->name, entry->namelen);
        length += FUSE_DIRENT_SIZE(entry);
        if (length > in->size - 128 || length > sizeof out - 128)
            break;
    }
    fuse_answer(fuse, question, 0, out, length);
}

static void answer_write(int fuse, const struct fuse_question *question, struct tree *tree)
{
    const struct fuse_write_in *in = (const void *)question->body;
    uint64_t node = question->header.nodeid;
    struct fuse_write_out out = {.size = in->size};
    char data[1024];
    int code;

    snprintf(data, sizeof data, "%.*s", (int)in->size, question->body + sizeof *in);
    code = strcmp(tree->nodes[node].name, "tasks") == 0 ? write_task(tree, node, data)
                                                        : write_schemata(tree, node, data);
    fuse_answer(fuse, question, code, &out, code == 0 ? sizeof out : 0);
}

static void answer_node(int fuse, const struct fuse_question *question, struct tree *tree)
{
    uint64_t parent = question->header.nodeid, node = 0;
    int code = 0;

    switch (question->header.opcode) {
    case FUSE_LOOKUP:
        node = find(tree, parent, question->body);
        code = node == 0 ? ENOENT : 0;
        break;
    case FUSE_MKDIR:
        code = make_directory(tree, parent, question->body + sizeof(struct fuse_mkdir_in), &node);
        break;
    default:
        code = remove_directory(tree, parent, question->body);
    }
    if (node != 0)
        answer_entry(fuse, question, tree, node);
    else
        fuse_answer(fuse, question, code, NULL, 0);
}

static void serve(int fuse, const struct fuse_question *question, void *context)
{
    struct tree *tree = context;
    struct fuse_open_out opened = {.open_flags = FOPEN_DIRECT_IO};
    struct fuse_attr_out attributes = {.attr = attributes_of(tree, question->header.nodeid)};

    switch (question->header.opcode) {
    case FUSE_FORGET:
    case FUSE_BATCH_FORGET:
    case FUSE_INTERRUPT:
        return;
    case FUSE_GETATTR:
    case FUSE_SETATTR: /* O_TRUNC, which pseudo files do not care about */
        fuse_answer(fuse, question, 0, &attributes, sizeof attributes);
        return;
    case FUSE_LOOKUP:
    case FUSE_MKDIR:
    case FUSE_RMDIR:
        answer_node(fuse, question, tree);
        return;
    case FUSE_OPEN:
    case FUSE_OPENDIR:
        fuse_answer(fuse, question, 0, &opened, sizeof opened);
        return;
    case FUSE_READ:
        answer_read(fuse, question, tree);
        return;
    case FUSE_READDIR:
        answer_names(fuse, question, tree);
        return;
    case FUSE_WRITE:
        answer_write(fuse, question, tree);
        return;
    case FUSE_RELEASE:
    case FUSE_RELEASEDIR:
        fuse_answer(fuse, question, 0, NULL, 0);
        return;
    default:
        fuse_answer(fuse, question, ENOSYS, NULL, 0);
    }
}

/* --- for tests
 * -----------------------------------------------------------------------------------------------
 */

/* The type of a mount cannot be made up, but what a process reads about its mounts can: there is a
 * file of its own over its mountinfo, in a mount namespace of its own. */
static const char *make_wrapper(const char *place)
{
    const char *mountinfo = work_path("mountinfo");
    const char *inner = work_script("over-mountinfo",
                                    text("cat /proc/self/mountinfo >%s\n"
                                         "echo '9999 1 0:99 / %s rw - resctrl resctrl rw' >>%s\n"
                                         "mount -n --bind %s /proc/$$/mountinfo && exec \"$@\"",
                                         mountinfo, place, mountinfo, mountinfo));

    return work_script("with-resctrl", text("exec unshare -m %s \"$@\"", inner));
}

struct resctrl resctrl_mount(void)
{
    struct resctrl resctrl = {.place = work_path("resctrl")};
    static struct tree tree;

    add(&tree, 0, "/", NULL);
    add_class(&tree, FUSE_ROOT_ID);
    add_info(&tree);
    cr_assert(mkdir(resctrl.place, 0755) == 0, "%s", strerror(errno));
    resctrl.server = fuse_serve(resctrl.place, serve, &tree);
    if (resctrl.server < 0)
        skip("no /dev/fuse: %s", strerror(errno));
    resctrl.wrapper = make_wrapper(resctrl.place);
    return resctrl;
}

void resctrl_unmount(struct resctrl *resctrl)
{
    fuse_end(resctrl->server, resctrl->place);
}

const char *resctrl_file(const struct resctrl *resctrl, const char *format, ...)
{
    char name[256];
    va_list values;

    va_start(values, format);
    vsnprintf(name, sizeof name, format, values);
    va_end(values);
    return file_text(text("%s/%s", resctrl->place, name));
}
