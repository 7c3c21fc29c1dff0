// The process: version, threads, the CUDA half of LibTorch.
#include "guard.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <torch/version.h>

#include <dlfcn.h>

#include <stdexcept>

using namespace ct;

const char *ct_version(void) { return TORCH_VERSION; }
void ct_set_thread_count(ct_int count) { at::set_num_threads(static_cast<int>(count)); }
ct_int ct_thread_count(void) { return at::get_num_threads(); }

const char *ct_cpu_capability(void) {
  static const std::string text = at::get_cpu_capability();
  return text.c_str();
}

int ct_open_library(const char *path) {
  return guard([&] {
    if (!dlopen(path, RTLD_NOW | RTLD_GLOBAL)) throw std::runtime_error(dlerror());
  });
}

int ct_cuda_device_count(ct_int *count) {
  return guard([&] {
    *count = at::globalContext().hasCUDA() ? at::detail::getCUDAHooks().deviceCount() : 0;
  });
}
