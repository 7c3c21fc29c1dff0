// A weight in the layout of the one operation that reads it, with that operation's settings.
#pragma once

#include "../guard.h"
#include "winograd.h"

#include <variant>

namespace ct {

/// A linear weight in oneDNN's blocks.
struct PackedLinear {
  at::Tensor blocks;
};

/// A convolution's weight in oneDNN's blocks, with the convolution's settings.
struct PackedConvolution {
  at::Tensor blocks;
  std::vector<int64_t> stride, padding, dilation;
  int64_t groups;
};

}  // namespace ct

struct ct_packed {
  std::variant<ct::PackedLinear, ct::PackedConvolution, ct::WinogradWeight> layout;
  at::ScalarType dtype;
  /// Of the plain weight.
  std::vector<int64_t> shape;
  /// Features or channels of a result and of an input.
  int64_t out, in;
};
