// A sum, group norm, scale and shift, and SiLU, in two reads and one write of the map.
//
// LibTorch has no such operator; separate ones read and write the map four times. This one takes
// channels-last maps that need no gradient.
// Statistics are sums of differences from each channel's first pixel, over blocks of a fixed number
// of pixels summed in double precision: they are accurate where a mean is large, and
// do not depend on the number of threads.
#include "../guard.h"
#include "parallel.h"

#include <ATen/autocast_mode.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/group_norm.h>
#include <ATen/ops/silu.h>
#include <c10/core/GradMode.h>
#include <c10/util/BFloat16.h>
#include <c10/util/bit_cast.h>

#include <algorithm>
#include <cmath>

using namespace ct;

namespace {

constexpr int64_t kBlock = 128;  // pixels

inline float read(float value) { return value; }
inline float read(c10::BFloat16 value) {
  return c10::bit_cast<float>(static_cast<uint32_t>(value.x) << 16);
}
inline void write(float &to, float value) { to = value; }
inline void write(c10::BFloat16 &to, float value) {
  const auto bits = c10::bit_cast<uint32_t>(value);
  const uint32_t rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
  to.x = static_cast<uint16_t>(value != value ? 0x7fc0 : rounded);  // to the nearest, ties to even
}

/// e^x within two units in the last place, in arithmetic that vectorises. Source: Cephes, expf.
inline float exponential(float x) {
  x = x < -87.0f ? -87.0f : x;
  x = x > 88.0f ? 88.0f : x;
  constexpr float kRounding = 12582912.0f;  // 1.5·2²³: adding and subtracting it rounds
  const float n = (x * 1.44269504088896341f + kRounding) - kRounding;
  const float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  const float mantissa = p * r * r + r + 1.0f;
  return mantissa * c10::bit_cast<float>((static_cast<int32_t>(n) + 127) << 23);
}

template <typename T>
__attribute__((always_inline)) inline void add_block(
    const T *x, int64_t pixels, int64_t channels, const float *pivot, float *sums,
    float *squares) {
  for (int64_t p = 0; p < pixels; p++) {
    const T *pixel = x + p * channels;
    for (int64_t c = 0; c < channels; c++) {
      const float d = read(pixel[c]) - pivot[c];
      sums[c] += d;
      squares[c] += d * d;
    }
  }
}

template <typename T>
__attribute__((always_inline)) inline void write_block(
    const T *x, int64_t pixels, int64_t channels, const float *scale, const float *shift,
    bool silu, T *y) {
  for (int64_t p = 0; p < pixels; p++) {
    const T *from = x + p * channels;
    T *to = y + p * channels;
    if (silu) {
      for (int64_t c = 0; c < channels; c++) {
        const float value = read(from[c]) * scale[c] + shift[c];
        write(to[c], value / (1.0f + exponential(-value)));
      }
    } else {
      for (int64_t c = 0; c < channels; c++) {
        write(to[c], read(from[c]) * scale[c] + shift[c]);
      }
    }
  }
}

CT_FOR_EACH_PROCESSOR void sum_floats(
    const float *x, int64_t pixels, int64_t channels, const float *pivot, float *sums,
    float *squares) {
  add_block(x, pixels, channels, pivot, sums, squares);
}

CT_FOR_EACH_PROCESSOR void sum_bfloats(
    const c10::BFloat16 *x, int64_t pixels, int64_t channels, const float *pivot, float *sums,
    float *squares) {
  add_block(x, pixels, channels, pivot, sums, squares);
}

CT_FOR_EACH_PROCESSOR void write_floats(
    const float *x, int64_t pixels, int64_t channels, const float *scale, const float *shift,
    bool silu, float *y) {
  write_block(x, pixels, channels, scale, shift, silu, y);
}

CT_FOR_EACH_PROCESSOR void write_bfloats(
    const c10::BFloat16 *x, int64_t pixels, int64_t channels, const float *scale,
    const float *shift, bool silu, c10::BFloat16 *y) {
  write_block(x, pixels, channels, scale, shift, silu, y);
}

template <typename T>
struct Kernels;
template <>
struct Kernels<float> {
  static constexpr auto sum = sum_floats;
  static constexpr auto write = write_floats;
};
template <>
struct Kernels<c10::BFloat16> {
  static constexpr auto sum = sum_bfloats;
  static constexpr auto write = write_bfloats;
};

struct Norm {
  int64_t groups;
  double epsilon;
  bool silu;
  at::Tensor weight, bias;  // [C] float32; undefined for one and zero
  at::Tensor offset;        // [B, C] float32, added to the map beforehand; undefined for none
  at::Tensor modulation;    // [B, 2C] float32, scale then shift; undefined for none
};

const float *values(const at::Tensor &t) {
  return t.defined() ? t.const_data_ptr<float>() : nullptr;
}

/// Folds statistics, weight, bias and modulation of one image into a scale and a shift per channel.
void fold(
    const Norm &norm, int64_t b, int64_t pixels, int64_t channels, int64_t blocks,
    const float *pivot, const float *partial, float *scale, float *shift) {
  const int64_t width = channels / norm.groups;
  const double n = static_cast<double>(pixels);
  const float *weight = values(norm.weight), *bias = values(norm.bias);
  const float *modulation = values(norm.modulation);
  const float *offset = values(norm.offset);
  if (modulation) modulation += b * 2 * channels;
  if (offset) offset += b * channels;
  std::vector<double> means(width), spreads(width);
  for (int64_t g = 0; g < norm.groups; g++) {
    double mean = 0, spread = 0;
    for (int64_t i = 0; i < width; i++) {
      const int64_t c = g * width + i;
      double sum = 0, square = 0;
      for (int64_t block = 0; block < blocks; block++) {
        sum += partial[block * 2 * channels + c];
        square += partial[block * 2 * channels + channels + c];
      }
      means[i] = pivot[c] + sum / n + (offset ? offset[c] : 0.0f);
      spreads[i] = square - sum * sum / n;
      mean += means[i] / static_cast<double>(width);
    }
    for (int64_t i = 0; i < width; i++) {
      spread += spreads[i] + n * (means[i] - mean) * (means[i] - mean);
    }
    const double variance = std::max(0.0, spread / (n * static_cast<double>(width)));
    const double inverse = 1 / std::sqrt(variance + norm.epsilon);
    for (int64_t i = 0; i < width; i++) {
      const int64_t c = g * width + i;
      const double a = weight ? weight[c] * inverse : inverse;
      const double s = (bias ? bias[c] : 0.0) + ((offset ? offset[c] : 0.0) - mean) * a;
      const double factor = modulation ? 1.0 + modulation[c] : 1.0;
      scale[c] = static_cast<float>(a * factor);
      shift[c] = static_cast<float>(s * factor + (modulation ? modulation[channels + c] : 0));
    }
  }
}

template <typename T>
at::Tensor fused(const at::Tensor &x, const Norm &norm) {
  const int64_t batch = x.size(0), channels = x.size(1), pixels = x.size(2) * x.size(3);
  const int64_t blocks = (pixels + kBlock - 1) / kBlock;
  auto result = at::empty_like(x);
  const T *from = x.const_data_ptr<T>();
  T *to = result.mutable_data_ptr<T>();
  std::vector<float> partial(batch * blocks * 2 * channels), pivots(batch * channels);
  std::vector<float> scales(batch * channels), shifts(batch * channels);
  for (int64_t b = 0; b < batch; b++) {
    for (int64_t c = 0; c < channels; c++) {
      pivots[b * channels + c] = read(from[b * pixels * channels + c]);
    }
  }
  const auto extent = [=](int64_t block) { return std::min(kBlock, pixels - block * kBlock); };
  const auto start = [=](int64_t i) {
    return (i / blocks * pixels + i % blocks * kBlock) * channels;
  };
  parallel(batch * blocks, [&](int64_t i) {
    float *sums = partial.data() + i * 2 * channels;
    Kernels<T>::sum(
        from + start(i), extent(i % blocks), channels, pivots.data() + i / blocks * channels, sums,
        sums + channels);
  });
  parallel(batch, [&](int64_t b) {
    fold(
        norm, b, pixels, channels, blocks, pivots.data() + b * channels,
        partial.data() + b * blocks * 2 * channels, scales.data() + b * channels,
        shifts.data() + b * channels);
  });
  parallel(batch * blocks, [&](int64_t i) {
    const int64_t b = i / blocks;
    Kernels<T>::write(
        from + start(i), extent(i % blocks), channels, scales.data() + b * channels,
        shifts.data() + b * channels, norm.silu, to + start(i));
  });
  return result;
}

bool needs_gradient(const at::Tensor &t) { return t.defined() && t.requires_grad(); }

bool takes_fused(
    const at::Tensor &x, const at::Tensor &weight, const at::Tensor &bias,
    const at::Tensor &offset, const at::Tensor &modulation) {
  const bool differentiates =
      c10::GradMode::is_enabled() &&
      (needs_gradient(x) || needs_gradient(weight) || needs_gradient(bias) ||
       needs_gradient(offset) || needs_gradient(modulation));
  return !differentiates && x.device().is_cpu() && x.dim() == 4 && x.numel() > 0 &&
         x.is_contiguous(at::MemoryFormat::ChannelsLast) &&
         (x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16) &&
         !at::autocast::is_autocast_enabled(at::kCPU);
}

at::Tensor one_by_one(
    const at::Tensor &x, int64_t groups, const at::Tensor &weight, const at::Tensor &bias,
    const at::Tensor &offset, const at::Tensor &modulation, double epsilon, bool silu) {
  auto h = offset.defined() ? x + offset.unsqueeze(-1).unsqueeze(-1) : x;
  h = at::group_norm(h, groups, weight, bias, epsilon);
  if (modulation.defined()) {
    const auto parts = modulation.unsqueeze(-1).unsqueeze(-1).chunk(2, 1);
    h = h * (parts[0] + 1) + parts[1];
  }
  return silu ? at::silu(h) : h;
}

}  // namespace

int ct_group_norm(
    const ct_tensor *x, ct_int groups, const ct_tensor *weight, const ct_tensor *bias,
    const ct_tensor *offset, const ct_tensor *modulation, double epsilon, bool silu,
    ct_tensor **out) {
  return give(out, [&] {
    const auto given = [](const ct_tensor *t) { return t ? t->value : at::Tensor(); };
    const auto &map = x->value;
    const auto w = given(weight), b = given(bias), o = given(offset), m = given(modulation);
    if (!takes_fused(map, w, b, o, m)) return one_by_one(map, groups, w, b, o, m, epsilon, silu);
    const auto plain = [](const at::Tensor &t) {
      return t.defined() ? t.to(at::kFloat).contiguous() : t;
    };
    const Norm norm{groups, epsilon, silu, plain(w), plain(b), plain(o), plain(m)};
    return map.scalar_type() == at::kFloat ? fused<float>(map, norm)
                                           : fused<c10::BFloat16>(map, norm);
  });
}
