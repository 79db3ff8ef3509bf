/* The only door to libsystemd: found when a unit is asked for, so that nobody else pays for it. */

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/own.h"
#include "cgroups/directories.h"
#include "cgroups/systemd.h"

/* From the man pages sd_bus_*(3): the ABI has been stable since systemd 221. */
struct sd_bus_error {
    const char *name;
    const char *message;
    int need_free;
};
struct sd_bus;
struct sd_message;
typedef int sd_handler(struct sd_message *message, void *context, struct sd_bus_error *error);

struct library {
    int (*bus_new)(struct sd_bus **ret);
    int (*set_address)(struct sd_bus *bus, const char *address);
    int (*set_bus_client)(struct sd_bus *bus, int is_client);
    int (*start)(struct sd_bus *bus);
    int (*is_ready)(struct sd_bus *bus);
    int (*process)(struct sd_bus *bus, struct sd_message **ret);
    int (*wait)(struct sd_bus *bus, uint64_t microseconds);
    int (*add_filter)(struct sd_bus *bus, void **slot, sd_handler *handler, void *context);
    void (*close)(struct sd_bus *bus);
    struct sd_bus *(*unref)(struct sd_bus *bus);
    int (*new_call)(struct sd_bus *bus, struct sd_message **ret, const char *destination,
                    const char *path, const char *interface, const char *member);
    int (*append_basic)(struct sd_message *message, char type, const void *value);
    int (*append_array)(struct sd_message *message, char type, const void *items, size_t size);
    int (*open_container)(struct sd_message *message, char type, const char *contents);
    int (*close_container)(struct sd_message *message);
    int (*enter_container)(struct sd_message *message, char type, const char *contents);
    int (*call)(struct sd_bus *bus, struct sd_message *message, uint64_t microseconds,
                struct sd_bus_error *error, struct sd_message **ret);
    int (*read_basic)(struct sd_message *message, char type, void *ret);
    int (*is_signal)(struct sd_message *message, const char *interface, const char *member);
    struct sd_message *(*message_unref)(struct sd_message *message);
    void (*error_free)(struct sd_bus_error *error);
};

static const struct {
    const char *name;
    size_t offset;
} symbols[] = {
    {"sd_bus_new",                     offsetof(struct library, bus_new)        },
    {"sd_bus_set_address",             offsetof(struct library, set_address)    },
    {"sd_bus_set_bus_client",          offsetof(struct library, set_bus_client) },
    {"sd_bus_start",                   offsetof(struct library, start)          },
    {"sd_bus_is_ready",                offsetof(struct library, is_ready)       },
    {"sd_bus_process",                 offsetof(struct library, process)        },
    {"sd_bus_wait",                    offsetof(struct library, wait)           },
    {"sd_bus_add_filter",              offsetof(struct library, add_filter)     },
    {"sd_bus_close",                   offsetof(struct library, close)          },
    {"sd_bus_unref",                   offsetof(struct library, unref)          },
    {"sd_bus_message_new_method_call", offsetof(struct library, new_call)       },
    {"sd_bus_message_append_basic",    offsetof(struct library, append_basic)   },
    {"sd_bus_message_append_array",    offsetof(struct library, append_array)   },
    {"sd_bus_message_open_container",  offsetof(struct library, open_container) },
    {"sd_bus_message_close_container", offsetof(struct library, close_container)},
    {"sd_bus_message_enter_container", offsetof(struct library, enter_container)},
    {"sd_bus_call",                    offsetof(struct library, call)           },
    {"sd_bus_message_read_basic",      offsetof(struct library, read_basic)     },
    {"sd_bus_message_is_signal",       offsetof(struct library, is_signal)      },
    {"sd_bus_message_unref",           offsetof(struct library, message_unref)  },
    {"sd_bus_error_free",              offsetof(struct library, error_free)     },
};

static const char service[] = "org.freedesktop.systemd1";
static const char object[] = "/org/freedesktop/systemd1";
static const char interface[] = "org.freedesktop.systemd1.Manager";

