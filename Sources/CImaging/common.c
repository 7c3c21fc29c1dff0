#include "common.h"

#include <stdio.h>
#include <stdlib.h>

int ci_fail(char *message, const char *text) {
  snprintf(message, CI_MESSAGE_SIZE, "%s", text);
  return 1;
}

void ci_bytes_free(ci_bytes *bytes) {
  free(bytes->data);
  bytes->data = NULL;
  bytes->count = 0;
}
