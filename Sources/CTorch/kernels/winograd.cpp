// Each tile of 4×4 results is made from 6×6 pixels with 36 products per pair of channels, where the
// direct sum takes 144. The products of one position in all tiles are a matrix product, so nearly
// all arithmetic is in 36 of those.
#include "winograd.h"
#include "parallel.h"
#include "winograd_transforms.h"

#include <ATen/ops/bmm.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <bit>

using namespace ct::winograd;

namespace {

/// Tiles handled at once: their transforms (36 values per tile and channel) should fit in the
/// shared cache, and still make a tall matrix.
constexpr int64_t kStrip = 256;
/// Points are four times as many as weights. Those of a small weight are kept; those of a large
/// one, which would take gigabytes, are recomputed in each call, this many floats at once.
constexpr int64_t kSmallWeight = 1 << 18, kKernelRoom = 1 << 25;
/// Maps of fewer tiles make matrices too flat; a large weight, whose points cost more, needs more.
constexpr int64_t kLeastTiles = 16, kLeastTilesForLarge = 64;
/// Below this many channels the transforms cost as much as they save.
constexpr int64_t kLeastChannels = 64;

/// The tiles of a batch of maps, in order.
struct Tiling {
  int64_t across, each, batch;

  explicit Tiling(at::IntArrayRef shape)
      : across(tiles(shape[3])), each(across * tiles(shape[2])), batch(shape[0]) {}

  static int64_t tiles(int64_t side) { return (side + kSide - 1) / kSide; }

  int64_t count() const { return batch * each; }
  Corner corner(int64_t tile) const {
    return {tile % each / across * kSide, tile % each % across * kSide};
  }

  /// Calls `body(first, size)` for strips of tiles; unless joint, no strip spans two images.
  template <typename Body>
  void for_each_strip(bool joint, const Body &body) const {
    for (int64_t first = 0, size; first < count(); first += size) {
      size = std::min(kStrip, joint ? count() - first : each - first % each);
      body(first, size);
    }
  }

  int64_t longest_strip(bool joint) const { return std::min(kStrip, joint ? count() : each); }
};

/// One image's values.
template <typename T>
T *image(T *values, int64_t tile, const Tiling &tiling, const Map &map) {
  return values + tile / tiling.each * map.height * map.width * map.channels;
}

Map map_of(const at::Tensor &x) { return {x.size(2), x.size(3), x.size(1)}; }

/// Memory for so many floats, in few sizes, as the allocator keeps freed blocks.
at::Tensor scratch(int64_t count, const at::Tensor &like) {
  const auto room = static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(count)));
  return at::empty({room}, like.options());
}

at::Tensor part(const at::Tensor &room, int64_t rows, int64_t columns) {
  return room.narrow(0, 0, kPoints * rows * columns).view({kPoints, rows, columns});
}

/// The points of `count` outputs from `first` on: `[9, in, out]` -> `[36, in, count]`.
void fill_kernel_points(const at::Tensor &taps, int64_t first, int64_t count, float *points) {
  const int64_t in = taps.size(1), out = taps.size(2);
  const float *from = taps.const_data_ptr<float>() + first;
  ct::parallel(in, [=](int64_t c) {
    kernel_points(from + c * out, in * out, count, points + c * count, in * count);
  });
}

void fill_input_points(
    const at::Tensor &x, const Tiling &tiling, int64_t first, const at::Tensor &points) {
  const Map map = map_of(x);
  const int64_t stride = points.size(1) * points.size(2);
  const float *pixels = x.const_data_ptr<float>();
  float *to = points.mutable_data_ptr<float>();
  ct::parallel(points.size(1), [&, stride, pixels, to](int64_t i) {
    const int64_t tile = first + i;
    input_points(
        image(pixels, tile, tiling, map), map, tiling.corner(tile), to + i * map.channels,
        stride);
  });
}

bool is_float_on_cpu(const at::Tensor &x) {
  return x.scalar_type() == at::kFloat && x.device().is_cpu();
}

}  // namespace

bool ct::winograd_can(
    at::IntArrayRef weight, at::ScalarType type, at::IntArrayRef stride, at::IntArrayRef padding,
    at::IntArrayRef dilation, int64_t groups) {
  const auto all_ones = [](at::IntArrayRef values) {
    return std::all_of(values.begin(), values.end(), [](int64_t value) { return value == 1; });
  };
  return type == at::kFloat && weight.size() == 4 && weight[2] == 3 && weight[3] == 3 &&
         weight[0] % kLanes == 0 && weight[1] % kLanes == 0 && groups == 1 && all_ones(stride) &&
         all_ones(padding) && all_ones(dilation);
}

bool ct::winograd_gains(
    at::IntArrayRef weight, at::ScalarType type, at::IntArrayRef input, at::IntArrayRef stride,
    at::IntArrayRef padding, at::IntArrayRef dilation, int64_t groups, bool joint) {
  if (!winograd_can(weight, type, stride, padding, dilation, groups)) return false;
  const Tiling tiling(input);
  return std::min(weight[0], weight[1]) >= kLeastChannels &&
         (joint ? tiling.count() : tiling.each) >=
             (c10::multiply_integers(weight) > kSmallWeight ? kLeastTilesForLarge : kLeastTiles);
}

