// Bounds the time that waiting threads spin.
//  LibTorch's OpenMP library lets a waiting thread spin for some milliseconds. On a busy machine
// that time is taken from the thread it waits for. Benchmarks/waiting.md compares bounds. The
// library reads the bound from the environment when it is loaded, before main, so the variable is
// set before any library starts. A value set by the user is kept.
#if defined(__linux__)
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static char setting[] = "GOMP_SPINCOUNT=1000";

static int names(const char *entry, const char *name) {
  size_t length = strlen(name);
  return strncmp(entry, name, length) == 0 && entry[length] == '=';
}

static void bound_spinning(int argc, char **argv, char **environment) {
  (void)argc;
  char **spare = NULL;
  int count = 0;
  for (char **entry = environment; *entry; entry++, count++) {
    if (names(*entry, "GOMP_SPINCOUNT") || names(*entry, "OMP_WAIT_POLICY")) return;
    // The shell's last command; no program depends on it.
    if (names(*entry, "_")) spare = entry;
  }
  if (spare) {
    *spare = setting;
    return;
  }
  // No entry to reuse: execute again with one more.
  char *longer[count + 2];
  memcpy(longer, environment, sizeof(char *) * (size_t)count);
  longer[count] = setting;
  longer[count + 1] = NULL;
  char path[4096];
  ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
  if (length < 0) return;
  path[length] = 0;
  execve(path, argv, longer);
  // If that fails, threads spin for the library's default time.
}

__attribute__((section(".preinit_array"), used)) static void (*const before_libraries)(
    int, char **, char **) = bound_spinning;
#endif
