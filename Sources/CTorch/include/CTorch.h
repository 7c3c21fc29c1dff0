/// The C surface of LibTorch that the `Torch` target stands on.
///
/// Every function returns 0, or non-zero with the text in `ct_last_error()` of this thread.
/// A `ct_tensor` written through `out` is owned by the caller and freed by `ct_free`, a `ct_packed`
/// by `ct_packed_free`.
/// Axes may be negative. Lists are a pointer and a count. A scalar is a double; it is taken as an
/// integer when the tensor holds integers and the value is whole.
#ifndef CTORCH_H
#define CTORCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma clang assume_nonnull begin

typedef struct ct_tensor ct_tensor;
typedef struct ct_packed ct_packed;
typedef struct ct_generator ct_generator;
typedef ptrdiff_t ct_int;
typedef const ct_tensor *_Nullable const *_Nonnull ct_list;

// Errors and process-wide state.
const char *ct_last_error(void);
/// Calls `handler`, which ends the process, where the C++ runtime cannot allocate memory.
void ct_on_out_of_memory(void (*handler)(void));
const char *ct_version(void);
void ct_set_thread_count(ct_int count);
ct_int ct_thread_count(void);
const char *ct_cpu_capability(void);
/// Whether the processor multiplies bfloat16 in hardware.
bool ct_has_bfloat16_products(void);
/// Starts to keep the memory of freed CPU tensors for later ones of their size.
void ct_cache_tensor_memory(void);
/// Returns all memory kept so to the system.
void ct_release_tensor_memory(void);
/// Opens the CUDA half of LibTorch; the text of the dynamic linker is the error.
int ct_open_library(const char *path);
int ct_cuda_device_count(ct_int *count);

// Handles and properties.
void ct_free(ct_tensor *x);
ct_int ct_rank(const ct_tensor *x);
ct_int ct_count(const ct_tensor *x);
ct_int ct_size(const ct_tensor *x, ct_int axis);
void ct_sizes(const ct_tensor *x, ct_int *out);
void ct_strides(const ct_tensor *x, ct_int *out);
int32_t ct_dtype(const ct_tensor *x);
/// 0 for the CPU, 1 for CUDA, -1 for anything else.
int32_t ct_device_kind(const ct_tensor *x);
int32_t ct_device_index(const ct_tensor *x);
bool ct_is_contiguous(const ct_tensor *x);
bool ct_is_channels_last(const ct_tensor *x);
bool ct_shares_storage(const ct_tensor *a, const ct_tensor *b);
int ct_data(const ct_tensor *x, const void *_Nullable *_Nonnull out);
int ct_item(const ct_tensor *x, double *out);
int ct_item_int(const ct_tensor *x, int64_t *out);

// Creation. `kind` and `index` are those of `ct_device_kind` and `ct_device_index`.
#define CT_OPTIONS int32_t dtype, int32_t kind, int32_t index
#define CT_OUT ct_tensor *_Nullable *_Nonnull out
int ct_empty(const ct_int *sizes, ct_int rank, CT_OPTIONS, CT_OUT);
int ct_zeros(const ct_int *sizes, ct_int rank, CT_OPTIONS, CT_OUT);
int ct_ones(const ct_int *sizes, ct_int rank, CT_OPTIONS, CT_OUT);
int ct_full(const ct_int *sizes, ct_int rank, double value, CT_OPTIONS, CT_OUT);
int ct_arange(double start, double end, double step, CT_OPTIONS, CT_OUT);
int ct_linspace(double start, double end, ct_int count, CT_OPTIONS, CT_OUT);
int ct_eye(ct_int rows, ct_int columns, CT_OPTIONS, CT_OUT);
int ct_from_bytes(
    const void *_Nullable bytes, const ct_int *sizes, ct_int rank, int32_t dtype, CT_OUT);
/// A tensor over a mapped file, which `release(context)` unmaps when the last user is gone.
int ct_from_mapping(
    void *bytes, const ct_int *sizes, ct_int rank, int32_t dtype,
    void (*release)(void *_Nullable context), void *_Nullable context, CT_OUT);
