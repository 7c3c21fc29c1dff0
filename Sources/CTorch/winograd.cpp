// F(4×4, 3×3): each tile of 4×4 results is made from 6×6 pixels with 36 products a pair of channels
// where the sum as written takes 144. The products of one position in all tiles are a matrix
// product, so nearly all arithmetic is in 36 of those.
//
// Source: Lavin & Gray, "Fast Algorithms for Convolutional Neural Networks", 2016, section 4.
#include "winograd.h"
#include "parallel.h"

#include <ATen/ops/bmm.h>
#include <ATen/ops/empty.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <bit>

namespace {

constexpr int64_t kSide = 4;                // of a tile of results
constexpr int64_t kReach = 6;               // of the pixels it is made from
constexpr int64_t kPoints = kReach * kReach;
constexpr int64_t kLanes = 8;               // channels handled at once
/// Tiles handled at once: their transforms (36 values a tile and channel) should stay in the
/// cache that the cores share, and still make a tall matrix.
constexpr int64_t kStrip = 256;
/// Points are four times as many as weights. Those of a small weight are kept; those of a large
/// one, which would take gigabytes, are made anew in each call, of so many floats at once.
constexpr int64_t kSmallWeight = 1 << 18, kKernelRoom = 1 << 25;
/// Maps of fewer tiles make matrices too flat; to make a large weight's points takes more.
constexpr int64_t kLeastTiles = 16, kLeastTilesForLarge = 64;
/// Below so many channels the transforms cost as much as they save.
constexpr int64_t kLeastChannels = 64;

typedef float Lanes __attribute__((vector_size(kLanes * sizeof(float)), aligned(4)));

// References: a vector passed by value has another calling convention on each processor.
inline const Lanes &lanes(const float *from) { return *reinterpret_cast<const Lanes *>(from); }
inline Lanes &lanes(float *to) { return *reinterpret_cast<Lanes *>(to); }

/// Bᵀ d, for six values.
__attribute__((always_inline)) inline void input_points(const Lanes d[6], Lanes v[6]) {
  const Lanes even = d[4] - 4 * d[2], odd = d[3] - 4 * d[1];
  const Lanes even2 = d[4] - d[2], odd2 = 2 * (d[3] - d[1]);
  v[0] = 4 * d[0] - 5 * d[2] + d[4];
  v[1] = even + odd;
  v[2] = even - odd;
  v[3] = even2 + odd2;
  v[4] = even2 - odd2;
  v[5] = 4 * d[1] - 5 * d[3] + d[5];
}

/// Aᵀ m, for six values.
__attribute__((always_inline)) inline void result_values(const Lanes m[6], Lanes y[4]) {
  const Lanes sum = m[1] + m[2], difference = m[1] - m[2];
  const Lanes sum2 = m[3] + m[4], difference2 = m[3] - m[4];
  y[0] = m[0] + sum + sum2;
  y[1] = difference + 2 * difference2;
  y[2] = sum + 4 * sum2;
  y[3] = difference + 8 * difference2 + m[5];
}

struct Map {
  int64_t height, width, channels;
};

/// The 36 points of one tile in every channel; pixels outside the map are zero.
CT_FOR_EACH_PROCESSOR void transform_input(
    const float *x, Map map, int64_t top, int64_t left, float *points, int64_t stride) {
  const Lanes zero = {};
  for (int64_t c = 0; c < map.channels; c += kLanes) {
    Lanes columns[kReach][kReach];  // [point of the column][column]
    for (int64_t j = 0; j < kReach; j++) {
      const int64_t px = left - 1 + j;
      Lanes pixels[kReach], transformed[kReach];
      for (int64_t i = 0; i < kReach; i++) {
        const int64_t py = top - 1 + i;
        const bool inside = py >= 0 && py < map.height && px >= 0 && px < map.width;
        pixels[i] = inside ? lanes(x + (py * map.width + px) * map.channels + c) : zero;
      }
      input_points(pixels, transformed);
      for (int64_t i = 0; i < kReach; i++) columns[i][j] = transformed[i];
    }
    for (int64_t i = 0; i < kReach; i++) {
      Lanes transformed[kReach];
      input_points(columns[i], transformed);
      for (int64_t j = 0; j < kReach; j++) {
        lanes(points + (i * kReach + j) * stride + c) = transformed[j];
      }
    }
  }
}

/// The results of one tile in `count` channels, from its 36 products.
CT_FOR_EACH_PROCESSOR void transform_result(
    const float *products, int64_t stride, int64_t count, const float *bias, Map map, int64_t top,
    int64_t left, float *y) {
  const int64_t rows = std::min(kSide, map.height - top);
  const int64_t columns = std::min(kSide, map.width - left);
  for (int64_t c = 0; c < count; c += kLanes) {
    Lanes half[kSide][kReach];
    for (int64_t j = 0; j < kReach; j++) {
      Lanes m[kReach], values[kSide];
      for (int64_t i = 0; i < kReach; i++) m[i] = lanes(products + (i * kReach + j) * stride + c);
      result_values(m, values);
      for (int64_t i = 0; i < kSide; i++) half[i][j] = values[i];
    }
    const Lanes zero = {};
    const Lanes shift = bias ? lanes(bias + c) : zero;
    for (int64_t i = 0; i < rows; i++) {
      Lanes values[kSide];
      result_values(half[i], values);
      for (int64_t j = 0; j < columns; j++) {
        lanes(y + ((top + i) * map.width + left + j) * map.channels + c) = values[j] + shift;
      }
    }
  }
}

/// G g, for three values.
__attribute__((always_inline)) inline void kernel_points(const Lanes g[3], Lanes u[6]) {
  const Lanes outer = (g[0] + g[2]) * (1.0f / 6), outer2 = g[0] * (1.0f / 24) + g[2] * (1.0f / 6);
  const Lanes middle = g[1] * (1.0f / 6), middle2 = g[1] * (1.0f / 12);
  u[0] = g[0] * 0.25f;
  u[1] = -outer - middle;
  u[2] = middle - outer;
  u[3] = outer2 + middle2;
  u[4] = outer2 - middle2;
  u[5] = g[2];
}

/// G g Gᵀ of the kernels of one input channel to all outputs: rows `taps` apart to rows `points`
/// apart.
CT_FOR_EACH_PROCESSOR void transform_kernels(
    const float *taps, int64_t tap_stride, int64_t out, float *points, int64_t point_stride) {
  for (int64_t o = 0; o < out; o += kLanes) {
    Lanes half[kReach][3];
    for (int64_t j = 0; j < 3; j++) {
      Lanes g[3], u[kReach];
      for (int64_t i = 0; i < 3; i++) g[i] = lanes(taps + (i * 3 + j) * tap_stride + o);
      kernel_points(g, u);
      for (int64_t i = 0; i < kReach; i++) half[i][j] = u[i];
    }
    for (int64_t i = 0; i < kReach; i++) {
      Lanes u[kReach];
      kernel_points(half[i], u);
      for (int64_t j = 0; j < kReach; j++) {
        lanes(points + (i * kReach + j) * point_stride + o) = u[j];
      }
    }
  }
}

/// The points of `count` outputs from `first` on: `[9, in, out]` -> `[36, in, count]`.
void kernel_points(const at::Tensor &taps, int64_t first, int64_t count, float *points) {
  const int64_t in = taps.size(1), out = taps.size(2);
  const float *from = taps.const_data_ptr<float>() + first;
  ct::parallel(in, [=](int64_t c) {
    transform_kernels(from + c * out, in * out, count, points + c * count, in * count);
  });
}

/// Room for so many floats, in few sizes: the allocator keeps what is given back.
at::Tensor scratch(int64_t count, const at::Tensor &like) {
  const auto room = static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(count)));
  return at::empty({room}, like.options());
}

