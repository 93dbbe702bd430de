#include "detect.h"

#include <stdlib.h>

#include "log.h"
#include "stats.h"

// Grows the box over all pixels that touch (x, y) and were not seen yet.
static void follow(struct image *image, double threshold, char *seen, int x, int y,
                   struct geom_box *box)
{
    if (!geom_contains(image->box, x, y) || *image_at(image, x, y) < threshold)
        return;
    char *here = &seen[(size_t)y * image->box.x1 + x];
    if (*here)
        return;
    *here = 1;
    *box = geom_grown(*box, x, y);
    follow(image, threshold, seen, x + 1, y, box);
    follow(image, threshold, seen, x - 1, y, box);
    follow(image, threshold, seen, x, y + 1, box);
    follow(image, threshold, seen, x, y - 1, box);
}

size_t detect(struct image *image, double sigmas, struct geom_box *boxes, size_t most)
{
    size_t size = image_size(image), found = 0;
    double sky = stats_median(image->pixels, size);
    double threshold = sky + sigmas * stats_scatter(image->pixels, size);
    char *seen = calloc(size, 1);
    for (int y = 0; seen && y < image->box.y1; y++)
        for (int x = 0; x < image->box.x1 && found < most; x++) {
            struct geom_box box = {x, y, x, y};
            follow(image, threshold, seen, x, y, &box);
            if (box.x1 > box.x0)
                boxes[found++] = box;
        }
    free(seen);
    log_note("detect", "%zu above %.1f", found, threshold);
    return found;
}