/// Whether a tensor's elements are those of a mapped file.
bool ct_is_mapped(const ct_tensor *x);
/// Takes the pages of a mapped tensor out of memory; the next use reads them again. What was written
/// to them is lost.
void ct_forget_pages(const ct_tensor *x);
int ct_zeros_like(const ct_tensor *x, CT_OUT);
int ct_ones_like(const ct_tensor *x, CT_OUT);

// Conversion.
int ct_to(const ct_tensor *x, CT_OPTIONS, CT_OUT);
int ct_contiguous(const ct_tensor *x, CT_OUT);
int ct_channels_last(const ct_tensor *x, CT_OUT);
int ct_clone(const ct_tensor *x, CT_OUT);
int ct_detach(const ct_tensor *x, CT_OUT);
int ct_copy_in_place(const ct_tensor *x, const ct_tensor *source);

// Element functions of one tensor.
#define CT_UNARY(X) \
  X(neg) X(abs) X(sign) X(sqrt) X(rsqrt) X(square) X(reciprocal) X(exp) X(expm1) X(log) X(log1p) \
  X(log2) X(sin) X(cos) X(tan) X(atan) X(acos) X(asin) X(tanh) X(sinh) X(cosh) X(sigmoid) \
  X(erf) X(erfinv) X(floor) X(ceil) X(round) X(trunc) X(relu) X(silu) X(mish) X(log_sigmoid) \
  X(isfinite) X(isnan) X(isinf) X(logical_not) X(lgamma)
#define CT_DECLARE(name) int ct_##name(const ct_tensor *x, CT_OUT);
CT_UNARY(CT_DECLARE)
#undef CT_DECLARE
int ct_gelu(const ct_tensor *x, bool tanh_form, CT_OUT);
int ct_softplus(const ct_tensor *x, double beta, double threshold, CT_OUT);
int ct_leaky_relu(const ct_tensor *x, double slope, CT_OUT);
int ct_elu(const ct_tensor *x, double alpha, CT_OUT);
int ct_clamp(
    const ct_tensor *x, const double *_Nullable min, const double *_Nullable max, CT_OUT);
int ct_nan_to_num(const ct_tensor *x, double nan, double positive, double negative, CT_OUT);

// Element functions of two tensors, and of a tensor and a scalar.
#define CT_BINARY(X) \
  X(add) X(sub) X(mul) X(div) X(minimum) X(maximum) X(pow) X(remainder) X(atan2) X(eq) X(ne) \
  X(lt) X(le) X(gt) X(ge) X(logical_and) X(logical_or) X(logical_xor)
#define CT_DECLARE(name) int ct_##name(const ct_tensor *a, const ct_tensor *b, CT_OUT);
CT_BINARY(CT_DECLARE)
#undef CT_DECLARE
#define CT_SCALAR(X) \
  X(add) X(sub) X(mul) X(div) X(pow) X(remainder) X(eq) X(ne) X(lt) X(le) X(gt) X(ge)
#define CT_DECLARE(name) int ct_##name##_scalar(const ct_tensor *a, double b, CT_OUT);
CT_SCALAR(CT_DECLARE)
#undef CT_DECLARE
int ct_scalar_sub(double a, const ct_tensor *b, CT_OUT);
int ct_scalar_div(double a, const ct_tensor *b, CT_OUT);
int ct_scalar_pow(double a, const ct_tensor *b, CT_OUT);
int ct_lerp(const ct_tensor *a, const ct_tensor *b, double weight, CT_OUT);
int ct_addcmul(
    const ct_tensor *x, const ct_tensor *a, const ct_tensor *b, double value, CT_OUT);
int ct_where(const ct_tensor *condition, const ct_tensor *a, const ct_tensor *b, CT_OUT);
int ct_masked_fill(const ct_tensor *x, const ct_tensor *mask, double value, CT_OUT);

