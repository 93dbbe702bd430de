// From pixels to the sky, for a camera that looks at a small part of it.
#pragma once

#include "geom.h"

struct wcs {
    struct geom_point pixel; // this pixel
    struct geom_point sky;   // is here, right ascension and declination in degrees
    double scale;            // degrees in a pixel
};

struct geom_point wcs_sky(const struct wcs *wcs, struct geom_point pixel);
