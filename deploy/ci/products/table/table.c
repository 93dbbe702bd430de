#include "table.h"

#include <string.h>

#include "log.h"

void table_add(struct table *table, const double *values)
{
    if (table->rows == TABLE_ROWS) {
        log_note("table", "more than %d rows", TABLE_ROWS);
        return;
    }
    memcpy(table->values[table->rows++], values, table->columns * sizeof *values);
}

void table_print(const struct table *table, FILE *file)
{
    for (size_t column = 0; column < table->columns; column++)
        fprintf(file, "%10s%s", table->names[column], column + 1 < table->columns ? "" : "\n");
    for (size_t row = 0; row < table->rows; row++)
        for (size_t column = 0; column < table->columns; column++)
            fprintf(file, "%10.3f%s", table->values[row][column],
                    column + 1 < table->columns ? "" : "\n");
}
