#include "namespaces/uts.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* The kernel's __NEW_UTS_LEN. */
enum { NAME_MOST = 64 };

static int set_name(int (*set)(const char *, size_t), const char *member, const char *name,
                    struct error *err)
{
    char shown[1040];

    if (name == NULL || set(name, strlen(name)) == 0)
        return 0;

    int code = errno;

    fail(err, code, "%s: set it to \"%s\"", member, quotable(shown, name));
    if (code == EINVAL && strlen(name) > NAME_MOST)
        hint(err, "the kernel takes at most %d bytes", NAME_MOST);
    return -code;
}

int uts_apply(const char *hostname, const char *domainname, struct error *err)
{
    int code = set_name(sethostname, "hostname", hostname, err);

    return code < 0 ? code : set_name(setdomainname, "domainname", domainname, err);
}
