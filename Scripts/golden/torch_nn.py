"""Makes the golden files of TorchNN from PyTorch, transformers' schedules and diffusers' EMA.

Writes Tests/Golden/torch_nn.
"""

import torch
from diffusers.optimization import get_scheduler
from diffusers.training_utils import EMAModel
from torch import nn

from common import Area

AREA = Area("torch_nn", __file__, ["torch", "transformers", "diffusers"], [3, 5, 7, 8, 9])
save = AREA.save


def layers():
    """Each layer as a new generator of seed 7 makes it; output and gradients for one input."""
    images, sequence = (2, 4, 6, 5), (2, 3, 8)
    cases = {
        "linear": (lambda: nn.Linear(8, 6), sequence),
        "linear_no_bias": (lambda: nn.Linear(8, 6, bias=False), sequence),
        "conv": (lambda: nn.Conv2d(4, 6, 3, stride=2, padding=1), images),
        "conv_groups": (lambda: nn.Conv2d(4, 6, 3, padding=2, dilation=2, groups=2), images),
        "conv_transpose": (
            lambda: nn.ConvTranspose2d(4, 6, 4, stride=2, padding=1, output_padding=1), images),
        "group_norm": (lambda: nn.GroupNorm(2, 4, eps=1e-3), images),
        "layer_norm": (lambda: nn.LayerNorm(8), sequence),
        "batch_norm": (lambda: nn.BatchNorm2d(4), images),
        "embedding": (lambda: nn.Embedding(11, 6), None),
        "sequential": (
            lambda: nn.Sequential(nn.Linear(8, 5), nn.GELU(), nn.Linear(5, 3)), sequence),
    }
    tensors = {}
    for name, (make, shape) in cases.items():
        torch.manual_seed(7)
        layer = make()
        tensors |= {f"{name}.init.{k}": v.clone() for k, v in layer.state_dict().items()}
        noise = torch.Generator().manual_seed(8)
        with torch.no_grad():
            for parameter in layer.parameters():
                if name.endswith("norm"):
                    parameter.copy_(torch.randn(parameter.shape, generator=noise))
        tensors |= {f"{name}.weights.{k}": v.clone() for k, v in layer.state_dict().items()}
        if shape is None:
            x = torch.randint(0, 11, (2, 5), generator=noise)
        else:
            x = torch.randn(shape, generator=noise).requires_grad_()
        y = layer(x)
        gradient = torch.randn(y.shape, generator=noise)
        y.backward(gradient)
        tensors |= {f"{name}.x": x, f"{name}.y": y, f"{name}.y_gradient": gradient}
        if shape is not None:
            tensors[f"{name}.x_gradient"] = x.grad
        tensors |= {f"{name}.gradients.{k}": v.grad for k, v in layer.named_parameters()}
        tensors |= {f"{name}.after.{k}": v for k, v in layer.named_buffers()}
    save("layers", tensors)


def initializations():
    rules = {
        "normal": lambda w: nn.init.normal_(w, 0.5, 0.02),
        "uniform": lambda w: nn.init.uniform_(w, -0.3, 0.3),
        "xavier_uniform": lambda w: nn.init.xavier_uniform_(w, 1.5),
        "xavier_normal": lambda w: nn.init.xavier_normal_(w),
        "kaiming_uniform": lambda w: nn.init.kaiming_uniform_(w, a=0.2),
        "kaiming_normal": lambda w: nn.init.kaiming_normal_(w),
    }
    tensors = {}
    for name, rule in rules.items():
        for rank, shape in {"matrix": (6, 5), "kernel": (4, 3, 3, 3)}.items():
            torch.manual_seed(9)
            tensors[f"{name}.{rank}"] = rule(torch.empty(shape))
    save("initializations", tensors)


