#pragma once

/* Which file process.args[0] names, and why it cannot run.  execvp(3), as Go's exec.LookPath says
 * it. */

#include <stddef.h>

#include "base/error.h"
#include "base/kernel.h"

/* In the child, inside the root, as the user who will run it: find `name` along `path` ($PATH of
 * the process) or, with a slash in it, from the working directory.  The messages are runc's, which
 * engines turn into exit statuses 127 and 126: exec: "foo": executable file not found in $PATH
 *   exec: "/x": stat /x: no such file or directory
 *   exec: "/x": permission denied
 *   exec: "/x": is a directory */
must_check int program_find(const char *name, const char *path, char *ret, size_t size,
                            struct error *err);

/* What this process is the program of, for program_check_foreign(): before anything is entered. */
void program_find_own(struct kernel_place *ret);

/* Refuse a program that is this very one, by way of /proc/self/exe: a container has no business
 * with it (CVE-2019-5736).  The same file by another mount is the container's own. */
must_check int program_check_foreign(const char *program, const struct kernel_place *own,
                                     struct error *err);

/* After execve failed with `code` and err says so: add what a newcomer would not guess (the missing
 * interpreter of a script or program, a foreign architecture).  Returns -err->code. */
must_check int program_explain(int root, const char *program, int code, struct error *err);