// Reductions; no axes means all.
#define CT_AXES const ct_int *axes, ct_int axis_count, bool keep
int ct_sum(const ct_tensor *x, CT_AXES, CT_OUT);
int ct_mean(const ct_tensor *x, CT_AXES, CT_OUT);
int ct_var(const ct_tensor *x, CT_AXES, bool unbiased, CT_OUT);
int ct_std(const ct_tensor *x, CT_AXES, bool unbiased, CT_OUT);
int ct_amax(const ct_tensor *x, CT_AXES, CT_OUT);
int ct_amin(const ct_tensor *x, CT_AXES, CT_OUT);
int ct_norm(const ct_tensor *x, double order, CT_AXES, CT_OUT);
int ct_logsumexp(const ct_tensor *x, CT_AXES, CT_OUT);
int ct_prod(const ct_tensor *x, ct_int axis, bool keep, CT_OUT);
int ct_any(const ct_tensor *x, CT_AXES, CT_OUT);
int ct_all(const ct_tensor *x, CT_AXES, CT_OUT);
int ct_argmax(const ct_tensor *x, ct_int axis, bool keep, CT_OUT);
int ct_argmin(const ct_tensor *x, ct_int axis, bool keep, CT_OUT);
int ct_max_with_indices(
    const ct_tensor *x, ct_int axis, bool keep, ct_tensor *_Nullable *_Nonnull values,
    ct_tensor *_Nullable *_Nonnull indices);
int ct_cumsum(const ct_tensor *x, ct_int axis, CT_OUT);
int ct_cumprod(const ct_tensor *x, ct_int axis, CT_OUT);
int ct_softmax(const ct_tensor *x, ct_int axis, CT_OUT);
int ct_log_softmax(const ct_tensor *x, ct_int axis, CT_OUT);
int ct_topk(
    const ct_tensor *x, ct_int k, ct_int axis, bool largest,
    ct_tensor *_Nullable *_Nonnull values, ct_tensor *_Nullable *_Nonnull indices);
int ct_sort(
    const ct_tensor *x, ct_int axis, bool descending, ct_tensor *_Nullable *_Nonnull values,
    ct_tensor *_Nullable *_Nonnull indices);
int ct_quantile(const ct_tensor *x, double q, ct_int axis, bool keep, CT_OUT);
int ct_bincount(const ct_tensor *x, ct_int minimum_length, CT_OUT);

// Shape.
int ct_reshape(const ct_tensor *x, const ct_int *sizes, ct_int rank, CT_OUT);
int ct_view(const ct_tensor *x, const ct_int *sizes, ct_int rank, CT_OUT);
int ct_expand(const ct_tensor *x, const ct_int *sizes, ct_int rank, CT_OUT);
int ct_permute(const ct_tensor *x, const ct_int *axes, ct_int count, CT_OUT);
int ct_transpose(const ct_tensor *x, ct_int a, ct_int b, CT_OUT);
int ct_squeeze(const ct_tensor *x, ct_int axis, CT_OUT);
int ct_unsqueeze(const ct_tensor *x, ct_int axis, CT_OUT);
int ct_flatten(const ct_tensor *x, ct_int from, ct_int through, CT_OUT);
int ct_narrow(const ct_tensor *x, ct_int axis, ct_int start, ct_int length, CT_OUT);
int ct_slice(
    const ct_tensor *x, ct_int axis, ct_int start, ct_int end, ct_int step, CT_OUT);
int ct_select(const ct_tensor *x, ct_int axis, ct_int index, CT_OUT);
/// Writes `count` tensors into `outs`.
int ct_split(
    const ct_tensor *x, const ct_int *sizes, ct_int count, ct_int axis,
    ct_tensor *_Nullable *_Nonnull outs);
int ct_concatenate(ct_list list, ct_int count, ct_int axis, CT_OUT);
int ct_stack(ct_list list, ct_int count, ct_int axis, CT_OUT);
int ct_flip(const ct_tensor *x, const ct_int *axes, ct_int count, CT_OUT);
int ct_roll(
    const ct_tensor *x, const ct_int *shifts, const ct_int *axes, ct_int count, CT_OUT);
int ct_repeat(const ct_tensor *x, const ct_int *times, ct_int count, CT_OUT);
int ct_repeat_interleave(const ct_tensor *x, ct_int times, ct_int axis, CT_OUT);
int ct_pad(
    const ct_tensor *x, const ct_int *padding, ct_int count, const char *mode, double value,
    CT_OUT);
