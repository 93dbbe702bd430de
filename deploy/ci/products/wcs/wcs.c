#include "wcs.h"

#include <math.h>

struct geom_point wcs_sky(const struct wcs *wcs, struct geom_point pixel)
{
    double radians = acos(-1.0) / 180.0;
    struct geom_point sky = {
        .x = wcs->sky.x + (pixel.x - wcs->pixel.x) * wcs->scale / cos(wcs->sky.y * radians),
        .y = wcs->sky.y + (pixel.y - wcs->pixel.y) * wcs->scale,
    };
    return sky;
}
