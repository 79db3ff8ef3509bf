#pragma once

/* Values from the command line over those of the bundle, in memory. */

#include "base/arena.h"
#include "base/error.h"
#include "runtime/container.h"
#include "spec/spec.h"

/* Change *spec (just loaded, still ours alone) as the overrides say.  Errors name the option.  What
 * comes out wants spec_validate() again. */
must_check int overrides_apply(const struct create_overrides *overrides, struct spec *spec,
                               struct arena *arena, struct error *err);

/* `added` over `base`: an entry of the same name is replaced in place, others go to the end. */
must_check int environment_merge(const struct string_list *base, const struct string_list *added,
                                 struct arena *arena, struct string_list *ret, struct error *err);
