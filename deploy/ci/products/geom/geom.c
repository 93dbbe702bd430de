#include "geom.h"

#include "utils.h"

bool geom_contains(struct geom_box box, int x, int y)
{
    return x >= box.x0 && x < box.x1 && y >= box.y0 && y < box.y1;
}

struct geom_box geom_grown(struct geom_box box, int x, int y)
{
    if (x < box.x0)
        box.x0 = x;
    if (y < box.y0)
        box.y0 = y;
    if (x >= box.x1)
        box.x1 = x + 1;
    if (y >= box.y1)
        box.y1 = y + 1;
    return box;
}

struct geom_point geom_clamped(struct geom_point point, struct geom_box box)
{
    point.x = utils_clamp(point.x, box.x0, box.x1);
    point.y = utils_clamp(point.y, box.y0, box.y1);
    return point;
}
