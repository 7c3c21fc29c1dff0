// 3×3 convolutions by Winograd's minimal filtering, in float32 on the CPU.
#pragma once

#include <ATen/core/Tensor.h>

namespace ct {

/// Whether a convolution of inputs of this shape gains by it; `joint` as in `winograd_conv2d`.
bool winograd_gains(
    const at::Tensor &weight, at::IntArrayRef input, at::IntArrayRef stride,
    at::IntArrayRef padding, at::IntArrayRef dilation, int64_t groups, bool joint = false);

/// A convolution's weight `[out, in, 3, 3]`, float32 on the CPU, as Winograd's convolution reads it.
class WinogradWeight {
 public:
  /// Throws unless the shape and the type are those of which `winograd_gains` can be true.
  explicit WinogradWeight(const at::Tensor &weight);

  int64_t in() const { return values_.size(1); }
  int64_t out() const { return values_.size(2); }
  /// The points `[36, in, out]` where they are few; else `taps` has what they are made from.
  bool keeps_points() const { return keeps_points_; }
  const at::Tensor &points() const { return values_; }
  /// `[9, in, out]`.
  const at::Tensor &taps() const { return values_; }

 private:
  at::Tensor values_;
  bool keeps_points_;
};

/// The convolution with padding 1 and stride 1: `[B, in, H, W]` -> `[B, out, H, W]`; bias `[out]`.
///
/// One picture's tiles share a matrix with another's only if `joint`: otherwise its results do not
/// depend on what is computed beside it.
at::Tensor winograd_conv2d(
    const at::Tensor &x, const WinogradWeight &weight, const std::optional<at::Tensor> &bias,
    bool joint = false);

/// The gradient of the weight `[out, in, 3, 3]` from the input and the gradient of the output.
at::Tensor winograd_weight_gradient(const at::Tensor &x, const at::Tensor &y);

/// The convolution with a plain weight, of which gradients may be asked.
at::Tensor winograd_trained_conv2d(
    const at::Tensor &x, const at::Tensor &weight, const std::optional<at::Tensor> &bias);

}  // namespace ct
