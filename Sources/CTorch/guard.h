// Common to every file of the shim: the handle, the guard, and small readers of C arguments.
#pragma once

#include "libtorch.h"

#include "CTorch.h"

#include <ATen/core/Tensor.h>
#include <c10/util/Exception.h>

#include <cmath>
#include <exception>
#include <string>
#include <utility>
#include <vector>

struct ct_tensor {
  at::Tensor value;
};

namespace ct {

/// The text of the last failure on this thread.
std::string &last_error();

/// Runs `body`; a thrown exception becomes a status and a text.
template <typename Body>
int guard(Body body) noexcept {
  try {
    body();
    return 0;
  } catch (const c10::Error &error) {
    last_error() = error.what_without_backtrace();
  } catch (const std::exception &error) {
    last_error() = error.what();
  } catch (...) {
    last_error() = "an exception that is no std::exception";
  }
  return 1;
}

/// Runs `body` and hands its tensor to the caller.
template <typename Body>
int give(ct_tensor **out, Body body) noexcept {
  return guard([&] { *out = new ct_tensor{body()}; });
}

inline at::IntArrayRef ints(const ct_int *values, ct_int count) {
  static_assert(sizeof(ct_int) == sizeof(int64_t));
  return {reinterpret_cast<const int64_t *>(values), static_cast<size_t>(count)};
}

inline at::IntArrayRef pair(const ct_int *values) { return ints(values, 2); }

inline std::vector<at::Tensor> tensors(ct_list list, ct_int count) {
  std::vector<at::Tensor> result;
  result.reserve(count);
  for (ct_int i = 0; i < count; i++) result.push_back(list[i]->value);
  return result;
}

inline std::optional<at::Tensor> maybe(const ct_tensor *x) {
  return x ? std::optional<at::Tensor>(x->value) : std::nullopt;
}

inline at::Device device(int32_t kind, int32_t index) {
  return kind == 0 ? at::Device(at::kCPU)
                   : at::Device(at::kCUDA, static_cast<at::DeviceIndex>(index));
}

inline at::TensorOptions options(int32_t dtype, int32_t kind, int32_t index) {
  return at::TensorOptions().dtype(static_cast<at::ScalarType>(dtype)).device(device(kind, index));
}

/// Whether an int64_t holds the value exactly; false for NaN and the infinities.
inline bool is_whole(double value) {
  return value >= -0x1p63 && value < 0x1p63 && value == std::trunc(value);
}

/// A whole value stays an integer beside a tensor of integers.
inline at::Scalar scalar(at::ScalarType type, double value) {
  if (at::isIntegralType(type, /*includeBool=*/false) && is_whole(value)) {
    return static_cast<int64_t>(value);
  }
  return value;
}

inline at::Scalar scalar(const at::Tensor &x, double value) {
  return scalar(x.scalar_type(), value);
}

}  // namespace ct
