// Losses.
#include "guard.h"

#include <ATen/ops/binary_cross_entropy_with_logits.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/huber_loss.h>
#include <ATen/ops/kl_div.h>
#include <ATen/ops/l1_loss.h>
#include <ATen/ops/mse_loss.h>
#include <ATen/ops/nll_loss.h>
#include <ATen/ops/smooth_l1_loss.h>

using namespace ct;

int ct_mse_loss(
    const ct_tensor *x, const ct_tensor *target, ct_int reduction, ct_tensor **out) {
  return give(out, [&] { return at::mse_loss(x->value, target->value, reduction); });
}

int ct_l1_loss(
    const ct_tensor *x, const ct_tensor *target, ct_int reduction, ct_tensor **out) {
  return give(out, [&] { return at::l1_loss(x->value, target->value, reduction); });
}

int ct_smooth_l1_loss(
    const ct_tensor *x, const ct_tensor *target, ct_int reduction, double beta,
    ct_tensor **out) {
  return give(out, [&] { return at::smooth_l1_loss(x->value, target->value, reduction, beta); });
}

int ct_huber_loss(
    const ct_tensor *x, const ct_tensor *target, ct_int reduction, double delta,
    ct_tensor **out) {
  return give(out, [&] { return at::huber_loss(x->value, target->value, reduction, delta); });
}

int ct_cross_entropy(
    const ct_tensor *x, const ct_tensor *target, ct_int reduction, double smoothing,
    ct_tensor **out) {
  return give(out, [&] {
    return at::cross_entropy_loss(
        x->value, target->value, {}, reduction, /*ignore_index=*/-100, smoothing);
  });
}

int ct_nll_loss(
    const ct_tensor *x, const ct_tensor *target, ct_int reduction, ct_tensor **out) {
  return give(out, [&] { return at::nll_loss(x->value, target->value, {}, reduction); });
}

int ct_binary_cross_entropy_with_logits(
    const ct_tensor *x, const ct_tensor *target, ct_int reduction, ct_tensor **out) {
  return give(out, [&] {
    return at::binary_cross_entropy_with_logits(x->value, target->value, {}, {}, reduction);
  });
}

int ct_kl_div(
    const ct_tensor *x, const ct_tensor *target, ct_int reduction, bool log_target,
    ct_tensor **out) {
  return give(out, [&] { return at::kl_div(x->value, target->value, reduction, log_target); });
}
