#ifndef CIMAGING_COMMON_H
#define CIMAGING_COMMON_H

#include "CImaging.h"

/// Writes `text` as the message of a failure and returns 1.
int ci_fail(char *message, const char *text);

#endif
