#include "CTorch.h"
#include <ATen/core/Tensor.h>
#include <ATen/ops/ones.h>
#include <torch/csrc/api/include/torch/version.h>
extern "C" const char *ct_version(void) { auto t = at::ones({2}); return TORCH_VERSION; }
