// Sums, extremes, sorting.
#include "guard.h"

#include <ATen/ops/all.h>
#include <ATen/ops/amax.h>
#include <ATen/ops/amin.h>
#include <ATen/ops/any.h>
#include <ATen/ops/argmax.h>
#include <ATen/ops/argmin.h>
#include <ATen/ops/bincount.h>
#include <ATen/ops/cumprod.h>
#include <ATen/ops/cumsum.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/max.h>
#include <ATen/ops/mean.h>
#include <ATen/ops/prod.h>
#include <ATen/ops/quantile.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/sort.h>
#include <ATen/ops/std.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/topk.h>
#include <ATen/ops/var.h>

#include <numeric>

using namespace ct;

#define CT_DEFINE(name, call)                                                        \
  int ct_##name(                                                                     \
      const ct_tensor *x, const ct_int *axes, ct_int axis_count, bool keep,          \
      ct_tensor **out) {                                                             \
    return give(out, [&] { return call(x->value, ints(axes, axis_count), keep); });  \
  }
CT_DEFINE(sum, at::sum)
CT_DEFINE(mean, at::mean)
CT_DEFINE(amax, at::amax)
CT_DEFINE(amin, at::amin)
#undef CT_DEFINE

namespace {

at::OptionalIntArrayRef optional_axes(const ct_int *axes, ct_int count) {
  return count == 0 ? at::OptionalIntArrayRef() : at::OptionalIntArrayRef(ints(axes, count));
}

void give_two(std::tuple<at::Tensor, at::Tensor> &&both, ct_tensor **first, ct_tensor **second) {
  *first = new ct_tensor{std::move(std::get<0>(both))};
  *second = new ct_tensor{std::move(std::get<1>(both))};
}

}  // namespace

int ct_any(
    const ct_tensor *x, const ct_int *axes, ct_int axis_count, bool keep, ct_tensor **out) {
  return give(out, [&] { return at::any(x->value, optional_axes(axes, axis_count), keep); });
}

int ct_all(
    const ct_tensor *x, const ct_int *axes, ct_int axis_count, bool keep, ct_tensor **out) {
  return give(out, [&] { return at::all(x->value, optional_axes(axes, axis_count), keep); });
}

int ct_var(
    const ct_tensor *x, const ct_int *axes, ct_int axis_count, bool keep, bool unbiased,
    ct_tensor **out) {
  return give(out, [&] {
    return at::var(x->value, optional_axes(axes, axis_count), unbiased, keep);
  });
}

int ct_std(
    const ct_tensor *x, const ct_int *axes, ct_int axis_count, bool keep, bool unbiased,
    ct_tensor **out) {
  return give(out, [&] {
    return at::std(x->value, optional_axes(axes, axis_count), unbiased, keep);
  });
}

int ct_norm(
    const ct_tensor *x, double order, const ct_int *axes, ct_int axis_count, bool keep,
    ct_tensor **out) {
  return give(out, [&] {
    return at::linalg_vector_norm(x->value, order, optional_axes(axes, axis_count), keep);
  });
}

int ct_logsumexp(
    const ct_tensor *x, const ct_int *axes, ct_int axis_count, bool keep, ct_tensor **out) {
  return give(out, [&] {
    std::vector<int64_t> all(x->value.dim());
    std::iota(all.begin(), all.end(), 0);
    return at::logsumexp(
        x->value, axis_count == 0 ? at::IntArrayRef(all) : ints(axes, axis_count), keep);
  });
}

int ct_prod(const ct_tensor *x, ct_int axis, bool keep, ct_tensor **out) {
  return give(out, [&] { return at::prod(x->value, static_cast<int64_t>(axis), keep); });
}

int ct_argmax(const ct_tensor *x, ct_int axis, bool keep, ct_tensor **out) {
  return give(out, [&] { return at::argmax(x->value, axis, keep); });
}

int ct_argmin(const ct_tensor *x, ct_int axis, bool keep, ct_tensor **out) {
  return give(out, [&] { return at::argmin(x->value, axis, keep); });
}

int ct_max_with_indices(
    const ct_tensor *x, ct_int axis, bool keep, ct_tensor **values, ct_tensor **indices) {
  return guard([&] {
    give_two(at::max(x->value, static_cast<int64_t>(axis), keep), values, indices);
  });
}

int ct_cumsum(const ct_tensor *x, ct_int axis, ct_tensor **out) {
  return give(out, [&] { return at::cumsum(x->value, static_cast<int64_t>(axis)); });
}

int ct_cumprod(const ct_tensor *x, ct_int axis, ct_tensor **out) {
  return give(out, [&] { return at::cumprod(x->value, static_cast<int64_t>(axis)); });
}

int ct_softmax(const ct_tensor *x, ct_int axis, ct_tensor **out) {
  return give(out, [&] { return at::softmax(x->value, static_cast<int64_t>(axis)); });
}

int ct_log_softmax(const ct_tensor *x, ct_int axis, ct_tensor **out) {
  return give(out, [&] { return at::log_softmax(x->value, static_cast<int64_t>(axis)); });
}

int ct_topk(
    const ct_tensor *x, ct_int k, ct_int axis, bool largest, ct_tensor **values,
    ct_tensor **indices) {
  return guard([&] { give_two(at::topk(x->value, k, axis, largest), values, indices); });
}

int ct_sort(
    const ct_tensor *x, ct_int axis, bool descending, ct_tensor **values, ct_tensor **indices) {
  return guard([&] {
    give_two(at::sort(x->value, /*stable=*/true, axis, descending), values, indices);
  });
}

int ct_quantile(const ct_tensor *x, double q, ct_int axis, bool keep, ct_tensor **out) {
  return give(out, [&] { return at::quantile(x->value, q, axis, keep); });
}

int ct_bincount(const ct_tensor *x, ct_int minimum_length, ct_tensor **out) {
  return give(out, [&] { return at::bincount(x->value, {}, minimum_length); });
}
