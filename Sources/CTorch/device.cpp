// The process: version, threads, the CUDA half of LibTorch.
#include "guard.h"

#include <ATen/DeviceAccelerator.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <torch/version.h>

#include <dlfcn.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include <stdexcept>

using namespace ct;

const char *ct_version(void) { return TORCH_VERSION; }
void ct_set_thread_count(ct_int count) { at::set_num_threads(static_cast<int>(count)); }
ct_int ct_thread_count(void) { return at::get_num_threads(); }

const char *ct_cpu_capability(void) {
  static const std::string text = at::get_cpu_capability();
  return text.c_str();
}

bool ct_has_bfloat16_products(void) {
#if defined(__x86_64__)
  // AVX512_BF16 is bit 5 of EAX in leaf 7.1; the system must also save the wide registers, as
  // LibTorch's choice of kernels shows.
  unsigned a = 0, b = 0, c = 0, d = 0;
  return at::get_cpu_capability() == "AVX512" && __get_cpuid_count(7, 1, &a, &b, &c, &d) &&
      (a >> 5 & 1);
#else
  return false;
#endif
}

int ct_open_library(const char *path) {
  return guard([&] {
    if (!dlopen(path, RTLD_NOW | RTLD_GLOBAL)) throw std::runtime_error(dlerror());
  });
}

int ct_cuda_device_count(ct_int *count) {
  return guard([&] {
    *count = at::accelerator::deviceCount();
  });
}
