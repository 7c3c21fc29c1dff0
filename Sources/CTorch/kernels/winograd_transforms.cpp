#include "winograd_transforms.h"
#include "parallel.h"

#include <algorithm>

using namespace ct::winograd;

namespace {

#define CT_INLINE __attribute__((always_inline)) inline

typedef float Lanes __attribute__((vector_size(kLanes * sizeof(float)), aligned(4)));

// References: a vector passed by value has another calling convention on each processor.
inline const Lanes &lanes(const float *from) { return *reinterpret_cast<const Lanes *>(from); }
inline Lanes &lanes(float *to) { return *reinterpret_cast<Lanes *>(to); }

/// Bᵀ d, for six values.
CT_INLINE void input_column(const Lanes d[6], Lanes v[6]) {
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
CT_INLINE void result_column(const Lanes m[6], Lanes y[4]) {
  const Lanes sum = m[1] + m[2], difference = m[1] - m[2];
  const Lanes sum2 = m[3] + m[4], difference2 = m[3] - m[4];
  y[0] = m[0] + sum + sum2;
  y[1] = difference + 2 * difference2;
  y[2] = sum + 4 * sum2;
  y[3] = difference + 8 * difference2 + m[5];
}

CT_FOR_EACH_PROCESSOR void input_points_here(
    const float *x, Map map, Corner at, float *points, int64_t stride) {
  const Lanes zero = {};
  for (int64_t c = 0; c < map.channels; c += kLanes) {
    Lanes columns[kReach][kReach];  // [point of the column][column]
    for (int64_t j = 0; j < kReach; j++) {
      const int64_t px = at.left - 1 + j;
      Lanes pixels[kReach], transformed[kReach];
      for (int64_t i = 0; i < kReach; i++) {
        const int64_t py = at.top - 1 + i;
        const bool inside = py >= 0 && py < map.height && px >= 0 && px < map.width;
        pixels[i] = inside ? lanes(x + (py * map.width + px) * map.channels + c) : zero;
      }
      input_column(pixels, transformed);
      for (int64_t i = 0; i < kReach; i++) columns[i][j] = transformed[i];
    }
    for (int64_t i = 0; i < kReach; i++) {
      Lanes transformed[kReach];
      input_column(columns[i], transformed);
      for (int64_t j = 0; j < kReach; j++) {
        lanes(points + (i * kReach + j) * stride + c) = transformed[j];
      }
    }
  }
}

CT_FOR_EACH_PROCESSOR void results_here(
    const float *products, int64_t stride, int64_t count, const float *bias, Map map, Corner at,
    float *y) {
  const int64_t rows = std::min(kSide, map.height - at.top);
  const int64_t columns = std::min(kSide, map.width - at.left);
  for (int64_t c = 0; c < count; c += kLanes) {
    Lanes half[kSide][kReach];
    for (int64_t j = 0; j < kReach; j++) {
      Lanes m[kReach], values[kSide];
      for (int64_t i = 0; i < kReach; i++) m[i] = lanes(products + (i * kReach + j) * stride + c);
      result_column(m, values);
      for (int64_t i = 0; i < kSide; i++) half[i][j] = values[i];
    }
    const Lanes zero = {};
    const Lanes shift = bias ? lanes(bias + c) : zero;
    for (int64_t i = 0; i < rows; i++) {
      Lanes values[kSide];
      result_column(half[i], values);
      for (int64_t j = 0; j < columns; j++) {
        lanes(y + ((at.top + i) * map.width + at.left + j) * map.channels + c) = values[j] + shift;
      }
    }
  }
}

/// G g, for three values.
CT_INLINE void kernel_column(const Lanes g[3], Lanes u[6]) {
  const Lanes outer = (g[0] + g[2]) * (1.0f / 6), outer2 = g[0] * (1.0f / 24) + g[2] * (1.0f / 6);
  const Lanes middle = g[1] * (1.0f / 6), middle2 = g[1] * (1.0f / 12);
  u[0] = g[0] * 0.25f;
  u[1] = -outer - middle;
  u[2] = middle - outer;
  u[3] = outer2 + middle2;
  u[4] = outer2 - middle2;
  u[5] = g[2];
}

CT_FOR_EACH_PROCESSOR void kernel_points_here(
    const float *taps, int64_t tap_stride, int64_t count, float *points, int64_t stride) {
  for (int64_t o = 0; o < count; o += kLanes) {
    Lanes half[kReach][3];
    for (int64_t j = 0; j < 3; j++) {
      Lanes g[3], u[kReach];
      for (int64_t i = 0; i < 3; i++) g[i] = lanes(taps + (i * 3 + j) * tap_stride + o);
      kernel_column(g, u);
      for (int64_t i = 0; i < kReach; i++) half[i][j] = u[i];
    }
    for (int64_t i = 0; i < kReach; i++) {
      Lanes u[kReach];
      kernel_column(half[i], u);
      for (int64_t j = 0; j < kReach; j++) {
        lanes(points + (i * kReach + j) * stride + o) = u[j];
      }
    }
  }
}

/// A y, for four values.
CT_INLINE void result_gradient_column(const Lanes y[4], Lanes m[6]) {
  const Lanes even = y[0] + y[2], odd = y[1] + y[3];
  const Lanes even2 = y[0] + 4 * y[2], odd2 = 2 * y[1] + 8 * y[3];
  m[0] = y[0];
  m[1] = even + odd;
  m[2] = even - odd;
  m[3] = even2 + odd2;
  m[4] = even2 - odd2;
  m[5] = y[3];
}

CT_FOR_EACH_PROCESSOR void result_gradients_here(
    const float *y, Map map, Corner at, float *products, int64_t stride) {
  const Lanes zero = {};
  for (int64_t c = 0; c < map.channels; c += kLanes) {
    Lanes half[kReach][kSide];
    for (int64_t j = 0; j < kSide; j++) {
      Lanes values[kSide], m[kReach];
      for (int64_t i = 0; i < kSide; i++) {
        const int64_t py = at.top + i, px = at.left + j;
        const bool inside = py < map.height && px < map.width;
        values[i] = inside ? lanes(y + (py * map.width + px) * map.channels + c) : zero;
      }
      result_gradient_column(values, m);
      for (int64_t i = 0; i < kReach; i++) half[i][j] = m[i];
    }
    for (int64_t i = 0; i < kReach; i++) {
      Lanes m[kReach];
      result_gradient_column(half[i], m);
      for (int64_t j = 0; j < kReach; j++) {
        lanes(products + (i * kReach + j) * stride + c) = m[j];
      }
    }
  }
}

/// Gᵀ u, for six values.
CT_INLINE void kernel_gradient_column(const Lanes u[6], Lanes g[3]) {
  const Lanes sum = u[1] + u[2], difference = u[2] - u[1];
  const Lanes sum2 = u[3] + u[4], difference2 = u[3] - u[4];
  g[0] = u[0] * 0.25f - sum * (1.0f / 6) + sum2 * (1.0f / 24);
  g[1] = difference * (1.0f / 6) + difference2 * (1.0f / 12);
  g[2] = u[5] - sum * (1.0f / 6) + sum2 * (1.0f / 6);
}

CT_FOR_EACH_PROCESSOR void kernel_gradients_here(
    const float *points, int64_t stride, int64_t count, float *taps, int64_t tap_stride) {
  for (int64_t o = 0; o < count; o += kLanes) {
    Lanes half[3][kReach];
    for (int64_t j = 0; j < kReach; j++) {
      Lanes u[kReach], g[3];
      for (int64_t i = 0; i < kReach; i++) u[i] = lanes(points + (i * kReach + j) * stride + o);
      kernel_gradient_column(u, g);
      for (int64_t i = 0; i < 3; i++) half[i][j] = g[i];
    }
    for (int64_t i = 0; i < 3; i++) {
      Lanes g[3];
      kernel_gradient_column(half[i], g);
      for (int64_t j = 0; j < 3; j++) lanes(taps + (i * 3 + j) * tap_stride + o) = g[j];
    }
  }
}

}  // namespace

// The public names; this file chooses the variant.

void ct::winograd::input_points(
    const float *x, Map map, Corner at, float *points, int64_t stride) {
  input_points_here(x, map, at, points, stride);
}

void ct::winograd::results(
    const float *products, int64_t stride, int64_t count, const float *bias, Map map, Corner at,
    float *y) {
  results_here(products, stride, count, bias, map, at, y);
}

void ct::winograd::result_gradients(
    const float *y, Map map, Corner at, float *products, int64_t stride) {
  result_gradients_here(y, map, at, products, stride);
}

void ct::winograd::kernel_points(
    const float *taps, int64_t tap_stride, int64_t count, float *points, int64_t stride) {
  kernel_points_here(taps, tap_stride, count, points, stride);
}

void ct::winograd::kernel_gradients(
    const float *points, int64_t stride, int64_t count, float *taps, int64_t tap_stride) {
  kernel_gradients_here(points, stride, count, taps, tap_stride);
}
