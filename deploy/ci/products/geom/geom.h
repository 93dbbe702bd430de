// Points and boxes of pixels.
#pragma once

#include <stdbool.h>

struct geom_point {
    double x, y;
};

// From the first pixel to the one after the last.
struct geom_box {
    int x0, y0, x1, y1;
};

bool geom_contains(struct geom_box box, int x, int y);

// The smallest box that holds the box and the pixel.
struct geom_box geom_grown(struct geom_box box, int x, int y);

// The point of the box that is nearest.
struct geom_point geom_clamped(struct geom_point point, struct geom_box box);
