/* config-linux.md, "Control groups": what no host could mean.  What this host has is for cgroups/.
 */

#include <inttypes.h>
#include <string.h>

#include "base/own.h"
#include "base/text.h"
#include "spec/place.h"
#include "spec/validate.h"

/* "Allowed Device list": the access is a composition of r, w and m. */
static int check_device_rule(const struct spec_device_rule *rule, struct error *err)
{
    char quoted[1040];

    if (rule->type.set && rule->type.value == SPEC_DEVICE_FIFO) {
        wrong(err, "\"p\": device rules know a, b and c only");
        return in_member(err, "type");
    }
    if (rule->access == NULL)
        return 0;
    if (rule->access[0] != '\0' && rule->access[strspn(rule->access, "rwm")] == '\0')
        return 0;
    wrong(err, "\"%s\" is not made of r, w and m", quotable(quoted, rule->access));
    return in_member(err, "access");
}

static int check_devices(const struct spec_resources *resources, struct error *err)
{
    for (size_t i = 0; i < resources->devices.count; i++) {
        if (check_device_rule(&resources->devices.items[i], err) < 0) {
            in_item(err, i);
            return in_member(err, "devices");
        }
    }
    return 0;
}

/* "<size><unit-prefix>B", K, M or G; the sizes of huge pages are powers of two. */
static bool is_page_size(const char *text)
{
    size_t digits = strspn(text, "0123456789");
    struct error ignored;
    char number[12];
    uint64_t size;

    if (text[0] == '0' || digits == 0 || digits >= sizeof number)
        return false;
    /* strchr() would find the end of the text, too, and there is nothing to compare behind it. */
    if (text[digits] == '\0' || strchr("KMG", text[digits]) == NULL ||
        strcmp(text + digits + 1, "B") != 0)
        return false;
    memcpy(number, text, digits);
    number[digits] = '\0';
    return parse_uint64(number, UINT64_MAX, &size, &ignored) == 0 && (size & (size - 1)) == 0;
}

static int check_hugepage_limits(const struct spec_resources *resources, struct error *err)
{
    char quoted[1040];

    for (size_t i = 0; i < resources->hugepage_limits.count; i++) {
        const char *size = resources->hugepage_limits.items[i].page_size;

        if (is_page_size(size))
            continue;
        wrong(err, "\"%s\" is not the size of a huge page (such as 2MB)", quotable(quoted, size));
        in_member(err, "pageSize");
        in_item(err, i);
        return in_member(err, "hugepageLimits");
    }
    return 0;
}

/* The name stands at the start of a line in rdma.max.  "You MUST specify at least one of the
 * hcaHandles or hcaObjects in a given entry". */
static int check_rdma(const struct spec_resources *resources, struct error *err)
{
    char quoted[1040];

    for (size_t i = 0; i < resources->rdma.count; i++) {
        const struct spec_rdma *rdma = &resources->rdma.items[i];

        if (rdma->device[0] == '\0' || strpbrk(rdma->device, " \t\r\n/") != NULL)
            wrong(err, "\"%s\" is not the name of a device", quotable(quoted, rdma->device));
        else if (!rdma->hca_handles.set && !rdma->hca_objects.set) {
            wrong(err, "limits nothing: neither hcaHandles nor hcaObjects is given");
            in_key(err, rdma->device);
        } else {
            continue;
        }
        return in_member(err, "rdma");
    }
    return 0;
}

/* "You MUST specify at least one of weight or leafWeight in a given entry".  0 counts as given:
 * engines written in Go send it for what is not set. */
static int check_weight_devices(const struct spec_resources *resources, struct error *err)
{
    size_t count = resources->block_io == NULL ? 0 : resources->block_io->weight_device.count;

    for (size_t i = 0; i < count; i++) {
        const struct spec_block_weight_device *device =
            &resources->block_io->weight_device.items[i];

        if (device->weight.set || device->leaf_weight.set)
            continue;
        wrong(err, "%" PRId64 ":%" PRId64 ": neither weight nor leafWeight is given", device->major,
              device->minor);
        in_item(err, i);
        in_member(err, "weightDevice");
        return in_member(err, "blockIO");
    }
    return 0;
}

/* Lines, as in config-linux.md's example for io.max: each is written by itself.  Tabs are spaces to
 * the kernel; what else controls terminals is no part of any value. */
static bool is_of_lines(const char *value)
{
    for (const char *at = value; *at != '\0'; at++) {
        bool is_control = (unsigned char)*at < ' ' || *at == 0x7f;

        if (is_control && *at != '\n' && *at != '\t')
            return false;
    }
    return true;
}

/* "unified": the key is a file in the container's cgroup, and in no other directory. */
static int check_unified(const struct spec_resources *resources, struct error *err)
{
    char quoted[1040];

    for (size_t i = 0; i < resources->unified.count; i++) {
        const struct string_pair *pair = &resources->unified.items[i];

        quotable(quoted, pair->key);
        if (strchr(pair->key, '.') == NULL || strstr(pair->key, "..") != NULL ||
            strchr(pair->key, '/') != NULL || pair->key[0] == '.')
            wrong(err, "\"%s\" is not the name of a cgroup file (such as memory.high)", quoted);
        else if (!is_of_lines(pair->value)) {
            wrong(err, "\"%s\" holds a control character", quotable(quoted, pair->value));
            in_key(err, pair->key);
        } else {
            continue;
        }
        return in_member(err, "unified");
    }
    return 0;
}

static int (*const rules[])(const struct spec_resources *, struct error *) = {
    check_devices, check_hugepage_limits, check_weight_devices, check_rdma, check_unified,
};

int validate_resources(const struct spec_resources *resources, struct error *err)
{
    for (size_t i = 0; i < count_of(rules); i++) {
        if (rules[i](resources, err) < 0)
            return -err->code;
    }
    return 0;
}
