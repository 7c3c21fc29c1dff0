// Views, joining, indexing.
#include "guard.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/diagonal.h>
#include <ATen/ops/flatten.h>
#include <ATen/ops/flip.h>
#include <ATen/ops/gather.h>
#include <ATen/ops/im2col.h>
#include <ATen/ops/index_add.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/masked_select.h>
#include <ATen/ops/narrow.h>
#include <ATen/ops/nonzero.h>
#include <ATen/ops/one_hot.h>
#include <ATen/ops/pad.h>
#include <ATen/ops/permute.h>
#include <ATen/ops/repeat_interleave.h>
#include <ATen/ops/reshape.h>
#include <ATen/ops/roll.h>
#include <ATen/ops/scatter.h>
#include <ATen/ops/scatter_add.h>
#include <ATen/ops/select.h>
#include <ATen/ops/slice.h>
#include <ATen/ops/split_with_sizes.h>
#include <ATen/ops/squeeze.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/transpose.h>
#include <ATen/ops/tril.h>
#include <ATen/ops/triu.h>
#include <ATen/ops/unsqueeze.h>

#include <string_view>

using namespace ct;

int ct_reshape(const ct_tensor *x, const ct_int *sizes, ct_int rank, ct_tensor **out) {
  return give(out, [&] { return at::reshape(x->value, ints(sizes, rank)); });
}

int ct_view(const ct_tensor *x, const ct_int *sizes, ct_int rank, ct_tensor **out) {
  return give(out, [&] { return x->value.view(ints(sizes, rank)); });
}

int ct_expand(const ct_tensor *x, const ct_int *sizes, ct_int rank, ct_tensor **out) {
  return give(out, [&] { return x->value.expand(ints(sizes, rank)); });
}

int ct_permute(const ct_tensor *x, const ct_int *axes, ct_int count, ct_tensor **out) {
  return give(out, [&] { return at::permute(x->value, ints(axes, count)); });
}

int ct_transpose(const ct_tensor *x, ct_int a, ct_int b, ct_tensor **out) {
  return give(out, [&] {
    return at::transpose(x->value, static_cast<int64_t>(a), static_cast<int64_t>(b));
  });
}

int ct_squeeze(const ct_tensor *x, ct_int axis, ct_tensor **out) {
  return give(out, [&] { return at::squeeze(x->value, static_cast<int64_t>(axis)); });
}

int ct_unsqueeze(const ct_tensor *x, ct_int axis, ct_tensor **out) {
  return give(out, [&] { return at::unsqueeze(x->value, axis); });
}

int ct_flatten(const ct_tensor *x, ct_int from, ct_int through, ct_tensor **out) {
  return give(out, [&] {
    return at::flatten(x->value, static_cast<int64_t>(from), static_cast<int64_t>(through));
  });
}

int ct_narrow(const ct_tensor *x, ct_int axis, ct_int start, ct_int length, ct_tensor **out) {
  return give(out, [&] {
    return at::narrow(x->value, axis, static_cast<int64_t>(start), length);
  });
}

int ct_slice(
    const ct_tensor *x, ct_int axis, ct_int start, ct_int end, ct_int step, ct_tensor **out) {
  return give(out, [&] { return at::slice(x->value, axis, start, end, step); });
}

int ct_select(const ct_tensor *x, ct_int axis, ct_int index, ct_tensor **out) {
  return give(out, [&] {
    return at::select(x->value, static_cast<int64_t>(axis), static_cast<int64_t>(index));
  });
}

int ct_split(
    const ct_tensor *x, const ct_int *sizes, ct_int count, ct_int axis, ct_tensor **outs) {
  return guard([&] {
    auto parts = at::split_with_sizes(x->value, ints(sizes, count), axis);
    for (ct_int i = 0; i < count; i++) outs[i] = new ct_tensor{std::move(parts[i])};
  });
}

int ct_concatenate(ct_list list, ct_int count, ct_int axis, ct_tensor **out) {
  return give(out, [&] {
    return at::cat(tensors(list, count), static_cast<int64_t>(axis));
  });
}