struct bus {
    struct library sd;
    void *handle;
    struct sd_bus *connection;
    const char *manager;
    int64_t deadline; /* as cgroup_clock() */
    const char *job;  /* the one we wait for */
    char result[32];  /* "done", "failed", ...; "" as long as it is not over */
};

static int load(struct bus *bus, struct error *err)
{
    static const char name[] = "libsystemd.so.0";

    bus->handle = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (bus->handle == NULL)
        return refuse(err, ENOENT,
                      "the systemd cgroup manager needs the library %s, which is not here (package "
                      "libsystemd0 or systemd-libs)",
                      name);
    for (size_t i = 0; i < count_of(symbols); i++) {
        void *symbol = dlsym(bus->handle, symbols[i].name);

        if (symbol == NULL)
            return refuse(err, ENOSYS, "the library %s is too old: it has no %s", name,
                          symbols[i].name);
        memcpy((char *)&bus->sd + symbols[i].offset, &symbol, sizeof symbol);
    }
    return 0;
}

bool bus_has_library(void)
{
    struct bus bus = {.handle = NULL};
    struct error ignored;
    bool loaded = load(&bus, &ignored) == 0;

    if (bus.handle != NULL)
        dlclose(bus.handle);
    return loaded;
}

static uint64_t microseconds_left(const struct bus *bus)
{
    int64_t left = bus->deadline - cgroup_clock();

    return left <= 0 ? 0 : (uint64_t)left * 1000;
}

static int too_late(const struct bus *bus, const char *what, struct error *err)
{
    return refuse(err, ETIMEDOUT, "%s systemd%s%s: no answer in time: it is busy, or dead", what,
                  bus->manager != NULL ? " at " : "", bus->manager != NULL ? bus->manager : "");
}

static int on_message(struct sd_message *message, void *context, struct sd_bus_error *error)
{
    struct bus *bus = context;
    uint32_t id;
    const char *job;
    const char *unit;
    const char *result;

    (void)error;
    if (bus->job == NULL || bus->sd.is_signal(message, interface, "JobRemoved") <= 0)
        return 0;
    if (bus->sd.read_basic(message, 'u', &id) > 0 && bus->sd.read_basic(message, 'o', &job) > 0 &&
        bus->sd.read_basic(message, 's', &unit) > 0 &&
        bus->sd.read_basic(message, 's', &result) > 0 && strcmp(job, bus->job) == 0)
        snprintf(bus->result, sizeof bus->result, "%s", result);
    return 0;
}

static void disconnect(struct bus *bus)
{
    if (bus->connection == NULL)
        return;
    bus->sd.close(bus->connection);
    bus->sd.unref(bus->connection);
    bus->connection = NULL;
}

/* The library itself would wait for a handshake for 90 s. */
static int await_ready(struct bus *bus)
{
    int code = 0;

    while (code >= 0 && (code = bus->sd.is_ready(bus->connection)) == 0) {
        if (microseconds_left(bus) == 0)
            return -ETIMEDOUT;
        code = bus->sd.process(bus->connection, NULL);
        if (code == 0)
            code = bus->sd.wait(bus->connection, microseconds_left(bus));
    }
    return code < 0 ? code : 0;
}

static int connect_to(struct bus *bus, const char *path, bool is_daemon)
{
    char address[256];
    int code;

    if (strpbrk(path, ",;%=:") != NULL ||
        snprintf(address, sizeof address, "unix:path=%s", path) >= (int)sizeof address)
        return -EINVAL;
    code = bus->sd.bus_new(&bus->connection);
    if (code >= 0)
        code = bus->sd.set_address(bus->connection, address);
    if (code >= 0)
        code = bus->sd.set_bus_client(bus->connection, is_daemon);
    if (code >= 0)
        code = bus->sd.add_filter(bus->connection, NULL, on_message, bus);
    if (code >= 0)
        code = bus->sd.start(bus->connection);
    if (code >= 0)
        code = await_ready(bus);
    if (code < 0)
        disconnect(bus);
    return code < 0 ? code : 0;
}

/* systemd's own socket first: without the daemon in between there is nobody to greet, to subscribe
 * with, or to be slow.  The signal that a job of ours is over comes to us unasked on either. */
