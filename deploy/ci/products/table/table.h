// Rows of numbers under named columns.
#pragma once

#include <stddef.h>
#include <stdio.h>

enum { TABLE_COLUMNS = 8, TABLE_ROWS = 1000 };

struct table {
    size_t columns, rows;
    const char *names[TABLE_COLUMNS];
    double values[TABLE_ROWS][TABLE_COLUMNS];
};

// Adds a row, one value for each column; what does not fit is noted and left out.
void table_add(struct table *table, const double *values);

void table_print(const struct table *table, FILE *file);
