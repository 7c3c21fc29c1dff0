// Layers whose weight is in oneDNN's layout; inputs need no gradient.
#pragma once

#include "guard.h"

namespace ct {

at::Tensor packed_linear(
    const at::Tensor &x, const at::Tensor &weight, const std::optional<at::Tensor> &bias);

at::Tensor packed_conv2d(
    const at::Tensor &x, const at::Tensor &weight, const std::optional<at::Tensor> &bias,
    at::IntArrayRef stride, at::IntArrayRef padding, at::IntArrayRef dilation, int64_t groups);

}  // namespace ct
