#include "cmd/crun-lite/default_config.h"

#include <string.h>

#include "base/own.h"
#include "base/text.h"
#include "spec/fields.h"
#include "spec/spec.h"

/* What people know from `runc spec`: an interactive shell with few rights. */
static const char text_of_default[] =
    "{"
    "  'ociVersion': '" SPEC_VERSION_MOST "',"
    "  'process': {"
    "    'terminal': true,"
    "    'user': {'uid': 0, 'gid': 0},"
    "    'args': ['sh'],"
    "    'env': ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',"
    "            'TERM=xterm'],"
    "    'cwd': '/',"
    "    'capabilities': {"
    "      'bounding':  ['CAP_AUDIT_WRITE', 'CAP_KILL', 'CAP_NET_BIND_SERVICE'],"
    "      'effective': ['CAP_AUDIT_WRITE', 'CAP_KILL', 'CAP_NET_BIND_SERVICE'],"
    "      'permitted': ['CAP_AUDIT_WRITE', 'CAP_KILL', 'CAP_NET_BIND_SERVICE']"
    "    },"
    "    'rlimits': [{'type': 'RLIMIT_NOFILE', 'hard': 1024, 'soft': 1024}],"
    "    'noNewPrivileges': true"
    "  },"
    "  'root': {'path': 'rootfs', 'readonly': true},"
    "  'hostname': 'crun-lite',"
    "  'mounts': ["
    "    {'destination': '/proc', 'type': 'proc', 'source': 'proc'},"
    "    {'destination': '/dev', 'type': 'tmpfs', 'source': 'tmpfs',"
    "     'options': ['nosuid', 'strictatime', 'mode=755', 'size=65536k']},"
    "    {'destination': '/dev/pts', 'type': 'devpts', 'source': 'devpts',"
    "     'options': ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5']},"
    "    {'destination': '/dev/shm', 'type': 'tmpfs', 'source': 'shm',"
    "     'options': ['nosuid', 'noexec', 'nodev', 'mode=1777', 'size=65536k']},"
    "    {'destination': '/dev/mqueue', 'type': 'mqueue', 'source': 'mqueue',"
    "     'options': ['nosuid', 'noexec', 'nodev']},"
    "    {'destination': '/sys', 'type': 'sysfs', 'source': 'sysfs',"
    "     'options': ['nosuid', 'noexec', 'nodev', 'ro']},"
    "    {'destination': '/sys/fs/cgroup', 'type': 'cgroup', 'source': 'cgroup',"
    "     'options': ['nosuid', 'noexec', 'nodev', 'relatime', 'ro']}"
    "  ],"
    "  'linux': {"
    "    'resources': {'devices': [{'allow': false, 'access': 'rwm'}]},"
    "    'namespaces': [{'type': 'pid'}, {'type': 'network'}, {'type': 'ipc'},"
    "                   {'type': 'uts'}, {'type': 'mount'}, {'type': 'cgroup'}],"
    "    'maskedPaths': ['/proc/acpi', '/proc/asound', '/proc/kcore', '/proc/keys',"
    "                    '/proc/latency_stats', '/proc/timer_list', '/proc/timer_stats',"
    "                    '/proc/sched_debug', '/sys/firmware', '/proc/scsi'],"
    "    'readonlyPaths': ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys',"
    "                      '/proc/sysrq-trigger']"
    "  }"
    "}";

static int parse_default(struct arena *arena, struct spec **ret, struct error *err)
{
    char *json = arena_string(arena, text_of_default);

    if (json == NULL)
        return no_memory(err);
    for (char *quote = json; (quote = strchr(quote, '\'')) != NULL;)
        *quote = '"';
    return spec_parse(json, strlen(json), "default config", arena, NULL, ret, err);
}

/* /sys of a network namespace that is not ours to mount anew is bound from the host. */
static const char *bind_options[] = {"rbind", "nosuid", "noexec", "nodev", "ro", NULL};

/* Groups beside the one that is mapped do not exist inside, so they cannot own anything. */
static void drop_group_options(struct string_list *options)
{
    size_t kept = 0;

    for (size_t i = 0; i < options->count; i++) {
        if (!starts_with(options->items[i], "gid=") && !starts_with(options->items[i], "uid="))
            options->items[kept++] = options->items[i];
    }
    if (options->items != NULL)
        options->items[kept] = NULL;
    options->count = kept;
}

static struct spec_id_mappings map_root_to(uint32_t id, struct arena *arena)
{
    struct spec_id_mapping *mapping = arena_zero(arena, 1, sizeof *mapping);

    if (mapping != NULL)
        *mapping = (struct spec_id_mapping){.container_id = 0, .host_id = id, .size = 1};
    return (struct spec_id_mappings){mapping, 1};
}

/* The same for a user: a user namespace with the one id that everybody may map, the host's network
 * (nobody could connect a new one), no limits (they need a delegated cgroup). */
static int make_rootless(struct spec *spec, const struct default_config *config,
                         struct arena *arena, struct error *err)
{
    struct spec_linux *linux_ = spec->linux_;

    for_each_item (mount, &spec->mounts) {
        drop_group_options(&mount->options);
        if (strcmp(mount->destination, "/sys") == 0) {
            mount->type = "none";
            mount->source = "/sys";
            mount->options = (struct string_list){bind_options, count_of(bind_options) - 1};
        }
    }
    /* Without the network one, and the user one last, as runc writes it. */
    size_t kept = 0;

    for_each_item (namespace, &linux_->namespaces) {
        if (namespace->type != SPEC_NAMESPACE_NETWORK)
            linux_->namespaces.items[kept++] = *namespace;
    }
    linux_->namespaces.items[kept] = (struct spec_namespace){.type = SPEC_NAMESPACE_USER};
    linux_->namespaces.count = kept + 1;
    linux_->resources = NULL;
    linux_->uid_mappings = map_root_to(config->uid, arena);
    linux_->gid_mappings = map_root_to(config->gid, arena);
    if (linux_->uid_mappings.items == NULL || linux_->gid_mappings.items == NULL)
        return no_memory(err);
    return 0;
}

int default_config_print(const struct default_config *config, struct arena *arena, const char **ret,
                         size_t *ret_length, struct error *err)
{
    static const struct json_layout layout = {.indent = "\t"};
    struct spec *spec;
    const char *json;
    size_t length;

    if (parse_default(arena, &spec, err) < 0)
        return -err->code;
    if (config->rootless && make_rootless(spec, config, arena, err) < 0)
        return -err->code;
    if (fields_encode(&spec_fields, spec, &layout, arena, &json, &length, err) < 0)
        return -err->code;
    *ret = arena_print(arena, "%s\n", json);
    *ret_length = length + 1;
    return *ret == NULL ? no_memory(err) : 0;
}
