// Gradients, gradient mode, mixed precision.
#include "guard.h"

#include <ATen/autocast_mode.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/csrc/autograd/function_hook.h>
#include <torch/csrc/autograd/variable.h>

using namespace ct;

bool ct_requires_grad(const ct_tensor *x) { return x->value.requires_grad(); }

int ct_set_requires_grad(const ct_tensor *x, bool value) {
  return guard([&] { x->value.set_requires_grad(value); });
}

bool ct_has_grad(const ct_tensor *x) {
  return x->value.is_leaf() && x->value.grad().defined();
}

int ct_grad(const ct_tensor *x, ct_tensor **out) {
  return give(out, [&] { return x->value.grad(); });
}

int ct_set_grad(const ct_tensor *x, const ct_tensor *grad) {
  return guard([&] { x->value.mutable_grad() = grad ? grad->value : at::Tensor(); });
}

namespace {

/// Calls a function of the caller's when a backward pass has added to a gradient.
struct GradientHook : torch::autograd::PostAccumulateGradHook {
  void (*call)(void *);
  void *context;
  void (*release)(void *);

  GradientHook(void (*call)(void *), void *context, void (*release)(void *))
      : call(call), context(context), release(release) {}
  ~GradientHook() override { release(context); }

  void operator()(const torch::autograd::Variable &) override { call(context); }
};

}  // namespace

int ct_set_gradient_hook(
    const ct_tensor *x, void (*call)(void *), void *context, void (*release)(void *)) {
  return guard([&] {
    std::unique_ptr<torch::autograd::PostAccumulateGradHook> hook;
    if (call) hook = std::make_unique<GradientHook>(call, context, release);
    torch::autograd::impl::set_post_acc_grad_hooks(x->value, std::move(hook));
  });
}

int ct_backward(const ct_tensor *x, const ct_tensor *grad, bool retain) {
  return guard([&] {
    torch::autograd::backward({x->value}, {grad ? grad->value : at::Tensor()}, retain);
  });
}

int ct_gradients(
    const ct_tensor *y, const ct_tensor *grad, ct_list inputs, ct_int count, bool create_graph,
    ct_tensor **outs) {
  return guard([&] {
    auto result = torch::autograd::grad(
        {y->value}, tensors(inputs, count), {grad ? grad->value : at::Tensor()}, std::nullopt,
        create_graph, /*allow_unused=*/true);
    for (ct_int i = 0; i < count; i++) {
      outs[i] = result[i].defined() ? new ct_tensor{std::move(result[i])} : nullptr;
    }
  });
}

bool ct_grad_mode(void) { return at::GradMode::is_enabled(); }
void ct_set_grad_mode(bool enabled) { at::GradMode::set_enabled(enabled); }

namespace {

at::DeviceType type(int32_t kind) { return kind == 0 ? at::kCPU : at::kCUDA; }

}  // namespace

int ct_autocast_begin(int32_t kind, int32_t dtype, bool *was_enabled, int32_t *was_dtype) {
  return guard([&] {
    *was_enabled = at::autocast::is_autocast_enabled(type(kind));
    *was_dtype = static_cast<int32_t>(at::autocast::get_autocast_dtype(type(kind)));
    at::autocast::set_autocast_dtype(type(kind), static_cast<at::ScalarType>(dtype));
    at::autocast::set_autocast_enabled(type(kind), true);
    at::autocast::increment_nesting();
  });
}

int ct_autocast_end(int32_t kind, bool was_enabled, int32_t was_dtype) {
  return guard([&] {
    if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
    at::autocast::set_autocast_enabled(type(kind), was_enabled);
    at::autocast::set_autocast_dtype(type(kind), static_cast<at::ScalarType>(was_dtype));
  });
}

int32_t ct_autocast_dtype(int32_t kind) {
  return at::autocast::is_autocast_enabled(type(kind))
      ? static_cast<int32_t>(at::autocast::get_autocast_dtype(type(kind)))
      : -1;
}

namespace {

/// A linear function of the caller's and its transpose, which turns gradients back.
struct LinearMap : torch::CustomClassHolder {
  ct_map functions[2];
  void *context;
  void (*release)(void *);

  LinearMap(ct_map forward, ct_map transpose, void *context, void (*release)(void *))
      : functions{forward, transpose}, context(context), release(release) {}
  ~LinearMap() override { release(context); }

  at::Tensor apply(const at::Tensor &x, bool transposed) const {
    ct_tensor *out = nullptr;
    functions[transposed](context, new ct_tensor{x.contiguous()}, &out);
    TORCH_CHECK(out, "a linear map gave no tensor");
    at::Tensor result = std::move(out->value);
    delete out;
    return result;
  }
};

struct MapFunction : torch::autograd::Function<MapFunction> {
  static at::Tensor forward(
      torch::autograd::AutogradContext *context, const at::Tensor &x,
      c10::intrusive_ptr<LinearMap> map, bool transposed) {
    context->saved_data["map"] = c10::IValue::make_capsule(map);
    context->saved_data["transposed"] = transposed;
    return map->apply(x, transposed);
  }

  static torch::autograd::variable_list backward(
      torch::autograd::AutogradContext *context, torch::autograd::variable_list gradients) {
    auto map = c10::static_intrusive_pointer_cast<LinearMap>(
        context->saved_data["map"].toCapsule());
    const bool transposed = context->saved_data["transposed"].toBool();
    return {MapFunction::apply(gradients[0], map, !transposed), at::Tensor(), at::Tensor()};
  }
};

}  // namespace

int ct_linear_map(
    const ct_tensor *x, ct_map forward, ct_map transpose, void *context,
    void (*release)(void *), ct_tensor **out) {
  auto map = c10::make_intrusive<LinearMap>(forward, transpose, context, release);
  return give(out, [&] { return MapFunction::apply(x->value, map, false); });
}
