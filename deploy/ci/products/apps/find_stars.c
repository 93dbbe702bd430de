// Takes a picture of a made-up sky, keeps it in a file, and finds the stars in it.
//
//   find_stars IMAGE [SETTINGS]
#include <stdio.h>
#include <stdlib.h>

#include "config.h"
#include "detect.h"
#include "io.h"
#include "log.h"
#include "measure.h"

enum { WIDTH = 48, HEIGHT = 32, MOST = 50 };

// The same night each time: a sky of 100, some noise, three stars.
static struct image *observe(void)
{
    struct image *image = image_new(WIDTH, HEIGHT);
    unsigned noise = 20261123;
    for (size_t at = 0; image && at < image_size(image); at++) {
        noise = noise * 1664525u + 1013904223u;
        image->pixels[at] = 100.0 + (noise >> 24) / 64.0;
    }
    if (image) {
        image_add_star(image, (struct geom_point){10.0, 8.0}, 5000.0);
        image_add_star(image, (struct geom_point){30.5, 20.0}, 3000.0);
        image_add_star(image, (struct geom_point){41.0, 6.5}, 1500.0);
    }
    return image;
}

int main(int count, char **words)
{
    static struct table table;
    if (count < 2) {
        log_note("find_stars", "usage: find_stars IMAGE [SETTINGS]");
        return 2;
    }
    struct image *observed = observe();
    bool written = observed && io_write(observed, words[1]) == 0;
    free(observed);
    struct image *image = written ? io_read(words[1]) : NULL;
    if (!image)
        return 1;
    struct wcs wcs = {{WIDTH / 2.0, HEIGHT / 2.0}, {150.0, 2.2}, 1.0 / 60.0};
    struct geom_box boxes[MOST];
    double sigmas = config_number(count > 2 ? words[2] : NULL, "sigmas", 8.0);
    size_t found = detect(image, sigmas, boxes, MOST);
    measure(image, &wcs, boxes, found, &table);
    table_print(&table, stdout);
    free(image);
    return 0;
}
