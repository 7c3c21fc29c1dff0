// Random numbers from a CPU generator.
#include "guard.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/Generator.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/multinomial.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/randperm.h>

#include <mutex>

using namespace ct;

struct ct_generator {
  at::Generator value;
};

int ct_generator_new(uint64_t seed, ct_generator **out) {
  return guard([&] {
    *out = new ct_generator{at::detail::createCPUGenerator(seed)};
  });
}

void ct_generator_free(ct_generator *g) { delete g; }

int ct_generator_state(ct_generator *g, ct_tensor **out) {
  return give(out, [&] {
    std::lock_guard<std::mutex> lock(g->value.mutex());
    return g->value.get_state();
  });
}

int ct_generator_set_state(ct_generator *g, const ct_tensor *state) {
  return guard([&] {
    std::lock_guard<std::mutex> lock(g->value.mutex());
    g->value.set_state(state->value);
  });
}

int ct_randn(
    ct_generator *g, const ct_int *sizes, ct_int rank, int32_t dtype, ct_tensor **out) {
  return give(out, [&] {
    return at::randn(ints(sizes, rank), std::optional<at::Generator>(g->value),
                     options(dtype, 0, 0));
  });
}

int ct_rand(
    ct_generator *g, double low, double high, const ct_int *sizes, ct_int rank, int32_t dtype,
    ct_tensor **out) {
  return give(out, [&] {
    return at::empty(ints(sizes, rank), options(dtype, 0, 0)).uniform_(low, high, g->value);
  });
}

int ct_randint(
    ct_generator *g, int64_t low, int64_t high, const ct_int *sizes, ct_int rank,
    ct_tensor **out) {
  return give(out, [&] {
    return at::randint(low, high, ints(sizes, rank), std::optional<at::Generator>(g->value),
                       at::TensorOptions().dtype(at::kLong));
  });
}

int ct_randperm(ct_generator *g, ct_int count, ct_tensor **out) {
  return give(out, [&] {
    return at::randperm(static_cast<int64_t>(count), std::optional<at::Generator>(g->value),
                        at::TensorOptions().dtype(at::kLong));
  });
}

int ct_bernoulli(
    ct_generator *g, double p, const ct_int *sizes, ct_int rank, int32_t dtype,
    ct_tensor **out) {
  return give(out, [&] {
    return at::empty(ints(sizes, rank), options(dtype, 0, 0)).bernoulli_(p, g->value);
  });
}

int ct_multinomial(
    ct_generator *g, const ct_tensor *weights, ct_int count, bool replacement,
    ct_tensor **out) {
  return give(out, [&] {
    return at::multinomial(weights->value, count, replacement, g->value);
  });
}
