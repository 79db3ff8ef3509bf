#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/own.h"
#include "tests/integration/harness/checkpoint.h"
#include "tests/integration/harness/fake_criu.h"
#include "tests/integration/harness/scenario.h"

static const char *const *checkpoint_arguments(struct bundle *bundle, const char *part)
{
    return with_fake_criu(part, "checkpoint", "--image-path", images(), bundle->id);
}

static struct bundle *counting_container(void)
{
    need_root();

    struct bundle *bundle = counting_bundle();

    start_counting(bundle);
    return bundle;
}

static void goes_on(struct bundle *bundle)
{
    assert_text(bundle_status(bundle), "running");
    counter_beyond(bundle, counter_of(bundle).count);
    bundle_delete(bundle);
}

/* --- starting it -------------------------------------------------------------------------------
 */

Scenario(criu_faults, criu_starts_where_clone3_is_hidden)
{
    struct bundle *bundle = counting_container();
    const char *const *arguments = without_clone3(checkpoint_arguments(bundle, "refuses"));

    assert_refused(program_run(PROGRAM(.arguments = arguments)), 1, "the fake refuses");
    goes_on(bundle);
}
