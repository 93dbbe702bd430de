#include "utils.h"

#include <ctype.h>
#include <string.h>

void utils_sort(double *values, size_t count)
{
    for (size_t sorted = 1; sorted < count; sorted++) {
        double value = values[sorted];
        size_t at = sorted;
        for (; at > 0 && values[at - 1] > value; at--)
            values[at] = values[at - 1];
        values[at] = value;
    }
}

char *utils_trim(char *text)
{
    while (isspace((unsigned char)*text))
        text++;
    size_t length = strlen(text);
    while (length > 0 && isspace((unsigned char)text[length - 1]))
        length--;
    text[length] = '\0';
    return text;
}

double utils_clamp(double value, double low, double high)
{
    return value < low ? low : value > high ? high : value;
}
