// Chooses how threads wait for each other.
//
// LibTorch's OpenMP library lets a thread that waits spin for some milliseconds. On a machine that does
// anything else, that time is taken from the thread waited for; on an idle one, sleeping costs more than
// it saves. Benchmarks/waiting.md compares both. The library reads its setting from the environment when
// it is loaded, before main, so it is set here. A choice of the user's is left alone.
#include "start.h"

#ifdef __linux__
#include <fcntl.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include <vector>

static char sleeping[] = "GOMP_SPINCOUNT=0";
static char spinning[] = "GOMP_SPINCOUNT=3000";

static bool names(const char *entry, const char *name) {
  const size_t length = strlen(name);
  return strncmp(entry, name, length) == 0 && entry[length] == '=';
}

// Whether another process than this one runs or wants to: the fourth field of /proc/loadavg,
// "0.52 0.61 0.58 2/371 4242", counts this one too.
static bool another_runs() {
  char text[128];
  const int file = open("/proc/loadavg", O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  const ssize_t length = read(file, text, sizeof text - 1);
  close(file);
  if (length <= 0) return false;
  text[length] = 0;
  const char *field = text;
  for (int i = 0; i < 3 && field; i++)
    if ((field = strchr(field, ' '))) field++;
  return field && strncmp(field, "1/", 2) != 0;
}

// One look may meet a process that wakes for a moment; one that works is met by all.
static bool is_machine_busy() {
  for (int looks = 0; looks < 4; looks++) {
    if (looks > 0) usleep(1000);
    if (!another_runs()) return false;
  }
  return true;
}

void choose_waiting(char **arguments, char **environment) {
  char **spare = nullptr;
  size_t count = 0;
  for (; environment[count]; count++) {
    char **entry = &environment[count];
    if (names(*entry, "GOMP_SPINCOUNT") || names(*entry, "OMP_WAIT_POLICY")) return;
    // What a shell called last; no program depends on it.
    if (names(*entry, "_")) spare = entry;
  }
  char *setting = is_machine_busy() ? sleeping : spinning;
  if (spare) {
    *spare = setting;
    return;
  }
  // No entry to spare: begin again with one more.
  std::vector<char *> longer(environment, environment + count);
  longer.push_back(setting);
  longer.push_back(nullptr);
  char path[4096];
  const ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
  if (length < 0) return;
  path[length] = 0;
  execve(path, arguments, longer.data());
  // Where that fails, threads wait as the library would have it.
}
#endif
