/* Calls of systemd's manager, and the jobs that they start. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/own.h"
#include "cgroups/dbus.h"
#include "cgroups/directories.h"
#include "cgroups/systemd.h"

static const char service[] = "org.freedesktop.systemd1";
static const char object[] = "/org/freedesktop/systemd1";
static const char interface[] = "org.freedesktop.systemd1.Manager";

/* A job that is over. */
struct ended_job {
    char path[64];
    char result[32]; /* "done", "failed", ... */
};

struct bus {
    const char *manager;
    struct ended_job ended[16]; /* the last ones, ours and others' */
    size_t ended_count;         /* all of them */
    struct dbus dbus;
};

/* Put "<what> systemd" in front of a failure, and which one when there was no answer. */
static int of_systemd(const struct bus *bus, const char *what, struct error *err)
{
    if (err->code == ETIMEDOUT && bus->manager != NULL)
        return within(err, "%s systemd at %s", what, bus->manager);
    return within(err, "%s systemd", what);
}

/* --- messages in and out
 * -------------------------------------------------------------------------------------------------
 */

/* systemd tells of the end of a job whenever that comes, be it before it has answered the call that
 * started it; and of the jobs of others. */
static void note_job(struct bus *bus, const struct dbus_message *message)
{
    struct dbus_reader body = message->body;
    const char *path;
    const char *result;
    struct ended_job *ended;

    if (message->type != DBUS_SIGNAL || strcmp(message->interface, interface) != 0 ||
        strcmp(message->member, "JobRemoved") != 0 || strcmp(message->signature, "uoss") != 0)
        return;
    (void)dbus_get_uint32(&body); /* its number */
    path = dbus_get_string(&body);
    (void)dbus_get_string(&body); /* the unit */
    result = dbus_get_string(&body);
    if (body.has_failed)
        return;
    ended = &bus->ended[bus->ended_count++ % count_of(bus->ended)];
    snprintf(ended->path, sizeof ended->path, "%s", path);
    snprintf(ended->result, sizeof ended->result, "%s", result);
}

/* NULL: it is not over. */
static const char *result_of_job(const struct bus *bus, const char *path)
{
    for (size_t i = 0; i < count_of(bus->ended); i++) {
        if (strcmp(bus->ended[i].path, path) == 0)
            return bus->ended[i].result;
    }
    return NULL;
}

static int receive(struct bus *bus, struct dbus_message *ret, struct error *err)
{
    int code = dbus_receive(&bus->dbus, ret, err);

    if (code == 0)
        note_job(bus, ret);
    return code;
}

/* Send the call that was begun; *ret is what it is answered, be it an error. */
static int send_call(struct bus *bus, struct dbus_message *ret, struct error *err)
{
    uint32_t serial;
    int code = dbus_send(&bus->dbus, &serial, err);
    bool is_answer = false;

    while (code == 0 && !is_answer) {
        code = receive(bus, ret, err);
        is_answer = code == 0 && ret->reply_serial == serial &&
                    (ret->type == DBUS_METHOD_RETURN || ret->type == DBUS_ERROR);
    }
    return code;
}

static struct dbus_writer *begin_on(struct bus *bus, const char *of, const char *member,
                                    const char *signature)
{
    const struct dbus_call call = {service, object, of, member, signature};

    dbus_begin_call(&bus->dbus.call, &call);
    return &bus->dbus.call;
}

static struct dbus_writer *begin(struct bus *bus, const char *member, const char *signature)
{
    return begin_on(bus, interface, member, signature);
}

static void put_array(struct dbus_writer *out, const struct unit_property *property)
{
    char item = property->type[1];
    struct dbus_array array = dbus_begin_array(out, item);

    for (size_t i = 0; i < property->byte_count; i++)
        dbus_put_byte(out, property->bytes[i]);
    if (item == 'u')
        dbus_put_uint32(out, (uint32_t)property->number);
    for (size_t i = 0; i < property->strings.count; i++)
        dbus_put_string(out, property->strings.items[i]);
    for (size_t i = 0; i < property->device_count; i++) {
        dbus_begin_struct(out);
        dbus_put_string(out, property->devices[i].node);
        dbus_put_string(out, property->devices[i].access);
    }
    dbus_end_array(out, array);
}

static void put_property(struct dbus_writer *out, const struct unit_property *property)
{
    dbus_begin_struct(out);
    dbus_put_string(out, property->name);
    dbus_put_signature(out, property->type);
    switch (*property->type) {
    case 'a':
        put_array(out, property);
        break;
    case 's':
        dbus_put_string(out, property->string);
        break;
    case 'b':
        dbus_put_uint32(out, property->number != 0);
        break;
    case 't':
        dbus_put_uint64(out, property->number);
        break;
    default: /* i, u */
        dbus_put_uint32(out, (uint32_t)property->number);
    }
}

