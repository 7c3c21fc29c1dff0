#include "start.h"

#ifdef __linux__
static void start(int, char **arguments, char **environment) {
  end_when_memory_is_short();
  choose_waiting(arguments, environment);
}

__attribute__((section(".preinit_array"), used)) static void (*const first)(int, char **, char **) =
    start;
#endif