at::Tensor part(const at::Tensor &room, int64_t rows, int64_t columns) {
  return room.narrow(0, 0, kPoints * rows * columns).view({kPoints, rows, columns});
}

int64_t tiles(int64_t side) { return (side + kSide - 1) / kSide; }

}  // namespace

bool ct::winograd_gains(
    const at::Tensor &weight, at::IntArrayRef input, at::IntArrayRef stride,
    at::IntArrayRef padding, at::IntArrayRef dilation, int64_t groups) {
  const auto all_ones = [](at::IntArrayRef values) {
    return std::all_of(values.begin(), values.end(), [](int64_t value) { return value == 1; });
  };
  return weight.scalar_type() == at::kFloat && weight.size(2) == 3 && weight.size(3) == 3 &&
         groups == 1 && all_ones(stride) && all_ones(padding) && all_ones(dilation) &&
         weight.size(0) % kLanes == 0 && weight.size(1) % kLanes == 0 &&
         std::min(weight.size(0), weight.size(1)) >= kLeastChannels &&
         tiles(input[2]) * tiles(input[3]) >=
             (weight.numel() > kSmallWeight ? kLeastTilesForLarge : kLeastTiles);
}

at::Tensor ct::winograd_weight(const at::Tensor &weight) {
  const auto taps =
      weight.permute({2, 3, 1, 0}).contiguous().view({9, weight.size(1), weight.size(0)});
  if (weight.numel() > kSmallWeight) return taps;
  auto points = at::empty({kPoints, weight.size(1), weight.size(0)}, taps.options());
  kernel_points(taps, 0, weight.size(0), points.mutable_data_ptr<float>());
  return points;
}

