#pragma once

/*
 * The steps of the container's first process, one function a row of the table in child.c, in its
 * order. Each returns 0, or -errno with err filled in the words of what it tried.  None allocates.
 */

#include "base/error.h"
#include "runtime/child.h"
#include "runtime/handshake.h"

/* Ask the parent, or `start` once that stands in for it.  0, or the error it answered with. */
must_check int child_ask(struct child *child, enum handshake_kind kind, int32_t index, int fd,
                         struct error *err);

must_check int child_set_oom_score(struct child *child, struct error *err);
must_check int child_pin_initially(struct child *child, struct error *err);
must_check int child_join_cgroup(struct child *child, struct error *err);
must_check int child_free_cpus(struct child *child, struct error *err);
must_check int child_enter_class(struct child *child, struct error *err);
must_check int child_pin_finally(struct child *child, struct error *err);
must_check int child_set_clocks(struct child *child, struct error *err);
must_check int child_settle(struct child *child, struct error *err);
must_check int child_ask_id_maps(struct child *child, struct error *err);
must_check int child_become_undumpable(struct child *child, struct error *err);
must_check int child_join_namespaces(struct child *child, struct error *err);
must_check int child_new_session(struct child *child, struct error *err);
must_check int child_unshare_cgroup(struct child *child, struct error *err);
must_check int child_name_host(struct child *child, struct error *err);
must_check int child_bring_up_network(struct child *child, struct error *err);
must_check int child_ask_net_devices(struct child *child, struct error *err);
must_check int child_private_root(struct child *child, struct error *err);
must_check int child_mount_everything(struct child *child, struct error *err);
must_check int child_make_devices(struct child *child, struct error *err);
must_check int child_ask_hooks(struct child *child, struct error *err);
must_check int child_create_hooks(struct child *child, struct error *err);
must_check int child_pivot(struct child *child, struct error *err);
must_check int child_find_root(struct child *child, struct error *err);
must_check int child_find_proc(struct child *child, struct error *err);
must_check int child_open_terminal(struct child *child, struct error *err);
must_check int child_own_null(struct child *child, struct error *err);
must_check int child_give_stdio(struct child *child, struct error *err);
must_check int child_write_sysctls(struct child *child, struct error *err);
must_check int child_hide_paths(struct child *child, struct error *err);
must_check int child_set_process_limits(struct child *child, struct error *err);
must_check int child_set_labels(struct child *child, struct error *err);
must_check int child_close_files(struct child *child, struct error *err);
must_check int child_find_home(struct child *child, struct error *err);
must_check int child_enter_cwd(struct child *child, struct error *err);
must_check int child_load_seccomp(struct child *child, struct error *err);
must_check int child_drop_privileges(struct child *child, struct error *err);
must_check int child_enter_cwd_now(struct child *child, struct error *err);
must_check int child_find_program(struct child *child, struct error *err);
must_check int child_listen_for_start(struct child *child, struct error *err);
must_check int child_report_ready(struct child *child, struct error *err);
must_check int child_wait_for_start(struct child *child, struct error *err);
must_check int child_need_process(struct child *child, struct error *err);
must_check int child_start_hooks(struct child *child, struct error *err);
must_check int child_seal_files(struct child *child, struct error *err);
must_check int child_announce_program(struct child *child, struct error *err);
must_check int child_execute(struct child *child, struct error *err);
