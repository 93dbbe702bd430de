// Finds what is brighter than the sky.
#pragma once

#include "image.h"

// The boxes around pixels that touch and stand out of the sky by `sigmas` times its scatter, at most
// `most` of them; returns how many.
size_t detect(struct image *image, double sigmas, struct geom_box *boxes, size_t most);