ct::WinogradWeight::WinogradWeight(const at::Tensor &weight) {
  TORCH_CHECK(
      is_float_on_cpu(weight) &&
          winograd_can(weight.sizes(), weight.scalar_type(), {1, 1}, {1, 1}, {1, 1}, 1),
      "Winograd's convolution takes no weight of ", weight.sizes());
  taps_ = weight.permute({2, 3, 1, 0}).contiguous().view({9, weight.size(1), weight.size(0)});
  if (weight.numel() > kSmallWeight) return;
  points_ = at::empty({kPoints, in(), out()}, taps_.options());
  fill_kernel_points(taps_, 0, out(), points_->mutable_data_ptr<float>());
}

at::Tensor ct::WinogradWeight::plain() const {
  return taps_.view({3, 3, in(), out()}).permute({3, 2, 0, 1}).contiguous();
}

at::Tensor ct::winograd_conv2d(
    const at::Tensor &x, const WinogradWeight &weight, const std::optional<at::Tensor> &bias,
    bool joint) {
  const int64_t in = weight.in(), out = weight.out();
  TORCH_CHECK(
      x.dim() == 4 && x.size(1) == in && is_float_on_cpu(x), "Winograd's convolution takes [B, ",
      in, ", H, W] in float32 on the CPU, not ", x.sizes());
  TORCH_CHECK(
      !bias || (bias->dim() == 1 && bias->size(0) == out && is_float_on_cpu(*bias)),
      "Winograd's convolution takes a bias of ", out, " in float32");
  const auto shifts = bias ? std::optional(bias->contiguous()) : std::nullopt;
  const auto input = x.contiguous(at::MemoryFormat::ChannelsLast);
  const Tiling tiling(x.sizes());
  auto result = at::empty(
      {x.size(0), out, x.size(2), x.size(3)},
      x.options().memory_format(at::MemoryFormat::ChannelsLast));
  const Map map = map_of(result);
  const int64_t fitting = kKernelRoom / (kPoints * in) / kLanes * kLanes;
  const int64_t block = weight.points() ? out : std::clamp(fitting, kLanes, out);
  const int64_t strip = tiling.longest_strip(joint);
  const auto kernel_room =
      weight.points() ? *weight.points() : scratch(kPoints * in * block, x);
  const auto point_room = scratch(kPoints * strip * in, x);
  const auto product_room = scratch(kPoints * strip * block, x);
  for (int64_t channel = 0; channel < out; channel += block) {
    const int64_t width = std::min(block, out - channel);
    const auto kernels = weight.points() ? kernel_room : part(kernel_room, in, width);
    if (!weight.points()) {
      fill_kernel_points(weight.taps(), channel, width, kernels.mutable_data_ptr<float>());
    }
    const float *shift = shifts ? shifts->const_data_ptr<float>() + channel : nullptr;
    float *values = result.mutable_data_ptr<float>() + channel;
    tiling.for_each_strip(joint, [&](int64_t first, int64_t size) {
      const auto points = part(point_room, size, in);
      auto products = part(product_room, size, width);
      fill_input_points(input, tiling, first, points);
      at::bmm_out(products, points, kernels);
      const float *from = products.const_data_ptr<float>();
      parallel(size, [&](int64_t i) {
        const int64_t tile = first + i;
        results(
            from + i * width, size * width, width, shift, map, tiling.corner(tile),
            image(values, tile, tiling, map));
      });
    });
  }
  return result;
}

at::Tensor ct::winograd_weight_gradient(const at::Tensor &x, const at::Tensor &y) {
  const auto input = x.contiguous(at::MemoryFormat::ChannelsLast);
  const auto gradient = y.contiguous(at::MemoryFormat::ChannelsLast);
  const int64_t in = x.size(1), out = y.size(1);
  const Tiling tiling(x.sizes());
  const Map map = map_of(gradient);
  const int64_t strip = tiling.longest_strip(/*joint=*/true);
  const auto point_room = scratch(kPoints * strip * in, x);
  const auto product_room = scratch(kPoints * strip * out, x);
  auto sum = at::zeros({kPoints, in, out}, x.options());
  tiling.for_each_strip(/*joint=*/true, [&](int64_t first, int64_t size) {
    const auto points = part(point_room, size, in);
    const auto products = part(product_room, size, out);
    fill_input_points(input, tiling, first, points);
    const float *from = gradient.const_data_ptr<float>();
    float *to = products.mutable_data_ptr<float>();
    parallel(size, [&](int64_t i) {
      const int64_t tile = first + i;
      result_gradients(
          image(from, tile, tiling, map), map, tiling.corner(tile), to + i * out, size * out);
    });
    sum.baddbmm_(points.transpose(1, 2), products);
  });
  auto taps = at::empty({9, in, out}, x.options());
  const float *from = sum.const_data_ptr<float>();
  float *to = taps.mutable_data_ptr<float>();
  parallel(in, [=](int64_t c) {
    kernel_gradients(from + c * out, in * out, out, to + c * out, in * out);
  });
  return taps.view({3, 3, in, out}).permute({3, 2, 0, 1}).contiguous();
}
