// Images in files, as portable grey maps that any viewer shows.
#pragma once

#include "image.h"

// Writes what is between 0 and 65535, rounded; -1 when it could not.
int io_write(struct image *image, const char *path);

// An image, to be freed; NULL when there is none.
struct image *io_read(const char *path);
