#include "stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "utils.h"

double stats_sum(const double *values, size_t count)
{
    double sum = 0.0;
    for (size_t at = 0; at < count; at++)
        sum += values[at];
    return sum;
}

double stats_median(const double *values, size_t count)
{
    double *sorted = count > 0 ? malloc(count * sizeof *sorted) : NULL;
    if (!sorted)
        return 0.0;
    memcpy(sorted, values, count * sizeof *sorted);
    utils_sort(sorted, count);
    double median = sorted[count / 2];
    free(sorted);
    return median;
}

double stats_scatter(const double *values, size_t count)
{
    double median = stats_median(values, count);
    double *distances = count > 0 ? malloc(count * sizeof *distances) : NULL;
    if (!distances)
        return 0.0;
    for (size_t at = 0; at < count; at++)
        distances[at] = fabs(values[at] - median);
    double scatter = 1.4826 * stats_median(distances, count);
    free(distances);
    return scatter;
}
