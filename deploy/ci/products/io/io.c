#include "io.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "log.h"

int io_write(struct image *image, const char *path)
{
    FILE *file = fopen(path, "w");
    if (!file) {
        log_note("io", "cannot write %s", path);
        return -1;
    }
    fprintf(file, "P2\n%d %d\n65535\n", image->box.x1, image->box.y1);
    for (size_t at = 0; at < image_size(image); at++)
        fprintf(file, "%d\n", (int)lround(fmin(fmax(image->pixels[at], 0.0), 65535.0)));
    return fclose(file) == 0 ? 0 : -1;
}

struct image *io_read(const char *path)
{
    struct image *image = NULL;
    int width = 0, height = 0;
    FILE *file = fopen(path, "r");
    bool known = file && fscanf(file, "P2 %d %d 65535", &width, &height) == 2;
    if (known && width > 0 && width < 10000 && height > 0 && height < 10000)
        image = image_new(width, height);
    for (size_t at = 0; image && at < image_size(image); at++)
        if (fscanf(file, "%lf", &image->pixels[at]) != 1) {
            free(image);
            image = NULL;
        }
    if (!image)
        log_note("io", "no image in %s", path);
    if (file)
        fclose(file);
    return image;
}