static int connect_manager(struct bus *bus, struct error *err)
{
    const char *directory = bus->manager != NULL ? bus->manager : "/run";
    char private[256];
    char daemon[256];
    int code;

    snprintf(private, sizeof private, "%s/systemd/private", directory);
    snprintf(daemon, sizeof daemon, "%s/%s", directory,
             bus->manager != NULL ? "bus" : "dbus/system_bus_socket");
    code = connect_to(bus, private, false);
    if (code < 0 && code != -ETIMEDOUT)
        code = connect_to(bus, daemon, true);
    if (code == -ETIMEDOUT)
        return too_late(bus, "connect to", err);
    if (code < 0) {
        fail(err, -code, "connect to systemd at %s and %s", private, daemon);
        return hint(err, bus->manager != NULL
                             ? "does this user's systemd run? loginctl enable-linger USER"
                             : "is systemd the init of this machine? else use the cgroupfs "
                               "manager");
    }
    return 0;
}

int bus_open(const char *manager, int deadline_ms, struct bus **ret, struct error *err)
{
    struct bus *bus = calloc(1, sizeof *bus);

    if (bus == NULL)
        return no_memory(err);
    bus->manager = manager;
    bus->deadline = cgroup_clock() + deadline_ms;
    if (load(bus, err) < 0 || connect_manager(bus, err) < 0) {
        bus_close(bus);
        return -err->code;
    }
    *ret = bus;
    return 0;
}

void bus_close(struct bus *bus)
{
    if (bus == NULL)
        return;
    disconnect(bus);
    if (bus->handle != NULL)
        dlclose(bus->handle);
    free(bus);
}

static enum bus_refusal refusal_of(const char *name)
{
    static const struct {
        const char *name;
        enum bus_refusal refusal;
    } rows[] = {
        {"org.freedesktop.systemd1.UnitExists",         BUS_UNIT_EXISTS     },
        {"org.freedesktop.systemd1.NoSuchUnit",         BUS_NO_SUCH_UNIT    },
        {"org.freedesktop.DBus.Error.PropertyReadOnly", BUS_PROPERTY_REFUSED},
        {"org.freedesktop.DBus.Error.UnknownProperty",  BUS_PROPERTY_REFUSED},
        {"org.freedesktop.DBus.Error.InvalidArgs",      BUS_PROPERTY_REFUSED},
 /* That of the library, when the connection ends. */
        {"org.freedesktop.DBus.Error.Disconnected",     BUS_NOT_REFUSED     },
    };

    for (size_t i = 0; i < count_of(rows); i++) {
        if (strcmp(name, rows[i].name) == 0)
            return rows[i].refusal;
    }
    return BUS_REFUSED;
}

/* --- messages
 * -------------------------------------------------------------------------------------------------
 */

/* A message in the making: after the first failure nothing more is appended. */
struct call {
    struct bus *bus;
    struct sd_message *message;
    int code;
};

static void begin_on(struct call *call, struct bus *bus, const char *of, const char *member)
{
    *call = (struct call){.bus = bus};
    call->code = bus->sd.new_call(bus->connection, &call->message, service, object, of, member);
}

static void begin(struct call *call, struct bus *bus, const char *member)
{
    begin_on(call, bus, interface, member);
}

static void put(struct call *call, char type, const void *value)
{
    if (call->code >= 0)
        call->code = call->bus->sd.append_basic(call->message, type, value);
}

static void enter(struct call *call, char type, const char *contents)
{
    if (call->code >= 0)
        call->code = call->bus->sd.open_container(call->message, type, contents);
}

static void leave(struct call *call)
{
    if (call->code >= 0)
        call->code = call->bus->sd.close_container(call->message);
}

static void put_number(struct call *call, char type, uint64_t number)
{
    int flag = number != 0;
    int32_t narrow = (int32_t)number;
    uint32_t unsigned_narrow = (uint32_t)number;

    switch (type) {
    case 'b':
        put(call, type, &flag);
        break;
    case 'i':
        put(call, type, &narrow);
        break;
    case 'u':
        put(call, type, &unsigned_narrow);
        break;
    default:
        put(call, type, &number);
    }
}

