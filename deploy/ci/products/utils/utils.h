// What is needed everywhere and belongs nowhere else.
#pragma once

#include <stddef.h>

// Sorts values in place, the lowest first.
void utils_sort(double *values, size_t count);

// The text without the blanks around it, which are overwritten.
char *utils_trim(char *text);

// The nearest value from low to high.
double utils_clamp(double value, double low, double high);