static void put_properties(struct dbus_writer *out, const struct unit_properties *properties)
{
    struct dbus_array array = dbus_begin_array(out, '(');

    for (size_t i = 0; i < properties->count; i++) {
        const struct unit_property *property = &properties->items[i];
        const struct unit_property empty = {.name = property->name, .type = property->type};

        if (property->is_emptied)
            put_property(out, &empty);
        put_property(out, property);
    }
    dbus_end_array(out, array);
}

/* Why a call was refused: the error's text, or its name when it has none. */
static const char *reason_of(const struct dbus_message *reply, char line[static 1024])
{
    struct dbus_reader body = reply->body;
    const char *said = *reply->signature == 's' ? dbus_get_string(&body) : "";

    return quotable_line(line, 1024, *said != '\0' ? said : reply->error_name);
}

/* --- a connection
 * -------------------------------------------------------------------------------------------------
 */

/* A bus knows nobody who has not greeted it. */
static int greet(struct bus *bus, struct error *err)
{
    static const struct dbus_call hello = {"org.freedesktop.DBus", "/org/freedesktop/DBus",
                                           "org.freedesktop.DBus", "Hello", ""};
    struct dbus_message reply;
    char line[1024];

    dbus_begin_call(&bus->dbus.call, &hello);
    if (send_call(bus, &reply, err) < 0)
        return -err->code;
    return reply.type == DBUS_ERROR ? refuse(err, EACCES, "%s", reason_of(&reply, line)) : 0;
}

static int connect_to(struct bus *bus, const char *path, bool is_bus, int64_t deadline,
                      struct error *err)
{
    int code = dbus_open(&bus->dbus, path, deadline, err);

    if (code == 0 && is_bus && (code = greet(bus, err)) < 0)
        dbus_close(&bus->dbus);
    return code;
}

/* systemd's own socket first: without the daemon in between there is nobody to greet, to subscribe
 * with, or to be slow.  The signal that a job of ours is over comes to us unasked on either. */
static int connect_manager(struct bus *bus, int64_t deadline, struct error *err)
{
    const char *directory = bus->manager != NULL ? bus->manager : "/run";
    char private[256];
    char daemon[256];
    int code;

    snprintf(private, sizeof private, "%s/systemd/private", directory);
    snprintf(daemon, sizeof daemon, "%s/%s", directory,
             bus->manager != NULL ? "bus" : "dbus/system_bus_socket");
    code = connect_to(bus, private, false, deadline, err);
    if (code < 0 && code != -ETIMEDOUT)
        code = connect_to(bus, daemon, true, deadline, err);
    if (code == 0)
        return 0;
    if (code == -ETIMEDOUT)
        return of_systemd(bus, "connect to", err);
    within(err, "connect to systemd at %s and %s", private, daemon);
    return hint(err, bus->manager != NULL
                         ? "does this user's systemd run? loginctl enable-linger USER"
                         : "is systemd the init of this machine? else use the cgroupfs manager");
}

int bus_open(const char *manager, int deadline_ms, struct bus **ret, struct error *err)
{
    struct bus *bus = calloc(1, sizeof *bus);
    int code;

    if (bus == NULL)
        return no_memory(err);
    bus->manager = manager;
    code = connect_manager(bus, cgroup_clock() + deadline_ms, err);
    if (code == 0)
        *ret = bus;
    else
        free(bus);
    return code;
}

void bus_close(struct bus *bus)
{
    if (bus == NULL)
        return;
    dbus_close(&bus->dbus);
    free(bus);
}

/* --- calls
 * -------------------------------------------------------------------------------------------------
 */

/* What systemd's refusals are called, and the error that comes nearest. */
static const struct refusal {
    const char *name;
    enum bus_refusal refusal;
    int code;
} refusals[] = {
    {"org.freedesktop.systemd1.UnitExists",         BUS_UNIT_EXISTS,      EEXIST},
    {"org.freedesktop.systemd1.NoSuchUnit",         BUS_NO_SUCH_UNIT,     ENOENT},
    {"org.freedesktop.DBus.Error.PropertyReadOnly", BUS_PROPERTY_REFUSED, EROFS },
    {"org.freedesktop.DBus.Error.UnknownProperty",  BUS_PROPERTY_REFUSED, EINVAL},
    {"org.freedesktop.DBus.Error.InvalidArgs",      BUS_PROPERTY_REFUSED, EINVAL},
    {"org.freedesktop.DBus.Error.AccessDenied",     BUS_REFUSED,          EACCES},
};

static const struct refusal *refusal_of(const char *name)
{
    static const struct refusal other = {"", BUS_REFUSED, EIO};

    for (size_t i = 0; i < count_of(refusals); i++) {
        if (strcmp(name, refusals[i].name) == 0)
            return &refusals[i];
    }
    return &other;
}

static int refused(const struct dbus_message *reply, const char *what, enum bus_refusal *ret,
                   struct error *err)
{
    const struct refusal *refusal = refusal_of(reply->error_name);
    char line[1024];

