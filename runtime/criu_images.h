#pragma once

/*
 * What CRIU's images say about one another, read before CRIU does.
 *
 * pagemap-ID.img names a range of memory a message, and which image has the pages: those of all
 * ranges that are present, one after another.  CRIU up to 4.2 reads on for ever at the end of an
 * image that has fewer (pull request 2899), and has forbidden itself to be disturbed by then.
 * https://criu.org/Memory_dumping_and_restoring, images/pagemap.proto of CRIU
 */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"

struct criu_pagemap {
    uint32_t pages_id; /* the image is pages-ID.img */
    uint64_t present;  /* pages that are in it */
    bool in_parent;    /* others are in earlier images */
};

/* False when it is cut short, or holds what we do not know: nothing can be said then. */
must_check bool criu_pagemap_read(FILE *pagemap, struct criu_pagemap *ret);

/* Refuse when pages of a process in pstree.img are missing in the images of this directory, or in
 * those that it is based on.  Other pagemaps may be of an earlier dump that failed, and say
 * nothing. What cannot be read is no reason: CRIU will say so. */
must_check int criu_check_pages(int images, struct error *err);
