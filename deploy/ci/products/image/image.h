// Images: a number for each pixel of a box.
#pragma once

#include <stddef.h>

#include "geom.h"

struct image {
    struct geom_box box;
    double pixels[];
};

// An image of zeros, to be freed; NULL where there is no memory for it.
struct image *image_new(int width, int height);

size_t image_size(const struct image *image);

double *image_at(struct image *image, int x, int y);

// Adds a star: `flux` spread around a point as a blurred eye sees it.
void image_add_star(struct image *image, struct geom_point at, double flux);
