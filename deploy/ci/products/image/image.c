#include "image.h"

#include <math.h>
#include <stdlib.h>

#include "log.h"

struct image *image_new(int width, int height)
{
    struct image *image = calloc(1, sizeof *image + sizeof(double) * width * height);
    if (image)
        image->box = (struct geom_box){0, 0, width, height};
    else
        log_note("image", "no memory for %d x %d pixels", width, height);
    return image;
}

size_t image_size(const struct image *image)
{
    return (size_t)image->box.x1 * image->box.y1;
}

double *image_at(struct image *image, int x, int y)
{
    return &image->pixels[(size_t)y * image->box.x1 + x];
}

void image_add_star(struct image *image, struct geom_point at, double flux)
{
    at = geom_clamped(at, image->box);
    for (int y = 0; y < image->box.y1; y++)
        for (int x = 0; x < image->box.x1; x++) {
            double square = (x - at.x) * (x - at.x) + (y - at.y) * (y - at.y);
            *image_at(image, x, y) += flux * exp(-square / 4.0) / (acos(-1.0) * 4.0);
        }
}
