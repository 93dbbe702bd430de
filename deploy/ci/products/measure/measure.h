// Positions and brightness of what was detected.
#pragma once

#include "image.h"
#include "table.h"
#include "wcs.h"

// A row for each box: where it is on the sky, and what is in it above the sky.
void measure(struct image *image, const struct wcs *wcs, const struct geom_box *boxes, size_t count,
             struct table *table);
