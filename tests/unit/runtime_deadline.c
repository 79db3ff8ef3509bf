/* Waits that end. */

#include "runtime_help.h"

#include "runtime/deadline.h"

Test(deadline, negative_never_comes)
{
    struct deadline never = deadline_in_ms(-1);

    cr_expect_not(deadline_passed(&never));
    cr_expect_eq(deadline_poll_ms(&never), -1);
}

Test(deadline, zero_has_passed)
{
    struct deadline now = deadline_in_ms(0);

    cr_expect(deadline_passed(&now));
    cr_expect_eq(deadline_poll_ms(&now), 0);
}

Test(deadline, what_is_left_is_rounded_up_and_never_overflows_poll)
{
    struct deadline soon = deadline_in_ms(50);
    struct deadline late = deadline_in_ms(INT64_C(1000000000000));

    cr_expect(deadline_poll_ms(&soon) > 40 && deadline_poll_ms(&soon) <= 50);
    soon.at_ns = monotonic_ns() + 200000;
    cr_expect(deadline_poll_ms(&soon) >= 0 && deadline_poll_ms(&soon) <= 1);
    cr_expect(deadline_poll_ms(&late) > 1000000);
    cr_expect_not(deadline_passed(&late));
}

Test(deadline, pauses_double_but_do_not_outlast_it, .timeout = 20)
{
    struct deadline deadline = deadline_in_ms(100);
    int64_t begun = monotonic_ns();
    int pauses = 0;

    while (!deadline_passed(&deadline) && pauses < 1000) {
        deadline_pause(&deadline, 2);
        pauses++;
    }

    int64_t took = monotonic_ns() - begun;

    cr_expect(took >= 100000000 && took < 5000000000);
    cr_expect(pauses >= 2 && pauses <= 20, "%d pauses", pauses);
}

Test(deadline, waits_for_an_event_or_gives_up, .timeout = 20)
{
    struct deadline soon = deadline_in_ms(30);
    int ends[2];

    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    cr_expect_eq(deadline_wait(&soon, ends[0], POLLIN), 0);
    cr_expect(deadline_passed(&soon));
    cr_assert_eq(write(ends[1], "x", 1), 1);
    cr_expect_eq(deadline_wait(&soon, ends[0], POLLIN), 1, "what is there already is seen");
}
