// Ends the command with a message when memory runs out: while LibTorch is loaded, long before main,
// and in libraries that use the null pointer they got.
#ifdef __linux__
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <new>

static void out_of_memory() {
  static const char message[] =
      "unclip: There is not enough memory; do less at a time, or end other programs.\n";
  ssize_t ignored = write(STDERR_FILENO, message, sizeof message - 1);
  (void)ignored;
  _exit(71);  // EX_OSERR of sysexits.h
}

static bool is_memory_short() {
  const size_t size = 64 << 20;
  void *block = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (block == MAP_FAILED) return true;
  munmap(block, size);
  return false;
}

static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGABRT};
static struct sigaction before[sizeof signals / sizeof *signals];

// A fault while there is memory is a fault of the program, and goes to the handlers before ours.
static void on_fault(int number, siginfo_t *, void *) {
  if (is_memory_short()) out_of_memory();
  for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
    sigaction(signals[i], &before[i], nullptr);
  raise(number);
}

// Runs after the libraries' initialisers, since Swift's sets handlers too.
__attribute__((constructor)) static void watch() {
  struct sigaction action = {};
  action.sa_sigaction = on_fault;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
    sigaction(signals[i], &action, &before[i]);
}

static void start() { std::set_new_handler(out_of_memory); }

// The loader runs the executable's .preinit_array before the libraries' initialisers.
__attribute__((section(".preinit_array"), used)) static void (*const first)() = start;
#endif
