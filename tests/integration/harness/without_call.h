#pragma once

/* Kernels and sandboxes that lack a system call: for struct program's `wrapper`. */

/* A program that executes its arguments where fsopen(2) is not to be had (ENOSYS). */
const char *without_fsopen(void);
