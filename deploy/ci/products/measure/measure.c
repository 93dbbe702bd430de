#include "measure.h"

#include "stats.h"

void measure(struct image *image, const struct wcs *wcs, const struct geom_box *boxes, size_t count,
             struct table *table)
{
    double sky = stats_median(image->pixels, image_size(image));
    *table = (struct table){.columns = 3, .names = {"ra", "dec", "flux"}};
    for (size_t at = 0; at < count; at++) {
        struct geom_box box = boxes[at];
        struct geom_point centre = {0.0, 0.0};
        double flux = 0.0;
        for (int y = box.y0; y < box.y1; y++) {
            flux += stats_sum(image_at(image, box.x0, y), box.x1 - box.x0) - sky * (box.x1 - box.x0);
            for (int x = box.x0; x < box.x1; x++) {
                centre.x += x * (*image_at(image, x, y) - sky);
                centre.y += y * (*image_at(image, x, y) - sky);
            }
        }
        centre = (struct geom_point){centre.x / flux, centre.y / flux};
        struct geom_point position = wcs_sky(wcs, centre);
        table_add(table, (double[]){position.x, position.y, flux});
    }
}
