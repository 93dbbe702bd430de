#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "utils.h"

double config_number(const char *path, const char *key, double otherwise)
{
    FILE *file = path ? fopen(path, "r") : NULL;
    char line[256];
    while (file && fgets(line, sizeof line, file)) {
        line[strcspn(line, "#")] = '\0';
        char *value = strchr(line, '=');
        if (!value)
            continue;
        *value++ = '\0';
        if (strcmp(utils_trim(line), key) != 0)
            continue;
        char *end;
        double number = strtod(utils_trim(value), &end);
        if (*end == '\0')
            otherwise = number;
        else
            log_note("config", "%s is no number: %s", key, value);
    }
    if (file)
        fclose(file);
    return otherwise;
}
