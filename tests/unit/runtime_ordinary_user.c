/* What a bundle is given when an ordinary user runs it.  Of a user whom nobody knows, so that no
 * range of this machine counts. */

#include <criterion/criterion.h>
#include <string.h>
#include <unistd.h>

#include "base/own.h"
#include "runtime/ordinary_user.h"

enum { NOBODY_KNOWN = 3987654321U };

static int add_to(struct spec *spec, struct arena *arena, struct error *err)
{
    return ordinary_user_add_namespace(spec, NOBODY_KNOWN, 1001, arena, NULL, err);
}

Test(ordinary_user, gets_a_user_namespace_behind_the_others)
{
    autoarena struct arena arena = {0};
    struct spec_namespace mount = {SPEC_NAMESPACE_MOUNT, NULL};
    struct spec_linux linux_ = {
        .namespaces = {&mount, 1}
    };
    struct spec spec = {.linux_ = &linux_};
    struct error err = {0};

    cr_assert_eq(add_to(&spec, &arena, &err), 0, "%s", err.text);
    cr_assert_eq(linux_.namespaces.count, 2);
    cr_expect_eq(linux_.namespaces.items[0].type, SPEC_NAMESPACE_MOUNT);
    cr_expect_eq(linux_.namespaces.items[1].type, SPEC_NAMESPACE_USER);
    cr_expect_null(linux_.namespaces.items[1].path);
    cr_assert_eq(linux_.uid_mappings.count, 1);
    cr_expect_eq(linux_.uid_mappings.items[0].host_id, NOBODY_KNOWN);
    cr_expect_eq(linux_.gid_mappings.items[0].host_id, 1001);
}

Test(ordinary_user, gets_one_without_a_linux_section_too)
{
    autoarena struct arena arena = {0};
    struct spec spec = {0};
    struct error err = {0};

    cr_assert_eq(add_to(&spec, &arena, &err), 0, "%s", err.text);
    cr_assert_not_null(spec.linux_);
    cr_expect_eq(spec.linux_->namespaces.count, 1);
}

Test(ordinary_user, keeps_the_user_namespace_that_is_asked_for)
{
    autoarena struct arena arena = {0};
    struct spec_namespace user = {SPEC_NAMESPACE_USER, "/proc/1/ns/user"};
    struct spec_linux linux_ = {
        .namespaces = {&user, 1}
    };
    struct spec spec = {.linux_ = &linux_};
    struct error err = {0};

    cr_assert_eq(add_to(&spec, &arena, &err), 0);
    cr_expect_eq(linux_.namespaces.count, 1);
    cr_expect_eq(linux_.uid_mappings.count, 0);
}

Test(ordinary_user, is_told_of_mappings_without_a_namespace_by_the_plan)
{
    autoarena struct arena arena = {0};
    struct spec_id_mapping mapping = {0, 1, 1};
    struct spec_linux linux_ = {
        .uid_mappings = {&mapping, 1}
    };
    struct spec spec = {.linux_ = &linux_};
    struct error err = {0};

    cr_assert_eq(add_to(&spec, &arena, &err), 0);
    cr_expect_eq(linux_.namespaces.count, 0);
}

Test(ordinary_user, cannot_give_ids_that_are_not_mapped)
{
    autoarena struct arena arena = {0};
    uint32_t group = 5;
    struct spec_process process = {.user = {.additional_gids = {&group, 1}}};
    struct spec spec = {.process = &process};
    struct error err = {0};

    cr_assert_lt(add_to(&spec, &arena, &err), 0);
    cr_expect_not_null(
        strstr(err.text, "process.user.additionalGids: 5: an ordinary user has no such id to give "
                         "(the user namespace added for you has 0 only: "),
        "%s", err.text);
    if (access("/usr/bin/newuidmap", X_OK) == 0)
        cr_expect_not_null(strstr(err.text,
                                  "/etc/subuid and /etc/subgid have no usable line for user "
                                  "3987654321, see subuid(5)"),
                           "%s", err.text);
}
