// Our own kernels' loops: on LibTorch's threads, compiled for the processors they may meet.
#pragma once

#include <cstdint>
#include <type_traits>

namespace ct {

/// Calls `body(data, i)` for every i in 0 ..< count, spread over LibTorch's threads.
void parallel(int64_t count, void (*body)(void *data, int64_t i), void *data);

/// Calls `body(i)` for every i in 0 ..< count, spread over LibTorch's threads.
template <typename Body>
void parallel(int64_t count, Body &&body) {
  using Plain = std::remove_reference_t<Body>;
  parallel(
      count, [](void *data, int64_t i) { (*static_cast<Plain *>(data))(i); },
      const_cast<std::remove_const_t<Plain> *>(&body));
}

}  // namespace ct

/// Compiles a function once for each generation of vector instructions; the loader chooses the best.
#if defined(__x86_64__) && defined(__linux__)
#define CT_FOR_EACH_PROCESSOR \
  __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define CT_FOR_EACH_PROCESSOR
#endif
