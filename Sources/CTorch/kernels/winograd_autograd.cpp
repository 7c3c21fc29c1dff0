// The gradients of Winograd's convolution are convolutions of the same kind.
#include "winograd.h"

#include <ATen/ops/convolution_backward.h>
#include <torch/csrc/autograd/custom_function.h>

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

namespace {

struct Convolution : torch::autograd::Function<Convolution> {
  static at::Tensor forward(
      AutogradContext *context, const at::Tensor &x, const at::Tensor &weight,
      const std::optional<at::Tensor> &bias) {
    context->save_for_backward({x, weight});
    context->saved_data["biased"] = bias.has_value();
    return ct::winograd_conv2d(x, ct::WinogradWeight(weight), bias, /*joint=*/true);
  }

  static variable_list backward(AutogradContext *context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const auto &x = saved[0], &weight = saved[1];
    // A gradient that will itself be differentiated uses the operations with a derivative.
    if (at::GradMode::is_enabled()) return plain_backward(context, gradients[0], x, weight);
    const auto y = gradients[0].contiguous(at::MemoryFormat::ChannelsLast);
    variable_list results(3);
    if (context->needs_input_grad(0)) {
      // Each pixel is reached by the taps in reverse, from the outputs.
      const auto turned = weight.flip({2, 3}).transpose(0, 1);
      results[0] = ct::winograd_conv2d(y, ct::WinogradWeight(turned), std::nullopt, true);
    }
    if (context->needs_input_grad(1)) results[1] = ct::winograd_weight_gradient(x, y);
    if (context->saved_data["biased"].toBool() && context->needs_input_grad(2)) {
      results[2] = y.sum({0, 2, 3});
    }
    return results;
  }

  static variable_list plain_backward(
      AutogradContext *context, const at::Tensor &y, const at::Tensor &x,
      const at::Tensor &weight) {
    const bool biased = context->saved_data["biased"].toBool();
    const at::OptionalIntArrayRef bias =
        biased ? at::OptionalIntArrayRef(weight.sizes().slice(0, 1)) : std::nullopt;
    auto [dx, dw, db] = at::convolution_backward(
        y, x, weight, bias, /*stride=*/{1, 1}, /*padding=*/{1, 1}, /*dilation=*/{1, 1},
        /*transposed=*/false, /*output_padding=*/{0, 0}, /*groups=*/1,
        {context->needs_input_grad(0), context->needs_input_grad(1),
         biased && context->needs_input_grad(2)});
    return {dx, dw, db};
  }
};

}  // namespace

at::Tensor ct::winograd_trained_conv2d(
    const at::Tensor &x, const at::Tensor &weight, const std::optional<at::Tensor> &bias) {
  return Convolution::apply(x, weight, bias);
}