int ct_stack(ct_list list, ct_int count, ct_int axis, ct_tensor **out) {
  return give(out, [&] { return at::stack(tensors(list, count), axis); });
}

int ct_flip(const ct_tensor *x, const ct_int *axes, ct_int count, ct_tensor **out) {
  return give(out, [&] { return at::flip(x->value, ints(axes, count)); });
}

int ct_roll(
    const ct_tensor *x, const ct_int *shifts, const ct_int *axes, ct_int count,
    ct_tensor **out) {
  return give(out, [&] { return at::roll(x->value, ints(shifts, count), ints(axes, count)); });
}

int ct_repeat(const ct_tensor *x, const ct_int *times, ct_int count, ct_tensor **out) {
  return give(out, [&] { return x->value.repeat(ints(times, count)); });
}

int ct_repeat_interleave(const ct_tensor *x, ct_int times, ct_int axis, ct_tensor **out) {
  return give(out, [&] {
    return at::repeat_interleave(
        x->value, static_cast<int64_t>(times), std::optional<int64_t>(axis));
  });
}

int ct_pad(
    const ct_tensor *x, const ct_int *padding, ct_int count, const char *mode, double value,
    ct_tensor **out) {
  return give(out, [&] {
    const bool constant = std::string_view(mode) == "constant";
    return at::pad(
        x->value, ints(padding, count), mode,
        constant ? std::optional<double>(value) : std::nullopt);
  });
}

int ct_tril(const ct_tensor *x, ct_int diagonal, ct_tensor **out) {
  return give(out, [&] { return at::tril(x->value, diagonal); });
}

int ct_triu(const ct_tensor *x, ct_int diagonal, ct_tensor **out) {
  return give(out, [&] { return at::triu(x->value, diagonal); });
}

int ct_diagonal(const ct_tensor *x, ct_int offset, ct_int a, ct_int b, ct_tensor **out) {
  return give(out, [&] {
    return at::diagonal(
        x->value, static_cast<int64_t>(offset), static_cast<int64_t>(a), static_cast<int64_t>(b));
  });
}

int ct_index_select(
    const ct_tensor *x, ct_int axis, const ct_tensor *index, ct_tensor **out) {
  return give(out, [&] {
    return at::index_select(x->value, static_cast<int64_t>(axis), index->value);
  });
}

int ct_masked_select(const ct_tensor *x, const ct_tensor *mask, ct_tensor **out) {
  return give(out, [&] { return at::masked_select(x->value, mask->value); });
}

int ct_nonzero(const ct_tensor *x, ct_tensor **out) {
  return give(out, [&] { return at::nonzero(x->value); });
}

int ct_gather(const ct_tensor *x, ct_int axis, const ct_tensor *index, ct_tensor **out) {
  return give(out, [&] {
    return at::gather(x->value, static_cast<int64_t>(axis), index->value);
  });
}

int ct_scatter(
    const ct_tensor *x, ct_int axis, const ct_tensor *index, const ct_tensor *source,
    ct_tensor **out) {
  return give(out, [&] {
    return at::scatter(x->value, static_cast<int64_t>(axis), index->value, source->value);
  });
}

int ct_scatter_add(
    const ct_tensor *x, ct_int axis, const ct_tensor *index, const ct_tensor *source,
    ct_tensor **out) {
  return give(out, [&] {
    return at::scatter_add(x->value, static_cast<int64_t>(axis), index->value, source->value);
  });
}

int ct_index_add(
    const ct_tensor *x, ct_int axis, const ct_tensor *index, const ct_tensor *source,
    ct_tensor **out) {
  return give(out, [&] {
    return at::index_add(x->value, static_cast<int64_t>(axis), index->value, source->value);
  });
}

int ct_one_hot(const ct_tensor *x, ct_int classes, ct_tensor **out) {
  return give(out, [&] { return at::one_hot(x->value, classes); });
}

int ct_unfold(
    const ct_tensor *x, const ct_int kernel[2], const ct_int stride[2], const ct_int padding[2],
    ct_tensor **out) {
  return give(out, [&] {
    return at::im2col(x->value, pair(kernel), {1, 1}, pair(padding), pair(stride));
  });
}
