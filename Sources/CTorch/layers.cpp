// Linear algebra, layers, resampling.
#include "guard.h"
#include "kernels/winograd.h"

#include <ATen/autocast_mode.h>
#include <ATen/ops/_upsample_bicubic2d_aa.h>
#include <ATen/ops/_upsample_bilinear2d_aa.h>
#include <ATen/ops/_upsample_nearest_exact2d.h>
#include <ATen/ops/adaptive_avg_pool2d.h>
#include <ATen/ops/avg_pool2d.h>
#include <ATen/ops/batch_norm.h>
#include <ATen/ops/cdist.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/conv_transpose2d.h>
#include <ATen/ops/dot.h>
#include <ATen/ops/dropout.h>
#include <ATen/ops/einsum.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/linalg_eigh.h>
#include <ATen/ops/linalg_svd.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/lstm.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/max_pool2d.h>
#include <ATen/ops/pixel_shuffle.h>
#include <ATen/ops/pixel_unshuffle.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/upsample_bicubic2d.h>
#include <ATen/ops/upsample_bilinear2d.h>
#include <ATen/ops/upsample_nearest2d.h>
#include <c10/core/GradMode.h>

using namespace ct;

namespace {

/// Whether Winograd's algorithm is faster for a convolution with gradients.
bool trains_by_winograd(
    const at::Tensor &x, const at::Tensor &weight, at::IntArrayRef stride,
    at::IntArrayRef padding, at::IntArrayRef dilation, int64_t groups) {
  return c10::GradMode::is_enabled() && (x.requires_grad() || weight.requires_grad()) &&
         x.device().is_cpu() && x.dim() == 4 && weight.dim() == 4 &&
         x.scalar_type() == at::kFloat &&
         x.is_contiguous(at::MemoryFormat::ChannelsLast) && x.size(1) == weight.size(1) * groups &&
         !at::autocast::is_autocast_enabled(at::kCPU) &&
         winograd_gains(
             weight.sizes(), weight.scalar_type(), x.sizes(), stride, padding, dilation, groups,
             /*joint=*/true);
}

}  // namespace

int ct_matmul(const ct_tensor *a, const ct_tensor *b, ct_tensor **out) {
  return give(out, [&] { return at::matmul(a->value, b->value); });
}

int ct_dot(const ct_tensor *a, const ct_tensor *b, ct_tensor **out) {
  return give(out, [&] { return at::dot(a->value, b->value); });
}

int ct_einsum(const char *equation, ct_list list, ct_int count, ct_tensor **out) {
  return give(out, [&] { return at::einsum(equation, tensors(list, count)); });
}

int ct_linear(
    const ct_tensor *x, const ct_tensor *weight, const ct_tensor *bias, ct_tensor **out) {
  return give(out, [&] { return at::linear(x->value, weight->value, maybe(bias)); });
}

int ct_eigh(const ct_tensor *x, ct_tensor **values, ct_tensor **vectors) {
  return guard([&] {
    auto both = at::linalg_eigh(x->value);
    *values = new ct_tensor{std::get<0>(both)};
    *vectors = new ct_tensor{std::get<1>(both)};
  });
}

int ct_svd(const ct_tensor *x, ct_tensor **u, ct_tensor **s, ct_tensor **vh) {
  return guard([&] {
    auto all = at::linalg_svd(x->value, /*full_matrices=*/false);
    *u = new ct_tensor{std::get<0>(all)};
    *s = new ct_tensor{std::get<1>(all)};
    *vh = new ct_tensor{std::get<2>(all)};
  });
}

int ct_cdist(const ct_tensor *a, const ct_tensor *b, double p, ct_tensor **out) {
  return give(out, [&] { return at::cdist(a->value, b->value, p); });
}

int ct_conv2d(
    const ct_tensor *x, const ct_tensor *weight, const ct_tensor *bias, const ct_int stride[2],
    const ct_int padding[2], const ct_int dilation[2], ct_int groups, ct_tensor **out) {
  return give(out, [&] {
    if (trains_by_winograd(
            x->value, weight->value, pair(stride), pair(padding), pair(dilation), groups)) {
      return winograd_trained_conv2d(x->value, weight->value, maybe(bias));
    }
    return at::conv2d(
        x->value, weight->value, maybe(bias), pair(stride), pair(padding), pair(dilation),
        groups);
  });
}

int ct_conv_transpose2d(
    const ct_tensor *x, const ct_tensor *weight, const ct_tensor *bias, const ct_int stride[2],
    const ct_int padding[2], const ct_int output_padding[2], const ct_int dilation[2],
    ct_int groups, ct_tensor **out) {
  return give(out, [&] {
    return at::conv_transpose2d(
        x->value, weight->value, maybe(bias), pair(stride), pair(padding), pair(output_padding),
        groups, pair(dilation));
  });
}

int ct_layer_norm(
    const ct_tensor *x, const ct_int *shape, ct_int rank, const ct_tensor *weight,
    const ct_tensor *bias, double epsilon, ct_tensor **out) {
  return give(out, [&] {
    return at::layer_norm(x->value, ints(shape, rank), maybe(weight), maybe(bias), epsilon);
  });
}

