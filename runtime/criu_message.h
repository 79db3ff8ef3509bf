#pragma once

/*
 * What is said to CRIU and what it answers: the messages of its RPC, which are protocol buffers
 * (images/rpc.proto of CRIU).  A table names field number, kind and place of each option; a small
 * encoder of the wire format follows it.  Pure: no system calls.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/error.h"
#include "spec/spec.h"

enum criu_request_type {
    CRIU_DUMP = 1,
    CRIU_RESTORE = 2,
    CRIU_PRE_DUMP = 4,
    CRIU_NOTIFY = 6,
    CRIU_VERSION = 10
};

/* Numbers of rpc.proto, plus one: 0 says nothing, which CRIU reads as its default. */
enum criu_cgroup_mode {
    CRIU_CGROUPS_IGNORE = 1 + 0,
    CRIU_CGROUPS_SOFT = 1 + 3,
    CRIU_CGROUPS_FULL = 1 + 4,
    CRIU_CGROUPS_STRICT = 1 + 5
};

enum criu_network_lock {
    CRIU_LOCK_IPTABLES = 1 + 1,
    CRIU_LOCK_NFTABLES = 1 + 2,
    CRIU_LOCK_SKIP = 1 + 3
};

/* Messages of two members: a mount and its name, a controller and its path, a kind of namespace and
 * its file.  `first` may be NULL where the message allows it. */
struct criu_pair {
    const char *first;
    const char *second;
};

struct criu_pairs {
    struct criu_pair *items;
    size_t count;
};

/* A descriptor of ours for the restored processes, by the name it has in the images. */
struct criu_descriptor {
    const char *key;
    int fd;
};

struct criu_descriptors {
    struct criu_descriptor *items;
    size_t count;
};

/* criu_opts of rpc.proto; what is 0, false or NULL is not sent. */
struct criu_options {
    int images_dir; /* fd; CRIU opens it through our /proc entry, so it need not be inherited */
    int work_dir;   /* fd, for the log */
    int64_t pid;
    int64_t log_level;
    const char *log_file;
    const char *root;
    const char *parent_images;
    const char *freeze_cgroup;
    const char *config_file;
    const char *lsm_profile;
    const char *lsm_mount_context;
    bool notify_scripts;
    bool leave_running;
    bool external_unix_sockets;
    bool tcp_established;
    bool tcp_close;
    bool tcp_skip_in_flight;
    bool shell_job;
    bool file_locks;
    bool link_remap;
    bool track_memory;
    bool auto_dedup;
    bool lazy_pages;
    bool evasive_devices;
    bool orphan_terminal; /* the master of a terminal is outside, and comes by a message */
    bool sibling;         /* what is restored is a child of ours, not of CRIU */
    bool external_sharing;
    bool external_masters;
    bool manage_cgroups;
    int64_t manage_cgroups_mode; /* enum criu_cgroup_mode */
    int64_t network_lock;        /* enum criu_network_lock */
    int64_t empty_namespaces;    /* CLONE_NEW* */
    int64_t status_fd;           /* + 1 */
    const char *page_server_address;
    int64_t page_server_port;
    struct string_list external; /* "net[4026531840]:name" */
    struct criu_pairs external_mounts;
    struct criu_pairs cgroup_roots;
    struct criu_pairs join_namespaces;
    struct criu_descriptors inherit;
};

struct criu_request {
    enum criu_request_type type;
    const struct criu_options *options; /* NULL: none */
    bool notify_success;                /* the answer to a notification */
};

must_check int criu_request_encode(const struct criu_request *request, struct arena *arena,
                                   char **ret, size_t *ret_length, struct error *err);

struct criu_response {
    int64_t type;
    bool success;
    int64_t restored_pid;
    int64_t notify_pid;
    char notify_script[64]; /* "setup-namespaces", ... */
    int64_t error_number;
    char error_text[512];
    int64_t version_major, version_minor, version_sublevel;
};

/* Refuses what is not a protocol buffer: cut short, numbers too long. Unknown fields are skipped.
 */
must_check int criu_response_decode(const char *bytes, size_t length, struct criu_response *ret,
                                    struct error *err);
