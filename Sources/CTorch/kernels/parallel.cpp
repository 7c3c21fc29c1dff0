// Loops on the threads that LibTorch already has.
//
// Its own parallel_for is a template that runs serially unless the includer is compiled with
// -fopenmp, which a Swift package cannot set. The OpenMP library is in the process anyway,
// so its entry point is looked up by name; where it is missing, loops run on one thread.
#include "parallel.h"

#include <ATen/Parallel.h>
#include <dlfcn.h>

#include <algorithm>
#include <atomic>

namespace {

using Region = void (*)(void (*body)(void *), void *data, unsigned threads, unsigned flags);

struct Loop {
  void (*body)(void *data, int64_t i);
  void *data;
  int64_t count;
  std::atomic<int64_t> next{0};

  /// Takes the next i until there is none, so a delayed thread takes fewer.
  void run() {
    for (int64_t i = next++; i < count; i = next++) body(data, i);
  }
};

}  // namespace

void ct::parallel(int64_t count, void (*body)(void *data, int64_t i), void *data) {
  static const auto region = reinterpret_cast<Region>(dlsym(RTLD_DEFAULT, "GOMP_parallel"));
  Loop loop{body, data, count};
  const auto threads = std::min<int64_t>(at::get_num_threads(), count);
  if (!region || threads < 2 || at::in_parallel_region()) return loop.run();
  region([](void *loop) { static_cast<Loop *>(loop)->run(); }, &loop, threads, 0);
}
