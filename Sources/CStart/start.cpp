// LibTorch fills its tables while it is loaded, long before main. Where there is no memory for them,
// the process would end with an abort; this runs earlier still and ends it with a sentence.
#ifdef __linux__
#include <unistd.h>

#include <new>

static void out_of_memory() {
  static const char sentence[] = "unclip: There is not enough memory even to start.\n";
  ssize_t ignored = write(STDERR_FILENO, sentence, sizeof sentence - 1);
  (void)ignored;
  _exit(71);  // EX_OSERR of sysexits.h
}

static void start() { std::set_new_handler(out_of_memory); }

// The one list of the executable that the loader runs before the libraries' own.
__attribute__((section(".preinit_array"), used)) static void (*const first)() = start;
#endif
