// What many values have in common.
#pragma once

#include <stddef.h>

double stats_sum(const double *values, size_t count);

// The value in the middle; 0 of no values.
double stats_median(const double *values, size_t count);

// How far the values scatter around their median, not misled by a few that are far off.
double stats_scatter(const double *values, size_t count);
