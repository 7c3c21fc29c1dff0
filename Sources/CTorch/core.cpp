// Errors, handles, properties, creation, conversion.
#include "guard.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/full.h>
#include <ATen/ops/linspace.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <new>

using namespace ct;

std::string &ct::last_error() {
  static thread_local std::string text;
  return text;
}

const char *ct_last_error(void) { return last_error().c_str(); }

void ct_on_out_of_memory(void (*handler)(void)) { std::set_new_handler(handler); }

void ct_free(ct_tensor *x) { delete x; }

ct_int ct_rank(const ct_tensor *x) { return x->value.dim(); }
ct_int ct_count(const ct_tensor *x) { return x->value.numel(); }
ct_int ct_size(const ct_tensor *x, ct_int axis) { return x->value.sizes()[axis]; }

void ct_sizes(const ct_tensor *x, ct_int *out) {
  const auto sizes = x->value.sizes();
  std::copy(sizes.begin(), sizes.end(), out);
}

void ct_strides(const ct_tensor *x, ct_int *out) {
  const auto strides = x->value.strides();
  std::copy(strides.begin(), strides.end(), out);
}

int32_t ct_dtype(const ct_tensor *x) { return static_cast<int32_t>(x->value.scalar_type()); }

int32_t ct_device_kind(const ct_tensor *x) {
  const auto device = x->value.device();
  return device.is_cpu() ? 0 : device.is_cuda() ? 1 : -1;
}

int32_t ct_device_index(const ct_tensor *x) { return x->value.device().index(); }
bool ct_is_contiguous(const ct_tensor *x) { return x->value.is_contiguous(); }

bool ct_is_channels_last(const ct_tensor *x) {
  return x->value.dim() == 4 && x->value.is_contiguous(at::MemoryFormat::ChannelsLast);
}

bool ct_shares_storage(const ct_tensor *a, const ct_tensor *b) {
  return a->value.is_alias_of(b->value);
}

int ct_data(const ct_tensor *x, const void **out) {
  return guard([&] { *out = x->value.const_data_ptr(); });
}

int ct_item(const ct_tensor *x, double *out) {
  return guard([&] { *out = x->value.item().toDouble(); });
}

int ct_item_int(const ct_tensor *x, int64_t *out) {
  return guard([&] { *out = x->value.item().toLong(); });
}

int ct_empty(
    const ct_int *sizes, ct_int rank, int32_t dtype, int32_t kind, int32_t index,
    ct_tensor **out) {
  return give(out, [&] { return at::empty(ints(sizes, rank), options(dtype, kind, index)); });
}

int ct_zeros(
    const ct_int *sizes, ct_int rank, int32_t dtype, int32_t kind, int32_t index,
    ct_tensor **out) {
  return give(out, [&] { return at::zeros(ints(sizes, rank), options(dtype, kind, index)); });
}

int ct_ones(
    const ct_int *sizes, ct_int rank, int32_t dtype, int32_t kind, int32_t index,
    ct_tensor **out) {
  return give(out, [&] { return at::ones(ints(sizes, rank), options(dtype, kind, index)); });
}

int ct_full(
    const ct_int *sizes, ct_int rank, double value, int32_t dtype, int32_t kind, int32_t index,
    ct_tensor **out) {
  return give(out, [&] {
    const auto type = static_cast<at::ScalarType>(dtype);
    return at::full(ints(sizes, rank), scalar(type, value), options(dtype, kind, index));
  });
}

int ct_arange(
    double start, double end, double step, int32_t dtype, int32_t kind, int32_t index,
    ct_tensor **out) {
  return give(out, [&] {
    const auto type = static_cast<at::ScalarType>(dtype);
    return at::arange(
        scalar(type, start), scalar(type, end), scalar(type, step), options(dtype, kind, index));
  });
}

int ct_linspace(
    double start, double end, ct_int count, int32_t dtype, int32_t kind, int32_t index,
    ct_tensor **out) {
  return give(out, [&] { return at::linspace(start, end, count, options(dtype, kind, index)); });
}

int ct_eye(
    ct_int rows, ct_int columns, int32_t dtype, int32_t kind, int32_t index, ct_tensor **out) {
  return give(out, [&] { return at::eye(rows, columns, options(dtype, kind, index)); });
}

int ct_from_bytes(
    const void *bytes, const ct_int *sizes, ct_int rank, int32_t dtype, ct_tensor **out) {
  return give(out, [&] {
    auto tensor = at::empty(ints(sizes, rank), options(dtype, 0, 0));
    if (tensor.nbytes() > 0) std::memcpy(tensor.mutable_data_ptr(), bytes, tensor.nbytes());
    return tensor;
  });
}

namespace {

/// Who holds a mapping, and how to let go of it.
struct Mapping {
  void (*release)(void *);
  void *context;
};

/// Its address marks the tensors of mapped files.
void end_mapping(void *mapping) {
  const auto *held = static_cast<Mapping *>(mapping);
  held->release(held->context);
  delete held;
}

}  // namespace

int ct_from_mapping(
    void *bytes, const ct_int *sizes, ct_int rank, int32_t dtype, void (*release)(void *),
    void *context, ct_tensor **out) {
  return give(out, [&] {
    return at::for_blob(bytes, ints(sizes, rank))
        .context(new Mapping{release, context}, end_mapping)
        .options(options(dtype, 0, 0))
        .make_tensor();
  });
}

bool ct_is_mapped(const ct_tensor *x) {
  return x->value.has_storage() &&
         x->value.storage().data_ptr().get_deleter() == end_mapping;
}

void ct_forget_pages(const ct_tensor *x) {
  if (!ct_is_mapped(x) || !x->value.is_contiguous()) return;
  const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  const auto begin = reinterpret_cast<uintptr_t>(x->value.const_data_ptr());
  // Pages at the edges have elements of other tensors.
  const auto first = (begin + page - 1) / page * page;
  const auto end = (begin + x->value.nbytes()) / page * page;
  if (first < end) (void)madvise(reinterpret_cast<void *>(first), end - first, MADV_DONTNEED);
}

int ct_zeros_like(const ct_tensor *x, ct_tensor **out) {
  return give(out, [&] { return at::zeros_like(x->value); });
}

int ct_ones_like(const ct_tensor *x, ct_tensor **out) {
  return give(out, [&] { return at::ones_like(x->value); });
}

int ct_to(
    const ct_tensor *x, int32_t dtype, int32_t kind, int32_t index, ct_tensor **out) {
  return give(out, [&] {
    return x->value.to(device(kind, index), static_cast<at::ScalarType>(dtype));
  });
}

int ct_contiguous(const ct_tensor *x, ct_tensor **out) {
  return give(out, [&] { return x->value.contiguous(); });
}

int ct_channels_last(const ct_tensor *x, ct_tensor **out) {
  return give(out, [&] { return x->value.contiguous(at::MemoryFormat::ChannelsLast); });
}

int ct_clone(const ct_tensor *x, ct_tensor **out) {
  return give(out, [&] { return x->value.clone(); });
}

int ct_detach(const ct_tensor *x, ct_tensor **out) {
  return give(out, [&] { return x->value.detach(); });
}

int ct_copy_in_place(const ct_tensor *x, const ct_tensor *source) {
  return guard([&] { at::Tensor(x->value).copy_(source->value); });
}