static void put_array(struct call *call, const struct unit_property *property)
{
    const char *contents = property->type + 1;

    if (*contents == 'y') {
        if (call->code >= 0)
            call->code = call->bus->sd.append_array(call->message, 'y', property->bytes,
                                                    property->byte_count);
        return;
    }
    enter(call, 'a', contents);
    if (*contents == 'u')
        put_number(call, 'u', property->number);
    for (size_t i = 0; i < property->strings.count; i++)
        put(call, 's', property->strings.items[i]);
    for (size_t i = 0; i < property->device_count; i++) {
        enter(call, 'r', "ss");
        put(call, 's', property->devices[i].node);
        put(call, 's', property->devices[i].access);
        leave(call);
    }
    leave(call);
}

static void put_property(struct call *call, const struct unit_property *property)
{
    enter(call, 'r', "sv");
    put(call, 's', property->name);
    enter(call, 'v', property->type);
    if (*property->type == 'a')
        put_array(call, property);
    else if (*property->type == 's')
        put(call, 's', property->string);
    else
        put_number(call, *property->type, property->number);
    leave(call);
    leave(call);
}

static void put_properties(struct call *call, const struct unit_properties *properties)
{
    enter(call, 'a', "(sv)");
    for (size_t i = 0; i < properties->count; i++) {
        const struct unit_property *property = &properties->items[i];
        const struct unit_property empty = {.name = property->name, .type = property->type};

        if (property->is_emptied)
            put_property(call, &empty);
        put_property(call, property);
    }
    leave(call);
}

/* Send it.  *ret_job, when wanted, is the path of the job in the answer, in *ret_reply. */
static int finish(struct call *call, const char *what, const char **ret_job,
                  struct sd_message **ret_reply, enum bus_refusal *ret, struct error *err)
{
    struct bus *bus = call->bus;
    struct sd_bus_error error = {NULL, NULL, 0};
    uint64_t left = microseconds_left(bus);
    int code = call->code;

    *ret = BUS_NOT_REFUSED;
    *ret_reply = NULL;
    if (code >= 0 && left == 0)
        code = -ETIMEDOUT;
    if (code >= 0)
        code = bus->sd.call(bus->connection, call->message, left, &error, ret_reply);
    if (call->message != NULL)
        bus->sd.message_unref(call->message);
    if (code >= 0 && ret_job != NULL)
        code = bus->sd.read_basic(*ret_reply, 'o', ret_job);
    if (code >= 0)
        return 0;
    if (code == -ETIMEDOUT) {
        too_late(bus, what, err);
    } else if (error.name != NULL) {
        *ret = refusal_of(error.name);
        refuse(err, -code, "%s systemd: %s", what,
               error.message != NULL ? error.message : error.name);
    } else {
        fail(err, -code, "%s systemd", what);
    }
    bus->sd.error_free(&error);
    return -err->code;
}

/* Send it; *ret is the string in the answer's variant, the arena's. */
static int finish_string(struct call *call, const char *what, struct arena *arena, const char **ret,
                         enum bus_refusal *ret_refusal, struct error *err)
{
    const struct library *sd = &call->bus->sd;
    struct sd_message *reply;
    const char *string = NULL;
    int code = finish(call, what, NULL, &reply, ret_refusal, err);

    if (code < 0)
        return code;
    if (sd->enter_container(reply, 'v', "s") <= 0 || sd->read_basic(reply, 's', &string) <= 0)
        code = refuse(err, EBADMSG, "%s systemd: the answer is no string", what);
    else if ((*ret = arena_string(arena, string)) == NULL)
        code = no_memory(err);
    sd->message_unref(reply);
    return code;
}

/* Send it and need no answer but that it was done. */
static int finish_simple(struct call *call, const char *what, enum bus_refusal *ret,
                         struct error *err)
{
    struct sd_message *reply;
    int code = finish(call, what, NULL, &reply, ret, err);

