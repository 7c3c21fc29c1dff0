// The linear maps of Winograd's F(4×4, 3×3) and their transposes, a tile and all its channels at once.
//
// Each has 36 values per tile and channel on one side, which lie `stride` floats apart.
// Source: Lavin & Gray, "Fast Algorithms for Convolutional Neural Networks", 2016, section 4.
#pragma once

#include <cstdint>

namespace ct::winograd {

constexpr int64_t kSide = 4;   // of a tile of results
constexpr int64_t kReach = 6;  // of the pixels it is made from
constexpr int64_t kPoints = kReach * kReach;
constexpr int64_t kLanes = 8;  // channels handled at once: their counts are multiples of it

/// A channels-last map.
struct Map {
  int64_t height, width, channels;
};

/// The upper left corner of a tile of results.
struct Corner {
  int64_t top, left;
};

/// Bᵀ d B: the points of the 6×6 pixels around a tile; those outside the map are zero.
void input_points(const float *x, Map map, Corner at, float *points, int64_t stride);

/// Aᵀ m A: the results of a tile in `count` of the map's channels, from their products.
void results(
    const float *products, int64_t stride, int64_t count, const float *bias, Map map, Corner at,
    float *y);

/// A y Aᵀ, the transpose of `results`: gradients of the products from those of a tile.
void result_gradients(const float *y, Map map, Corner at, float *products, int64_t stride);

/// G g Gᵀ of the kernels from one channel to `count` others; the nine taps lie `tap_stride` apart.
void kernel_points(
    const float *taps, int64_t tap_stride, int64_t count, float *points, int64_t stride);

/// Gᵀ u G, the transpose of `kernel_points`.
void kernel_gradients(
    const float *points, int64_t stride, int64_t count, float *taps, int64_t tap_stride);

}  // namespace ct::winograd
