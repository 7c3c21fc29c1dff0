// Weights in the fastest layout, oneDNN's blocks or Winograd's points: made once
// for a frozen network, read at every call.
//
// oneDNN's operators have no header. They are called by name through the dispatcher, with boxed
// arguments, so that a LibTorch whose signature differs says so instead of failing to link.
#include "packed.h"

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/mkldnn_reorder_conv2d_weight.h>
#include <ATen/ops/ones.h>
#include <c10/core/GradMode.h>

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

at::Tensor linear(
    const at::Tensor &x, const PackedLinear &weight, const std::optional<at::Tensor> &bias) {
  static const auto op = operation("mkldnn::_linear_pointwise");
  return call(op, {x, weight.blocks, bias, kNoActivation, no_scalars(), c10::IValue()});
}

at::Tensor convolution(
    const at::Tensor &x, const PackedConvolution &weight, const std::optional<at::Tensor> &bias) {
  static const auto op = operation("mkldnn::_convolution_pointwise");
  return call(
      op,
      {x, weight.blocks, bias, weight.padding, weight.stride, weight.dilation, weight.groups,
       kNoActivation, no_scalars(), c10::IValue()});
}

at::Tensor reordered_linear(const at::Tensor &weight, int64_t rows) {
  return call(operation("mkldnn::_reorder_linear_weight"), {weight.contiguous(), rows});
}

/// Refuses an input or a bias that does not belong to the weight: kernels trust their sizes.
void check_operands(
    const at::Tensor &x, int64_t axis, const ct_packed &weight,
    const std::optional<at::Tensor> &bias) {
  TORCH_CHECK(x.dim() > 0 && x.device().is_cpu(), "a packed weight takes inputs on the CPU");
  TORCH_CHECK(
      x.scalar_type() == weight.dtype, "the packed weight is ", weight.dtype, ", the input ",
      x.scalar_type());
  TORCH_CHECK(
      x.size(axis) == weight.in, "the packed weight takes inputs of ", weight.in, ", not ",
      x.size(axis));
  TORCH_CHECK(
      !bias || (bias->dim() == 1 && bias->size(0) == weight.out && bias->device().is_cpu() &&
                bias->scalar_type() == weight.dtype && bias->is_contiguous()),
      "the packed weight takes a bias of ", weight.out, " in ", weight.dtype);
  TORCH_CHECK(
      !(x.requires_grad() && c10::GradMode::is_enabled()), "a packed weight gives no gradient");
}

/// Whether this LibTorch and this processor pack weights of a type, found by packing one.
bool packs(at::ScalarType type) {
  try {
    const auto weight = at::ones({16, 16}, at::TensorOptions().dtype(type));
    linear(weight, {reordered_linear(weight, 1)}, std::nullopt);
    return true;
  } catch (const std::exception &) {
    return false;
  }
}

}  // namespace

bool ct_can_pack(const ct_tensor *weight) {
  const auto &value = weight->value;
  if (!value.device().is_cpu()) return false;
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

int ct_pack_linear(const ct_tensor *weight, ct_int rows, ct_packed **out) {
  return guard([&] {
    const auto &value = weight->value;
    TORCH_CHECK(value.dim() == 2, "a linear weight has 2 axes, not ", value.dim());
    *out = new ct_packed{
        PackedLinear{reordered_linear(value, rows)}, value.scalar_type(), value.sizes().vec(),
        value.size(0), value.size(1)};
  });
}

int ct_pack_conv2d(
    const ct_tensor *weight, const ct_int input[4], const ct_int stride[2],
    const ct_int padding[2], const ct_int dilation[2], ct_int groups, bool winograd,
    ct_packed **out) {
  return guard([&] {
    const auto &value = weight->value;
    TORCH_CHECK(value.dim() == 4, "a convolution's weight has 4 axes, not ", value.dim());
    const auto make = [&](auto layout) {
      *out = new ct_packed{
          std::move(layout), value.scalar_type(), value.sizes().vec(), value.size(0),
          value.size(1) * groups};
    };
    if (winograd) {
      TORCH_CHECK(
          winograd_can(
              value.sizes(), value.scalar_type(), pair(stride), pair(padding), pair(dilation),
              groups),
          "Winograd's way is not one for this convolution");
      return make(WinogradWeight(value));
    }
    auto blocks = at::mkldnn_reorder_conv2d_weight(
        value.contiguous().to_mkldnn(), pair(padding), pair(stride), pair(dilation), groups,
        ints(input, 4));
    make(PackedConvolution{
        std::move(blocks), pair(stride).vec(), pair(padding).vec(), pair(dilation).vec(), groups});
  });
}

bool ct_winograd_gains(
    const ct_int weight[4], int32_t dtype, const ct_int input[4], const ct_int stride[2],
    const ct_int padding[2], const ct_int dilation[2], ct_int groups) {
  return winograd_gains(
      ints(weight, 4), static_cast<at::ScalarType>(dtype), ints(input, 4), pair(stride),
      pair(padding), pair(dilation), groups);
}

int ct_unpacked(const ct_packed *weight, ct_tensor **out) {
  return give(out, [&] {
    if (const auto *winograd = std::get_if<WinogradWeight>(&weight->layout)) {
      return winograd->plain();
    }
    const auto *linear = std::get_if<PackedLinear>(&weight->layout);
    const auto &blocks =
        linear ? linear->blocks : std::get<PackedConvolution>(weight->layout).blocks;
    return blocks.to_dense().reshape(weight->shape);
  });
}

void ct_packed_free(ct_packed *weight) { delete weight; }

int ct_packed_linear(
    const ct_tensor *x, const ct_packed *weight, const ct_tensor *bias, ct_tensor **out) {
  return give(out, [&] {
    const auto *packed = std::get_if<PackedLinear>(&weight->layout);
    TORCH_CHECK(packed, "the weight was packed for a convolution");
    const auto shift = maybe(bias);
    check_operands(x->value, -1, *weight, shift);
    return linear(x->value, *packed, shift);
  });
}

int ct_packed_conv2d(
    const ct_tensor *x, const ct_packed *weight, const ct_tensor *bias, ct_tensor **out) {
  return give(out, [&] {
    TORCH_CHECK(x->value.dim() == 4, "a convolution's input has 4 axes, not ", x->value.dim());
    const auto shift = maybe(bias);
    check_operands(x->value, 1, *weight, shift);
    if (const auto *packed = std::get_if<WinogradWeight>(&weight->layout)) {
      return winograd_conv2d(x->value, *packed, shift);
    }
    const auto *packed = std::get_if<PackedConvolution>(&weight->layout);
    TORCH_CHECK(packed, "the weight was packed for a linear layer");
    return convolution(x->value, *packed, shift);
  });
}
