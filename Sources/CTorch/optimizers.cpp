// Optimiser kernels over lists of tensors.
#include "guard.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/_foreach_add.h>
#include <ATen/ops/_foreach_lerp.h>
#include <ATen/ops/_foreach_mul.h>
#include <ATen/ops/_foreach_norm.h>
#include <ATen/ops/_fused_adam.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/stack.h>

using namespace ct;

int ct_fused_adam(
    ct_list parameters, ct_list gradients, ct_list first, ct_list second, ct_list steps,
    ct_int count, double rate, double beta1, double beta2, double weight_decay, double epsilon,
    bool decoupled) {
  return guard([&] {
    at::NoGradGuard no_grad;
    const auto p = tensors(parameters, count), g = tensors(gradients, count);
    const auto m = tensors(first, count), v = tensors(second, count), s = tensors(steps, count);
    if (decoupled) {
      at::_fused_adamw_(
          p, g, m, v, {}, s, rate, beta1, beta2, weight_decay, epsilon, false, false);
    } else {
      at::_fused_adam_(
          p, g, m, v, {}, s, rate, beta1, beta2, weight_decay, epsilon, false, false);
    }
  });
}

int ct_foreach_lerp(ct_list targets, ct_list sources, ct_int count, double weight) {
  return guard([&] {
    at::NoGradGuard no_grad;
    at::_foreach_lerp_(tensors(targets, count), tensors(sources, count), at::Scalar(weight));
  });
}

int ct_foreach_mul(ct_list targets, ct_int count, double factor) {
  return guard([&] {
    at::NoGradGuard no_grad;
    at::_foreach_mul_(tensors(targets, count), at::Scalar(factor));
  });
}

int ct_foreach_add_scalar(ct_list targets, ct_int count, double value) {
  return guard([&] {
    at::NoGradGuard no_grad;
    at::_foreach_add_(tensors(targets, count), at::Scalar(value));
  });
}

int ct_total_norm(ct_list list, ct_int count, ct_tensor **out) {
  return give(out, [&] {
    at::NoGradGuard no_grad;
    return at::linalg_vector_norm(at::stack(at::_foreach_norm(tensors(list, count))));
  });
}