int ct_tril(const ct_tensor *x, ct_int diagonal, CT_OUT);
int ct_triu(const ct_tensor *x, ct_int diagonal, CT_OUT);
int ct_diagonal(const ct_tensor *x, ct_int offset, ct_int a, ct_int b, CT_OUT);
int ct_index_select(const ct_tensor *x, ct_int axis, const ct_tensor *index, CT_OUT);
int ct_masked_select(const ct_tensor *x, const ct_tensor *mask, CT_OUT);
int ct_nonzero(const ct_tensor *x, CT_OUT);
int ct_gather(const ct_tensor *x, ct_int axis, const ct_tensor *index, CT_OUT);
int ct_scatter(
    const ct_tensor *x, ct_int axis, const ct_tensor *index, const ct_tensor *source, CT_OUT);
int ct_scatter_add(
    const ct_tensor *x, ct_int axis, const ct_tensor *index, const ct_tensor *source, CT_OUT);
int ct_index_add(
    const ct_tensor *x, ct_int axis, const ct_tensor *index, const ct_tensor *source, CT_OUT);
int ct_one_hot(const ct_tensor *x, ct_int classes, CT_OUT);
int ct_unfold(
    const ct_tensor *x, const ct_int kernel[_Nonnull 2], const ct_int stride[_Nonnull 2],
    const ct_int padding[_Nonnull 2], CT_OUT);

// Linear algebra.
int ct_matmul(const ct_tensor *a, const ct_tensor *b, CT_OUT);
int ct_dot(const ct_tensor *a, const ct_tensor *b, CT_OUT);
int ct_einsum(const char *equation, ct_list list, ct_int count, CT_OUT);
int ct_linear(
    const ct_tensor *x, const ct_tensor *weight, const ct_tensor *_Nullable bias, CT_OUT);
int ct_eigh(
    const ct_tensor *x, ct_tensor *_Nullable *_Nonnull values,
    ct_tensor *_Nullable *_Nonnull vectors);
int ct_svd(
    const ct_tensor *x, ct_tensor *_Nullable *_Nonnull u, ct_tensor *_Nullable *_Nonnull s,
    ct_tensor *_Nullable *_Nonnull vh);
int ct_cdist(const ct_tensor *a, const ct_tensor *b, double p, CT_OUT);

// Layers.
int ct_conv2d(
    const ct_tensor *x, const ct_tensor *weight, const ct_tensor *_Nullable bias,
    const ct_int stride[_Nonnull 2], const ct_int padding[_Nonnull 2],
    const ct_int dilation[_Nonnull 2], ct_int groups, CT_OUT);
int ct_conv_transpose2d(
    const ct_tensor *x, const ct_tensor *weight, const ct_tensor *_Nullable bias,
    const ct_int stride[_Nonnull 2], const ct_int padding[_Nonnull 2],
    const ct_int output_padding[_Nonnull 2], const ct_int dilation[_Nonnull 2], ct_int groups,
    CT_OUT);
/// The norm of the sum of x and `offset` `[B, C]`, times one plus the first half of `modulation`
/// `[B, 2C]`, plus its second half; then, if asked for, SiLU.
int ct_group_norm(
    const ct_tensor *x, ct_int groups, const ct_tensor *_Nullable weight,
    const ct_tensor *_Nullable bias, const ct_tensor *_Nullable offset,
    const ct_tensor *_Nullable modulation, double epsilon, bool silu, CT_OUT);
int ct_layer_norm(
    const ct_tensor *x, const ct_int *shape, ct_int rank, const ct_tensor *_Nullable weight,
    const ct_tensor *_Nullable bias, double epsilon, CT_OUT);
/// Layers of an LSTM over `[B, T, in]`; `parameters` holds four tensors per layer. `outs` gets the
/// output, the last h and the last c.
int ct_lstm(
    const ct_tensor *x, const ct_tensor *h, const ct_tensor *c, ct_list parameters, ct_int count,
    ct_int layers, bool training, ct_tensor *_Nullable *_Nonnull outs);
int ct_batch_norm(
    const ct_tensor *x, const ct_tensor *_Nullable weight, const ct_tensor *_Nullable bias,
    const ct_tensor *_Nullable mean, const ct_tensor *_Nullable variance, bool training,
    double momentum, double epsilon, CT_OUT);
int ct_embedding(const ct_tensor *weight, const ct_tensor *ids, CT_OUT);
int ct_attention(
    const ct_tensor *q, const ct_tensor *k, const ct_tensor *v, const ct_tensor *_Nullable mask,
    double dropout, bool causal, const double *_Nullable scale, CT_OUT);
