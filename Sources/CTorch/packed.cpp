// Weights in the layout that is multiplied fastest, oneDNN's blocks or Winograd's points: made once
// for a frozen network, read at every call.
//
// oneDNN's operators have no header. They are called by name through the dispatcher, with boxed
// arguments, so that a LibTorch whose signature differs says so instead of failing to link.
#include "packed.h"
#include "winograd.h"

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/mkldnn_reorder_conv2d_weight.h>
#include <ATen/ops/ones.h>

using namespace ct;

namespace {

c10::OperatorHandle operation(const char *name) {
  return c10::Dispatcher::singleton().findSchemaOrThrow(name, "");
}

at::Tensor call(const c10::OperatorHandle &op, std::vector<c10::IValue> arguments) {
  torch::jit::Stack stack(std::move(arguments));
  op.callBoxed(stack);
  return std::move(stack.front()).toTensor();
}

/// No activation after the product.
const c10::IValue kNoActivation("none");

c10::IValue no_scalars() {
  return c10::impl::GenericList(c10::OptionalType::create(c10::NumberType::get()));
}

}  // namespace

at::Tensor ct::packed_linear(
    const at::Tensor &x, const at::Tensor &weight, const std::optional<at::Tensor> &bias) {
  static const auto op = operation("mkldnn::_linear_pointwise");
  return call(op, {x, weight, bias, kNoActivation, no_scalars(), c10::IValue()});
}

at::Tensor ct::packed_conv2d(
    const at::Tensor &x, const at::Tensor &weight, const std::optional<at::Tensor> &bias,
    at::IntArrayRef stride, at::IntArrayRef padding, at::IntArrayRef dilation, int64_t groups) {
  static const auto op = operation("mkldnn::_convolution_pointwise");
  return call(
      op,
      {x, weight, bias, padding, stride, dilation, groups, kNoActivation, no_scalars(),
       c10::IValue()});
}

int ct_pack_linear(const ct_tensor *weight, ct_int rows, ct_tensor **out) {
  return give(out, [&] {
    return call(operation("mkldnn::_reorder_linear_weight"), {weight->value.contiguous(), rows});
  });
}

int ct_pack_conv2d(
    const ct_tensor *weight, const ct_int input[4], const ct_int stride[2],
    const ct_int padding[2], const ct_int dilation[2], ct_int groups, ct_tensor **out) {
  return give(out, [&] {
    if (winograd_gains(
            weight->value, ints(input, 4), pair(stride), pair(padding), pair(dilation), groups)) {
      return winograd_weight(weight->value);
    }
    return at::mkldnn_reorder_conv2d_weight(
        weight->value.contiguous().to_mkldnn(), pair(padding), pair(stride), pair(dilation),
        groups, ints(input, 4));
  });
}

namespace {

/// Whether this LibTorch and this processor pack weights of a type, found by packing one.
bool packs(at::ScalarType type) {
  try {
    const auto weight = at::ones({16, 16}, at::TensorOptions().dtype(type));
    const auto packed = call(operation("mkldnn::_reorder_linear_weight"), {weight, int64_t{1}});
    packed_linear(weight, packed, std::nullopt);
    return true;
  } catch (const std::exception &) {
    return false;
  }
}

}  // namespace

bool ct_can_pack(const ct_tensor *weight) {
  const auto &value = weight->value;
  if (!value.device().is_cpu() || value.is_mkldnn() || is_winograd(value)) return false;
  if (value.scalar_type() == at::kFloat) {
    static const bool works = packs(at::kFloat);
    return works;
  }
  if (value.scalar_type() == at::kBFloat16) {
    static const bool works = packs(at::kBFloat16);
    return works;
  }
  return false;
}
