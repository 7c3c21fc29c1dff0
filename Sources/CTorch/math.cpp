// Element functions.
#include "guard.h"

#include <ATen/ops/abs.h>
#include <ATen/ops/acos.h>
#include <ATen/ops/add.h>
#include <ATen/ops/addcmul.h>
#include <ATen/ops/asin.h>
#include <ATen/ops/atan.h>
#include <ATen/ops/atan2.h>
#include <ATen/ops/ceil.h>
#include <ATen/ops/clamp.h>
#include <ATen/ops/cos.h>
#include <ATen/ops/cosh.h>
#include <ATen/ops/div.h>
#include <ATen/ops/elu.h>
#include <ATen/ops/eq.h>
#include <ATen/ops/erf.h>
#include <ATen/ops/erfinv.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/expm1.h>
#include <ATen/ops/floor.h>
#include <ATen/ops/ge.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/gt.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/isinf.h>
#include <ATen/ops/isnan.h>
#include <ATen/ops/le.h>
#include <ATen/ops/leaky_relu.h>
#include <ATen/ops/lerp.h>
#include <ATen/ops/lgamma.h>
#include <ATen/ops/log.h>
#include <ATen/ops/log1p.h>
#include <ATen/ops/log2.h>
#include <ATen/ops/log_sigmoid.h>
#include <ATen/ops/logical_and.h>
#include <ATen/ops/logical_not.h>
#include <ATen/ops/logical_or.h>
#include <ATen/ops/logical_xor.h>
#include <ATen/ops/lt.h>
#include <ATen/ops/masked_fill.h>
#include <ATen/ops/maximum.h>
#include <ATen/ops/minimum.h>
#include <ATen/ops/mish.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/nan_to_num.h>
#include <ATen/ops/ne.h>
#include <ATen/ops/neg.h>
#include <ATen/ops/pow.h>
#include <ATen/ops/reciprocal.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/remainder.h>
#include <ATen/ops/round.h>
#include <ATen/ops/rsqrt.h>
#include <ATen/ops/rsub.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/sign.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/sin.h>
#include <ATen/ops/sinh.h>
#include <ATen/ops/softplus.h>
#include <ATen/ops/sqrt.h>
#include <ATen/ops/square.h>
#include <ATen/ops/sub.h>
#include <ATen/ops/tan.h>
#include <ATen/ops/tanh.h>
#include <ATen/ops/trunc.h>
#include <ATen/ops/where.h>

using namespace ct;

#define CT_DEFINE(name)                                             \
  int ct_##name(const ct_tensor *x, ct_tensor **out) {              \
    return give(out, [&] { return at::name(x->value); });           \
  }
CT_UNARY(CT_DEFINE)
#undef CT_DEFINE

#define CT_DEFINE(name)                                                     \
  int ct_##name(const ct_tensor *a, const ct_tensor *b, ct_tensor **out) {  \
    return give(out, [&] { return at::name(a->value, b->value); });         \
  }
CT_BINARY(CT_DEFINE)
#undef CT_DEFINE

#define CT_DEFINE(name)                                                           \
  int ct_##name##_scalar(const ct_tensor *a, double b, ct_tensor **out) {         \
    return give(out, [&] { return at::name(a->value, scalar(a->value, b)); });    \
  }
CT_SCALAR(CT_DEFINE)
#undef CT_DEFINE

int ct_scalar_sub(double a, const ct_tensor *b, ct_tensor **out) {
  return give(out, [&] { return at::rsub(b->value, scalar(b->value, a)); });
}

int ct_scalar_div(double a, const ct_tensor *b, ct_tensor **out) {
  return give(out, [&] { return at::mul(at::reciprocal(b->value), at::Scalar(a)); });
}

int ct_scalar_pow(double a, const ct_tensor *b, ct_tensor **out) {
  return give(out, [&] { return at::pow(scalar(b->value, a), b->value); });
}

int ct_gelu(const ct_tensor *x, bool tanh_form, ct_tensor **out) {
  return give(out, [&] { return at::gelu(x->value, tanh_form ? "tanh" : "none"); });
}

int ct_softplus(const ct_tensor *x, double beta, double threshold, ct_tensor **out) {
  return give(out, [&] { return at::softplus(x->value, beta, threshold); });
}

int ct_leaky_relu(const ct_tensor *x, double slope, ct_tensor **out) {
  return give(out, [&] { return at::leaky_relu(x->value, slope); });
}

int ct_elu(const ct_tensor *x, double alpha, ct_tensor **out) {
  return give(out, [&] { return at::elu(x->value, alpha); });
}

int ct_clamp(const ct_tensor *x, const double *min, const double *max, ct_tensor **out) {
  return give(out, [&] {
    std::optional<at::Scalar> low, high;
    if (min) low = scalar(x->value, *min);
    if (max) high = scalar(x->value, *max);
    return at::clamp(x->value, low, high);
  });
}

int ct_nan_to_num(
    const ct_tensor *x, double nan, double positive, double negative, ct_tensor **out) {
  return give(out, [&] { return at::nan_to_num(x->value, nan, positive, negative); });
}

int ct_lerp(const ct_tensor *a, const ct_tensor *b, double weight, ct_tensor **out) {
  return give(out, [&] { return at::lerp(a->value, b->value, weight); });
}

int ct_addcmul(
    const ct_tensor *x, const ct_tensor *a, const ct_tensor *b, double value, ct_tensor **out) {
  return give(out, [&] {
    return at::addcmul(x->value, a->value, b->value, scalar(x->value, value));
  });
}

int ct_where(
    const ct_tensor *condition, const ct_tensor *a, const ct_tensor *b, ct_tensor **out) {
  return give(out, [&] { return at::where(condition->value, a->value, b->value); });
}

int ct_masked_fill(const ct_tensor *x, const ct_tensor *mask, double value, ct_tensor **out) {
  return give(out, [&] {
    return at::masked_fill(x->value, mask->value, scalar(x->value, value));
  });
}
