// Settings: a file with lines of `key = value`, in which `#` begins a remark.
#pragma once

// The number under a key; `otherwise` where the file or the key is not there, or is no number.
double config_number(const char *path, const char *key, double otherwise);