int ct_avg_pool2d(
    const ct_tensor *x, const ct_int kernel[_Nonnull 2], const ct_int stride[_Nonnull 2],
    const ct_int padding[_Nonnull 2], CT_OUT);
int ct_max_pool2d(
    const ct_tensor *x, const ct_int kernel[_Nonnull 2], const ct_int stride[_Nonnull 2],
    const ct_int padding[_Nonnull 2], CT_OUT);
int ct_adaptive_avg_pool2d(const ct_tensor *x, const ct_int size[_Nonnull 2], CT_OUT);
int ct_upsample_nearest(const ct_tensor *x, const ct_int size[_Nonnull 2], CT_OUT);
int ct_upsample_nearest_exact(const ct_tensor *x, const ct_int size[_Nonnull 2], CT_OUT);
int ct_upsample_bilinear(
    const ct_tensor *x, const ct_int size[_Nonnull 2], bool align_corners, bool antialias,
    CT_OUT);
int ct_upsample_bicubic(
    const ct_tensor *x, const ct_int size[_Nonnull 2], bool align_corners, bool antialias,
    CT_OUT);
int ct_pixel_shuffle(const ct_tensor *x, ct_int factor, CT_OUT);
int ct_pixel_unshuffle(const ct_tensor *x, ct_int factor, CT_OUT);
int ct_dropout(const ct_tensor *x, double p, CT_OUT);

// Weights in the processor's fastest layout, for inference. A packed weight is
// read only by the operation it was packed for, and remembers that operation's settings.
/// Whether this LibTorch and this processor can pack the weight: float32 or bfloat16 on the CPU.
bool ct_can_pack(const ct_tensor *weight);
/// Packs `[out, in]` for `ct_packed_linear`; fastest for inputs of so many rows, correct for all.
int ct_pack_linear(
    const ct_tensor *weight, ct_int rows, ct_packed *_Nullable *_Nonnull out);
/// Packs `[out, in / groups, kh, kw]` for `ct_packed_conv2d`; fastest for inputs of this shape,
/// correct for all. With `winograd`, which needs a convolution for which `ct_winograd_gains` can be
/// true, for Winograd's F(4×4, 3×3).
int ct_pack_conv2d(
    const ct_tensor *weight, const ct_int input[_Nonnull 4], const ct_int stride[_Nonnull 2],
    const ct_int padding[_Nonnull 2], const ct_int dilation[_Nonnull 2], ct_int groups,
    bool winograd, ct_packed *_Nullable *_Nonnull out);
/// Whether Winograd's algorithm is faster for a convolution of inputs of this shape.
bool ct_winograd_gains(
    const ct_int weight[_Nonnull 4], int32_t dtype, const ct_int input[_Nonnull 4],
    const ct_int stride[_Nonnull 2], const ct_int padding[_Nonnull 2],
    const ct_int dilation[_Nonnull 2], ct_int groups);
/// The plain weight that was packed, bit for bit.
int ct_unpacked(const ct_packed *weight, CT_OUT);
void ct_packed_free(ct_packed *weight);
int ct_packed_linear(
    const ct_tensor *x, const ct_packed *weight, const ct_tensor *_Nullable bias, CT_OUT);
int ct_packed_conv2d(
    const ct_tensor *x, const ct_packed *weight, const ct_tensor *_Nullable bias, CT_OUT);

// Losses; reduction 0 none, 1 mean, 2 sum.
int ct_mse_loss(const ct_tensor *x, const ct_tensor *target, ct_int reduction, CT_OUT);
int ct_l1_loss(const ct_tensor *x, const ct_tensor *target, ct_int reduction, CT_OUT);
int ct_smooth_l1_loss(
    const ct_tensor *x, const ct_tensor *target, ct_int reduction, double beta, CT_OUT);
int ct_huber_loss(
    const ct_tensor *x, const ct_tensor *target, ct_int reduction, double delta, CT_OUT);
int ct_cross_entropy(
    const ct_tensor *x, const ct_tensor *target, ct_int reduction, double smoothing, CT_OUT);
