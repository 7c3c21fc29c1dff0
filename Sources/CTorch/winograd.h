// 3×3 convolutions by Winograd's minimal filtering.
#pragma once

#include <ATen/core/Tensor.h>

namespace ct {

/// Whether a convolution of inputs of this shape gains by it.
bool winograd_gains(
    const at::Tensor &weight, at::IntArrayRef input, at::IntArrayRef stride,
    at::IntArrayRef padding, at::IntArrayRef dilation, int64_t groups);

/// Whether a convolution's weight is one that `winograd_weight` made: a plain one has four axes.
inline bool is_winograd(const at::Tensor &weight) { return weight.dim() == 3; }

/// `[out, in, 3, 3]` -> `[9, in, out]`, or the points `[36, in, out]` themselves where they are few;
/// only `winograd_conv2d` reads them.
at::Tensor winograd_weight(const at::Tensor &weight);

/// The convolution with padding 1 and stride 1: `[B, in, H, W]` -> `[B, out, H, W]`.
at::Tensor winograd_conv2d(
    const at::Tensor &x, const at::Tensor &weight, const std::optional<at::Tensor> &bias);

}  // namespace ct
