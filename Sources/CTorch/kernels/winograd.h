// 3×3 convolutions by Winograd's minimal filtering, in float32 on the CPU.
#pragma once

#include "../libtorch.h"

#include <ATen/core/Tensor.h>

namespace ct {

/// Whether a convolution with a weight of this shape and type on the CPU is supported.
bool winograd_can(
    at::IntArrayRef weight, at::ScalarType type, at::IntArrayRef stride, at::IntArrayRef padding,
    at::IntArrayRef dilation, int64_t groups);

/// Whether it is also faster for inputs of this shape; `joint` as in `winograd_conv2d`.
bool winograd_gains(
    at::IntArrayRef weight, at::ScalarType type, at::IntArrayRef input, at::IntArrayRef stride,
    at::IntArrayRef padding, at::IntArrayRef dilation, int64_t groups, bool joint = false);

/// A convolution's weight `[out, in, 3, 3]`, float32 on the CPU, as Winograd's convolution reads it.
class WinogradWeight {
 public:
  /// Throws unless `winograd_can` is true of the shape and the type.
  explicit WinogradWeight(const at::Tensor &weight);

  int64_t in() const { return taps_.size(1); }
  int64_t out() const { return taps_.size(2); }
  /// `[9, in, out]`.
  const at::Tensor &taps() const { return taps_; }
  /// The points `[36, in, out]` made of the taps, where they are few enough to be kept.
  const std::optional<at::Tensor> &points() const { return points_; }
  /// `[out, in, 3, 3]`.
  at::Tensor plain() const;

 private:
  at::Tensor taps_;
  std::optional<at::Tensor> points_;
};

/// The convolution with padding 1 and stride 1: `[B, in, H, W]` -> `[B, out, H, W]`; bias `[out]`.
///
/// Tiles of several images share a matrix only if `joint`; otherwise an image's results do not
/// depend on the others.
at::Tensor winograd_conv2d(
    const at::Tensor &x, const WinogradWeight &weight, const std::optional<at::Tensor> &bias,
    bool joint = false);

/// The gradient of the weight `[out, in, 3, 3]` from the input and the gradient of the output.
at::Tensor winograd_weight_gradient(const at::Tensor &x, const at::Tensor &y);

/// The convolution with a plain weight, with gradients.
at::Tensor winograd_trained_conv2d(
    const at::Tensor &x, const at::Tensor &weight, const std::optional<at::Tensor> &bias);

}  // namespace ct
