// Notes of what a program does, on its standard error.
#pragma once

// Writes a line that begins with `who`; the rest is as for printf.
__attribute__((format(printf, 2, 3))) void log_note(const char *who, const char *format, ...);
