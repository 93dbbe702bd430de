#include "log.h"

#include <stdarg.h>
#include <stdio.h>

void log_note(const char *who, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    fprintf(stderr, "%s: ", who);
    vfprintf(stderr, format, values);
    fputc('\n', stderr);
    va_end(values);
}