int ct_batch_norm(
    const ct_tensor *x, const ct_tensor *weight, const ct_tensor *bias, const ct_tensor *mean,
    const ct_tensor *variance, bool training, double momentum, double epsilon,
    ct_tensor **out) {
  return give(out, [&] {
    return at::batch_norm(
        x->value, maybe(weight), maybe(bias), maybe(mean), maybe(variance), training, momentum,
        epsilon, /*cudnn_enabled=*/true);
  });
}

int ct_lstm(
    const ct_tensor *x, const ct_tensor *h, const ct_tensor *c, ct_list parameters, ct_int count,
    ct_int layers, bool training, ct_tensor **outs) {
  return guard([&] {
    auto [output, last_h, last_c] = at::lstm(
        x->value, {h->value, c->value}, tensors(parameters, count), /*has_biases=*/true, layers,
        /*dropout=*/0, training, /*bidirectional=*/false, /*batch_first=*/true);
    outs[0] = new ct_tensor{std::move(output)};
    outs[1] = new ct_tensor{std::move(last_h)};
    outs[2] = new ct_tensor{std::move(last_c)};
  });
}

int ct_embedding(const ct_tensor *weight, const ct_tensor *ids, ct_tensor **out) {
  return give(out, [&] { return at::embedding(weight->value, ids->value); });
}

int ct_attention(
    const ct_tensor *q, const ct_tensor *k, const ct_tensor *v, const ct_tensor *mask,
    double dropout, bool causal, const double *scale, ct_tensor **out) {
  return give(out, [&] {
    return at::scaled_dot_product_attention(
        q->value, k->value, v->value, maybe(mask), dropout, causal,
        scale ? std::optional<double>(*scale) : std::nullopt);
  });
}

int ct_avg_pool2d(
    const ct_tensor *x, const ct_int kernel[2], const ct_int stride[2], const ct_int padding[2],
    ct_tensor **out) {
  return give(out, [&] {
    return at::avg_pool2d(x->value, pair(kernel), pair(stride), pair(padding));
  });
}

int ct_max_pool2d(
    const ct_tensor *x, const ct_int kernel[2], const ct_int stride[2], const ct_int padding[2],
    ct_tensor **out) {
  return give(out, [&] {
    return at::max_pool2d(x->value, pair(kernel), pair(stride), pair(padding));
  });
}

int ct_adaptive_avg_pool2d(const ct_tensor *x, const ct_int size[2], ct_tensor **out) {
  return give(out, [&] { return at::adaptive_avg_pool2d(x->value, pair(size)); });
}

int ct_upsample_nearest(const ct_tensor *x, const ct_int size[2], ct_tensor **out) {
  return give(out, [&] {
    return at::upsample_nearest2d(x->value, pair(size), std::nullopt, std::nullopt);
  });
}

int ct_upsample_nearest_exact(const ct_tensor *x, const ct_int size[2], ct_tensor **out) {
  return give(out, [&] {
    return at::_upsample_nearest_exact2d(x->value, pair(size), std::nullopt, std::nullopt);
  });
}

int ct_upsample_bilinear(
    const ct_tensor *x, const ct_int size[2], bool align_corners, bool antialias,
    ct_tensor **out) {
  return give(out, [&] {
    const auto resample = antialias
        ? static_cast<at::Tensor (*)(
              const at::Tensor &, at::IntArrayRef, bool, std::optional<double>,
              std::optional<double>)>(at::_upsample_bilinear2d_aa)
        : static_cast<at::Tensor (*)(
              const at::Tensor &, at::IntArrayRef, bool, std::optional<double>,
              std::optional<double>)>(at::upsample_bilinear2d);
    return resample(x->value, pair(size), align_corners, std::nullopt, std::nullopt);
  });
}

int ct_upsample_bicubic(
    const ct_tensor *x, const ct_int size[2], bool align_corners, bool antialias,
    ct_tensor **out) {
  return give(out, [&] {
    const auto resample = antialias
        ? static_cast<at::Tensor (*)(
              const at::Tensor &, at::IntArrayRef, bool, std::optional<double>,
              std::optional<double>)>(at::_upsample_bicubic2d_aa)
        : static_cast<at::Tensor (*)(
              const at::Tensor &, at::IntArrayRef, bool, std::optional<double>,
              std::optional<double>)>(at::upsample_bicubic2d);
    return resample(x->value, pair(size), align_corners, std::nullopt, std::nullopt);
  });
}

int ct_pixel_shuffle(const ct_tensor *x, ct_int factor, ct_tensor **out) {
  return give(out, [&] { return at::pixel_shuffle(x->value, factor); });
}

int ct_pixel_unshuffle(const ct_tensor *x, ct_int factor, ct_tensor **out) {
  return give(out, [&] { return at::pixel_unshuffle(x->value, factor); });
}

int ct_dropout(const ct_tensor *x, double p, ct_tensor **out) {
  return give(out, [&] { return at::dropout(x->value, p, /*train=*/true); });
}