    if (reply != NULL)
        call->bus->sd.message_unref(reply);
    return code;
}

static int await_job(struct bus *bus, const char *what, struct error *err)
{
    int code = 0;

    bus->result[0] = '\0';
    while (bus->result[0] == '\0') {
        if (microseconds_left(bus) == 0)
            return too_late(bus, what, err);
        code = bus->sd.process(bus->connection, NULL);
        if (code == 0)
            code = bus->sd.wait(bus->connection, microseconds_left(bus));
        if (code < 0 && code != -EINTR)
            return fail(err, -code, "%s systemd: wait for the job", what);
    }
    if (strcmp(bus->result, "done") == 0)
        return 0;
    return refuse(err, EIO, "%s systemd: the job ended as \"%s\"", what, bus->result);
}

/* Send it and wait until the job that it starts is over. */
static int finish_job(struct call *call, const char *what, enum bus_refusal *ret, struct error *err)
{
    struct bus *bus = call->bus;
    struct sd_message *reply;
    int code = finish(call, what, &bus->job, &reply, ret, err);

    if (code == 0)
        code = await_job(bus, what, err);
    bus->job = NULL;
    if (reply != NULL)
        bus->sd.message_unref(reply);
    return code;
}

int bus_start_unit(struct bus *bus, const char *unit, const struct unit_properties *properties,
                   enum bus_refusal *ret, struct error *err)
{
    struct call call;

    begin(&call, bus, "StartTransientUnit");
    put(&call, 's', unit);
    put(&call, 's', "fail");
    put_properties(&call, properties);
    enter(&call, 'a', "(sa(sv))"); /* auxiliary units */
    leave(&call);
    return finish_job(&call, "start a unit by", ret, err);
}

static int call_for_job(struct bus *bus, const char *member, const char *unit, const char *what,
                        enum bus_refusal *ret, struct error *err)
{
    struct call call;

    begin(&call, bus, member);
    put(&call, 's', unit);
    put(&call, 's', "replace");
    return finish_job(&call, what, ret, err);
}

int bus_start_loaded_unit(struct bus *bus, const char *unit, enum bus_refusal *ret,
                          struct error *err)
{
    return call_for_job(bus, "StartUnit", unit, "start a unit by", ret, err);
}

int bus_stop_unit(struct bus *bus, const char *unit, enum bus_refusal *ret, struct error *err)
{
    return call_for_job(bus, "StopUnit", unit, "stop a unit by", ret, err);
}

int bus_reset_failed_unit(struct bus *bus, const char *unit, enum bus_refusal *ret,
                          struct error *err)
{
    struct call call;

    begin(&call, bus, "ResetFailedUnit");
    put(&call, 's', unit);
    return finish_simple(&call, "reset a failed unit by", ret, err);
}

int bus_set_unit_properties(struct bus *bus, const char *unit,
                            const struct unit_properties *properties, enum bus_refusal *ret,
                            struct error *err)
{
    struct call call;

    begin(&call, bus, "SetUnitProperties");
    put(&call, 's', unit);
    put_number(&call, 'b', true); /* until the next boot */
    put_properties(&call, properties);
    return finish_simple(&call, "set a unit's properties by", ret, err);
}

int bus_attach_process(struct bus *bus, const char *unit, const char *below, pid_t pid,
                       enum bus_refusal *ret, struct error *err)
{
    struct call call;

    begin(&call, bus, "AttachProcessesToUnit");
    put(&call, 's', unit);
    put(&call, 's', below);
    enter(&call, 'a', "u");
    put_number(&call, 'u', (uint64_t)pid);
    leave(&call);
    return finish_simple(&call, "move a process by", ret, err);
}

int bus_control_group(struct bus *bus, struct arena *arena, const char **ret,
                      enum bus_refusal *ret_refusal, struct error *err)
{
    struct call call;

    begin_on(&call, bus, "org.freedesktop.DBus.Properties", "Get");
    put(&call, 's', interface);
    put(&call, 's', "ControlGroup");
    return finish_string(&call, "ask for the cgroup of", arena, ret, ret_refusal, err);
}