int ct_nll_loss(const ct_tensor *x, const ct_tensor *target, ct_int reduction, CT_OUT);
int ct_binary_cross_entropy_with_logits(
    const ct_tensor *x, const ct_tensor *target, ct_int reduction, CT_OUT);
int ct_kl_div(
    const ct_tensor *x, const ct_tensor *target, ct_int reduction, bool log_target, CT_OUT);

// Autograd.
bool ct_requires_grad(const ct_tensor *x);
int ct_set_requires_grad(const ct_tensor *x, bool value);
bool ct_has_grad(const ct_tensor *x);
int ct_grad(const ct_tensor *x, CT_OUT);
/// Sets the tensor's gradient to `grad`; null clears it.
int ct_set_grad(const ct_tensor *x, const ct_tensor *_Nullable grad);
/// Has `call` called when a backward pass has added to the gradient of a leaf, in the place of an earlier
/// one; null removes it. `release` frees the context.
int ct_set_gradient_hook(
    const ct_tensor *x, void (*_Nullable call)(void *context), void *_Nullable context,
    void (*_Nullable release)(void *context));
int ct_backward(const ct_tensor *x, const ct_tensor *_Nullable grad, bool retain);
/// Writes `count` gradients into `outs`; null where an input is not part of the graph.
int ct_gradients(
    const ct_tensor *y, const ct_tensor *_Nullable grad, ct_list inputs, ct_int count,
    bool create_graph, ct_tensor *_Nullable *_Nonnull outs);

/// A linear function of the caller's: takes `x` over, and writes the tensor it makes to `out`.
typedef void (*ct_map)(void *context, ct_tensor *x, CT_OUT);
/// Applies a linear function, whose transpose turns gradients back; `release` frees the context.
int ct_linear_map(
    const ct_tensor *x, ct_map forward, ct_map transpose, void *context,
    void (*release)(void *context), CT_OUT);
bool ct_grad_mode(void);
void ct_set_grad_mode(bool enabled);
/// Opens a scope of mixed precision; returns the earlier state to pass to `ct_autocast_end`.
int ct_autocast_begin(int32_t kind, int32_t dtype, bool *was_enabled, int32_t *was_dtype);
int ct_autocast_end(int32_t kind, bool was_enabled, int32_t was_dtype);
/// The dtype of the scope of mixed precision on this device, or -1 outside one.
int32_t ct_autocast_dtype(int32_t kind);

// Random numbers; a generator belongs to the CPU.
int ct_generator_new(uint64_t seed, ct_generator *_Nullable *_Nonnull out);
void ct_generator_free(ct_generator *g);
int ct_generator_state(ct_generator *g, CT_OUT);
int ct_generator_set_state(ct_generator *g, const ct_tensor *state);
int ct_randn(ct_generator *g, const ct_int *sizes, ct_int rank, int32_t dtype, CT_OUT);
int ct_rand(
    ct_generator *g, double low, double high, const ct_int *sizes, ct_int rank, int32_t dtype,
    CT_OUT);
int ct_randint(
    ct_generator *g, int64_t low, int64_t high, const ct_int *sizes, ct_int rank, CT_OUT);
int ct_randperm(ct_generator *g, ct_int count, CT_OUT);
int ct_bernoulli(
    ct_generator *g, double p, const ct_int *sizes, ct_int rank, int32_t dtype, CT_OUT);
int ct_multinomial(
    ct_generator *g, const ct_tensor *weights, ct_int count, bool replacement, CT_OUT);

// Optimiser kernels over lists of equal length; they write in place.
int ct_fused_adam(
    ct_list parameters, ct_list gradients, ct_list first, ct_list second, ct_list steps,
    ct_int count, double rate, double beta1, double beta2, double weight_decay, double epsilon,
    bool decoupled);
int ct_foreach_lerp(ct_list targets, ct_list sources, ct_int count, double weight);
int ct_foreach_mul(ct_list targets, ct_int count, double factor);
int ct_foreach_add_scalar(ct_list targets, ct_int count, double value);
/// The Euclidean norm over all tensors together, as a scalar tensor.
int ct_total_norm(ct_list list, ct_int count, CT_OUT);

#pragma clang assume_nonnull end

#ifdef __cplusplus
}
#endif
#endif
