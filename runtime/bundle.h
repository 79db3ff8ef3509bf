#pragma once

/* A bundle as create, restore and check read it. */

#include "base/arena.h"
#include "base/error.h"
#include "base/log.h"
#include "runtime/container.h"
#include "spec/spec.h"

/* Read the configuration of the request's bundle (config.json, or the file that stands for it) with
 * the request's overrides and, for an ordinary user, the user namespace that is added; valid, all
 * of it in the arena.  *ret_path is absolute. */
must_check int bundle_load(const struct create_request *request, const struct log *log,
                           struct arena *arena, struct spec **ret, const char **ret_path,
                           struct error *err);
