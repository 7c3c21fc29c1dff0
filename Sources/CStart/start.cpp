#include "start.h"

#include <csignal>

#ifdef __linux__
static void start(int, char **arguments, char **environment) {
  end_when_memory_is_short();
  choose_waiting(arguments, environment);
  // A write beyond the limit of `ulimit -f` is then an error with a reason, not a death without one.
  std::signal(SIGXFSZ, SIG_IGN);
}

__attribute__((section(".preinit_array"), used)) static void (*const first)(int, char **, char **) =
    start;
#endif
