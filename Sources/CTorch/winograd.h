// 3×3 convolutions by Winograd's minimal filtering, in float32 on the CPU.
#pragma once

#include <ATen/core/Tensor.h>

namespace ct {

/// Whether a convolution of inputs of this shape gains by it; `joint` as in `winograd_conv2d`.
bool winograd_gains(
    const at::Tensor &weight, at::IntArrayRef input, at::IntArrayRef stride,
    at::IntArrayRef padding, at::IntArrayRef dilation, int64_t groups, bool joint = false);

/// Whether a convolution's weight is one that `winograd_weight` made: a plain one has four axes.
inline bool is_winograd(const at::Tensor &weight) { return weight.dim() == 3; }

/// `[out, in, 3, 3]` -> `[9, in, out]`, or the points `[36, in, out]` themselves where they are few;
/// only `winograd_conv2d` reads them.
at::Tensor winograd_weight(const at::Tensor &weight);

/// The convolution with padding 1 and stride 1: `[B, in, H, W]` -> `[B, out, H, W]`.
///
/// One picture's tiles share a matrix with another's only if `joint`: otherwise its results do not
/// depend on what is computed beside it.
at::Tensor winograd_conv2d(
    const at::Tensor &x, const at::Tensor &weight, const std::optional<at::Tensor> &bias,
    bool joint = false);

/// The gradient of the weight `[out, in, 3, 3]` from the input and the gradient of the output.
at::Tensor winograd_weight_gradient(const at::Tensor &x, const at::Tensor &y);

/// The convolution with a plain weight, of which gradients may be asked.
at::Tensor winograd_trained_conv2d(
    const at::Tensor &x, const at::Tensor &weight, const std::optional<at::Tensor> &bias);

}  // namespace ct