    *ret = refusal->refusal;
    return refuse(err, refusal->code, "%s systemd: %s", what, reason_of(reply, line));
}

/* Send the call that was begun; a refusal is an error. */
static int finish(struct bus *bus, const char *what, struct dbus_message *ret_reply,
                  enum bus_refusal *ret, struct error *err)
{
    *ret = BUS_NOT_REFUSED;
    if (send_call(bus, ret_reply, err) < 0)
        return of_systemd(bus, what, err);
    return ret_reply->type == DBUS_ERROR ? refused(ret_reply, what, ret, err) : 0;
}

/* Send it and need no answer but that it was done. */
static int finish_simple(struct bus *bus, const char *what, enum bus_refusal *ret,
                         struct error *err)
{
    struct dbus_message reply;

    return finish(bus, what, &reply, ret, err);
}

/* Send it; *ret is the string in the answer's variant, the arena's. */
static int finish_string(struct bus *bus, const char *what, struct arena *arena, const char **ret,
                         enum bus_refusal *ret_refusal, struct error *err)
{
    struct dbus_message reply;
    const char *string;

    if (finish(bus, what, &reply, ret_refusal, err) < 0)
        return -err->code;
    dbus_enter_variant(&reply.body, "s");
    string = dbus_get_string(&reply.body);
    if (strcmp(reply.signature, "v") != 0 || reply.body.has_failed)
        return refuse(err, EBADMSG, "%s systemd: the answer is no string", what);
    *ret = arena_string(arena, string);
    return *ret != NULL ? 0 : no_memory(err);
}

/* Send it and wait until the job that it starts is over. */
static int finish_job(struct bus *bus, const char *what, enum bus_refusal *ret, struct error *err)
{
    struct dbus_message message;
    char path[sizeof bus->ended[0].path];
    const char *result;
    char line[64];

    if (finish(bus, what, &message, ret, err) < 0)
        return -err->code;
    snprintf(path, sizeof path, "%s", dbus_get_string(&message.body));
    if (strcmp(message.signature, "o") != 0 || *path != '/')
        return refuse(err, EBADMSG, "%s systemd: the answer is no job", what);
    while ((result = result_of_job(bus, path)) == NULL) {
        if (receive(bus, &message, err) < 0)
            return of_systemd(bus, what, err);
    }
    if (strcmp(result, "done") == 0)
        return 0;
    return refuse(err, EIO, "%s systemd: the job ended as \"%s\"", what,
                  quotable_line(line, sizeof line, result));
}

int bus_start_unit(struct bus *bus, const char *unit, const struct unit_properties *properties,
                   enum bus_refusal *ret, struct error *err)
{
    struct dbus_writer *out = begin(bus, "StartTransientUnit", "ssa(sv)a(sa(sv))");

    dbus_put_string(out, unit);
    dbus_put_string(out, "fail");
    put_properties(out, properties);
    dbus_end_array(out, dbus_begin_array(out, '(')); /* auxiliary units */
    return finish_job(bus, "start a unit by", ret, err);
}

static int call_for_job(struct bus *bus, const char *member, const char *unit, const char *what,
                        enum bus_refusal *ret, struct error *err)
{
    struct dbus_writer *out = begin(bus, member, "ss");

    dbus_put_string(out, unit);
    dbus_put_string(out, "replace");
    return finish_job(bus, what, ret, err);
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
    dbus_put_string(begin(bus, "ResetFailedUnit", "s"), unit);
    return finish_simple(bus, "reset a failed unit by", ret, err);
}

int bus_set_unit_properties(struct bus *bus, const char *unit,
                            const struct unit_properties *properties, enum bus_refusal *ret,
                            struct error *err)
{
    struct dbus_writer *out = begin(bus, "SetUnitProperties", "sba(sv)");

    dbus_put_string(out, unit);
    dbus_put_uint32(out, true); /* until the next boot */
    put_properties(out, properties);
    return finish_simple(bus, "set a unit's properties by", ret, err);
}

int bus_attach_process(struct bus *bus, const char *unit, const char *below, pid_t pid,
                       enum bus_refusal *ret, struct error *err)
{
    struct dbus_writer *out = begin(bus, "AttachProcessesToUnit", "ssau");
    struct dbus_array pids;

    dbus_put_string(out, unit);
    dbus_put_string(out, below);
    pids = dbus_begin_array(out, 'u');
    dbus_put_uint32(out, (uint32_t)pid);
    dbus_end_array(out, pids);
    return finish_simple(bus, "move a process by", ret, err);
}

int bus_control_group(struct bus *bus, struct arena *arena, const char **ret,
                      enum bus_refusal *ret_refusal, struct error *err)
{
    struct dbus_writer *out = begin_on(bus, "org.freedesktop.DBus.Properties", "Get", "ss");

    dbus_put_string(out, interface);
    dbus_put_string(out, "ControlGroup");
    return finish_string(bus, "ask for the cgroup of", arena, ret, ret_refusal, err);
}