def optimizers():
    """Ten steps on given gradients; the bias has none in the fourth step."""
    noise = torch.Generator().manual_seed(3)
    weight, bias = torch.randn(5, 4, generator=noise), torch.randn(5, generator=noise)
    gradients = [
        (torch.randn(5, 4, generator=noise), torch.randn(5, generator=noise)) for _ in range(10)
    ]
    tensors = {
        "weight": weight, "bias": bias,
        "weight_gradients": torch.stack([g[0] for g in gradients]),
        "bias_gradients": torch.stack([g[1] for g in gradients]),
    }
    cases = {
        "adamw": lambda p: torch.optim.AdamW(p, lr=0.1, betas=(0.8, 0.95), eps=1e-6, fused=True),
        "adam": lambda p: torch.optim.Adam(p, lr=0.1, fused=True),
        "sgd": lambda p: torch.optim.SGD(p, lr=0.1, fused=True),
        "momentum": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, fused=True),
        "nesterov": lambda p: torch.optim.SGD(
            p, lr=0.1, momentum=0.9, nesterov=True, fused=True),
    }
    for name, make in cases.items():
        w, b = nn.Parameter(weight.clone()), nn.Parameter(bias.clone())
        optimizer = make([
            {"params": [w], "weight_decay": 0.1}, {"params": [b], "weight_decay": 0.0, "lr": 0.05},
        ])
        path = []
        for step, (gw, gb) in enumerate(gradients):
            w.grad, b.grad = gw.clone(), None if step == 3 else gb.clone()
            optimizer.step()
            path.append((w.detach().clone(), b.detach().clone()))
        tensors[f"{name}.weight"] = torch.stack([p[0] for p in path])
        tensors[f"{name}.bias"] = torch.stack([p[1] for p in path])
    w, b = nn.Parameter(weight.clone()), nn.Parameter(bias.clone())
    w.grad, b.grad = gradients[0][0].clone(), gradients[0][1].clone()
    tensors["clip.norm"] = nn.utils.clip_grad_norm_([w, b], 0.5)
    tensors["clip.weight"], tensors["clip.bias"] = w.grad, b.grad
    save("optimizers", tensors)


def schedules():
    tensors = {}
    for shape, name in {
        "constant": "constant_with_warmup", "linear": "linear", "cosine": "cosine",
    }.items():
        for warmup in (0, 7):
            optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.3)
            schedule = get_scheduler(
                name, optimizer, num_warmup_steps=warmup, num_training_steps=50)
            rates = []
            for _ in range(50):
                rates.append(schedule.get_last_lr()[0])
                optimizer.step()
                schedule.step()
            tensors[f"{shape}.{warmup}"] = torch.tensor(rates, dtype=torch.float64)
    save("schedules", tensors)


def averages():
    noise = torch.Generator().manual_seed(5)
    weights = torch.randn(13, 4, 3, generator=noise)  # the start, then twelve steps
    tensors = {"weights": weights}
    cases = {
        "ratio": dict(use_ema_warmup=False),
        "power": dict(use_ema_warmup=True, inv_gamma=1.0, power=2 / 3),
    }
    for name, settings in cases.items():
        for decay in (0.6, 0.9999):
            parameter = nn.Parameter(weights[0].clone())
            average = EMAModel([parameter], decay=decay, **settings)
            decays, path = [], []
            for step in range(1, 13):
                parameter.data.copy_(weights[step])
                average.step([parameter])
                decays.append(average.cur_decay_value)
                path.append(average.shadow_params[0].clone())
            tensors[f"{name}.{decay}.decays"] = torch.tensor(decays, dtype=torch.float64)
            tensors[f"{name}.{decay}.averages"] = torch.stack(path)
    save("averages", tensors)


def lstm():
    """Two layers as a new generator of seed 7 initialises them, from a state that is not zero."""
    torch.manual_seed(7)
    layer = nn.LSTM(5, 6, num_layers=2, batch_first=True)
    tensors = {f"init.{k}": v.clone() for k, v in layer.state_dict().items()}
    noise = torch.Generator().manual_seed(8)
    x = torch.randn(3, 4, 5, generator=noise).requires_grad_()
    h, c = (torch.randn(2, 3, 6, generator=noise) for _ in range(2))
    output, (last_h, last_c) = layer(x, (h, c))
    gradient = torch.randn(output.shape, generator=noise)
    output.backward(gradient)
    tensors |= {
        "x": x, "h": h, "c": c, "output": output, "last_h": last_h, "last_c": last_c,
        "output_gradient": gradient, "x_gradient": x.grad,
    }
    tensors |= {f"gradient.{k}": p.grad for k, p in layer.named_parameters()}
    save("lstm", tensors)


if __name__ == "__main__":
    layers()
    initializations()
    optimizers()
    schedules()
    averages()
    lstm()
    AREA.finish()