at::Tensor ct::winograd_conv2d(
    const at::Tensor &x, const at::Tensor &weight, const std::optional<at::Tensor> &bias) {
  const int64_t batch = x.size(0), in = weight.size(1), out = weight.size(2);
  TORCH_CHECK(x.size(1) == in, "the packed weight takes ", in, " channels, not ", x.size(1));
  TORCH_CHECK(
      !(x.requires_grad() && c10::GradMode::is_enabled()), "a packed weight gives no gradient");
  const auto input = x.contiguous(at::MemoryFormat::ChannelsLast);
  const Map from{x.size(2), x.size(3), in}, to{x.size(2), x.size(3), out};
  auto result = at::empty(
      {batch, out, to.height, to.width}, x.options().memory_format(at::MemoryFormat::ChannelsLast));
  const int64_t across = tiles(to.width), count = across * tiles(to.height);
  const int64_t strip = std::min(kStrip, count);
  const bool keeps_points = weight.size(0) == kPoints;
  const int64_t fitting = kKernelRoom / (kPoints * in) / kLanes * kLanes;
  const int64_t block = keeps_points ? out : std::clamp(fitting, kLanes, out);
  const auto kernel_room = keeps_points ? weight : scratch(kPoints * in * block, x);
  const auto point_room = scratch(kPoints * strip * in, x);
  const auto product_room = scratch(kPoints * strip * block, x);
  for (int64_t channel = 0; channel < out; channel += block) {
    const int64_t width = std::min(block, out - channel);
    const auto kernels = keeps_points ? weight : part(kernel_room, in, width);
    if (!keeps_points) kernel_points(weight, channel, width, kernels.mutable_data_ptr<float>());
    const float *shift = bias ? bias->const_data_ptr<float>() + channel : nullptr;
    // One picture's tiles never share a matrix with another's, so that its results do not depend
    // on what is drawn beside it.
    for (int64_t b = 0; b < batch; b++) {
      const float *pixels = input.const_data_ptr<float>() + b * from.height * from.width * in;
      float *results = result.mutable_data_ptr<float>() + b * to.height * to.width * out + channel;
      for (int64_t first = 0; first < count; first += strip) {
        const int64_t size = std::min(strip, count - first);
        auto points = part(point_room, size, in), products = part(product_room, size, width);
        float *in_points = points.mutable_data_ptr<float>();
        parallel(size, [=](int64_t i) {
          const int64_t tile = first + i;
          transform_input(
              pixels, from, tile / across * kSide, tile % across * kSide, in_points + i * in,
              size * in);
        });
        at::bmm_out(products, points, kernels);
        const float *out_points = products.const_data_ptr<float>();
        parallel(size, [=](int64_t i) {
          const int64_t tile = first + i;
          transform_result(
              out_points + i * width, size * width, width, shift, to, tile / across * kSide,
              tile % across * kSide, results);
        });
      }
    }
  }
  return result;
}
