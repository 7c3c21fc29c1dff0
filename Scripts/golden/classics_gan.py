"""Golden files of the GAN, of spectral norm and of the classifier: small references in plain
PyTorch with the same state-dict keys.

Writes to Tests/Golden/classics:
gan.safetensors: z, real, fake; for each norm of the discriminator its weights (NORM.weights.*),
  scores, buffers after two training calls (NORM.after.*), and for each loss its two values and all
  gradients (NORM.LOSS.discriminator_gradients.*, NORM.LOSS.generator_gradients.*); the gradient
  penalty and its gradients, which are of second order (NORM.penalty, NORM.penalty_gradients.*);
  the generator in training and in use; images on the great circle between two vectors.
spectral.safetensors: layers of torch.nn.utils.spectral_norm over three training calls.
classifier.safetensors: weights, features, logits, loss, gradients.
Sources: Goodfellow et al. 2014; Radford et al. 2016; Gulrajani et al. 2017; Miyato et al. 2018.
"""

import copy
import warnings

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import spectral_norm

from common import Area, gradients, grouped, weights

warnings.filterwarnings("ignore", category=FutureWarning)
SIZE, CHANNELS, WIDTHS, LATENT, BATCH = 8, 3, [4, 6], 5, 4
SIDE, FEATURES = 2, 24
SHARE_SEED = 7
AREA = Area("classics", __file__, ["torch"], [0, 1, 2, SHARE_SEED])


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        up = [*WIDTHS[::-1], CHANNELS]
        self.input = nn.Linear(LATENT, FEATURES)
        self.norms = nn.ModuleList(nn.BatchNorm2d(w) for w in up[:-1])
        self.stages = nn.ModuleList(nn.ConvTranspose2d(i, o, 4, 2, 1) for i, o in zip(up, up[1:]))

    def forward(self, z):
        x = self.input(z).reshape(-1, WIDTHS[-1], SIDE, SIDE)
        for norm, stage in zip(self.norms, self.stages):
            x = stage(F.relu(norm(x)))
        return torch.tanh(x)


class Discriminator(nn.Module):
    def __init__(self, norm):
        super().__init__()
        wrapped = spectral_norm if norm == "spectral" else lambda layer: layer
        down = [CHANNELS, *WIDTHS]
        self.stages = nn.ModuleList(
            wrapped(nn.Conv2d(i, o, 4, 2, 1)) for i, o in zip(down, down[1:]))
        self.norms = nn.ModuleList(
            nn.BatchNorm2d(w) for w in (WIDTHS[1:] if norm == "batch" else []))
        self.output = wrapped(nn.Linear(FEATURES, 1))

    def forward(self, x):
        for index, stage in enumerate(self.stages):
            x = stage(x)
            if index > 0 and len(self.norms) > 0:
                x = self.norms[index - 1](x)
            x = F.leaky_relu(x, 0.2)
        return self.output(x.flatten(1))[:, 0]


class GAN(nn.Module):
    def __init__(self, norm):
        super().__init__()
        self.generator = Generator()
        self.discriminator = Discriminator(norm)


# By other formulas than in Swift where there are others: D's chances are sigmoids.
ones, zeros = torch.ones(BATCH), torch.zeros(BATCH)
LOSSES = {
    "non_saturating": (
        lambda r, f: F.binary_cross_entropy_with_logits(r, ones)
        + F.binary_cross_entropy_with_logits(f, zeros),
        lambda f: F.binary_cross_entropy_with_logits(f, ones)),
    "wasserstein": (lambda r, f: f.mean() - r.mean(), lambda f: -f.mean()),
    "hinge": (
        lambda r, f: torch.clamp(1 - r, min=0).mean() + torch.clamp(1 + f, min=0).mean(),
        lambda f: -f.mean()),
}


def fill(module, noise, gain):
    """Weights that keep the scale of activations, and buffers that differ from their first."""
    with torch.no_grad():
        for name, p in module.named_parameters():
            if "norms" in name:
                p.copy_(torch.randn(p.shape, generator=noise) * 0.3 + (name[-6:] == "weight"))
                continue
            fan = p[0].numel() if p.dim() > 1 else 40
            p.copy_(torch.randn(p.shape, generator=noise) * (gain / fan) ** 0.5)
        for name, b in module.named_buffers():
            if name.endswith("running_mean"):
                b.copy_(torch.randn(b.shape, generator=noise) * 0.2)
            if name.endswith("running_var"):
                b.copy_(torch.rand(b.shape, generator=noise) + 0.5)
            if name.endswith(("weight_u", "weight_v")):
                b.copy_(F.normalize(torch.randn(b.shape, generator=noise), dim=0))


def parameter_gradients(total, module):
    """The gradients of all parameters; zeros where the total does not depend on one."""
    named = dict(module.named_parameters())
    found = torch.autograd.grad(total, list(named.values()), allow_unused=True)
    return {k: torch.zeros_like(p) if g is None else g for (k, p), g in zip(named.items(), found)}


def penalty_of(discriminator, real, fake):
    share = torch.rand(len(real), 1, 1, 1, generator=torch.Generator().manual_seed(SHARE_SEED))
    between = (share * real + (1 - share) * fake).requires_grad_()
    slope, = torch.autograd.grad(discriminator(between).sum(), between, create_graph=True)
    return (slope.flatten(1).norm(dim=1) - 1).square().mean()


def slerp(t, a, b):
    omega = torch.acos((F.normalize(a, dim=1) * F.normalize(b, dim=1)).sum())
    return (torch.sin((1 - t) * omega) * a + torch.sin(t * omega) * b) / torch.sin(omega)


def gan():
    noise = torch.Generator().manual_seed(0)
    generator = Generator().train()
    fill(generator, noise, 3)
    z = torch.randn(BATCH, LATENT, generator=noise)
    # Real images are smooth, so that the discriminator sees other things in them.
    small = torch.randn(BATCH, CHANNELS, 2, 2, generator=noise)
    real = F.interpolate(small, size=SIZE, mode="bilinear").clamp(-1, 1)
    used = copy.deepcopy(generator)
    fake = used(z).detach()
    tensors = {"z": z, "real": real, "fake": fake}
    tensors |= grouped("generator_after", dict(used.named_buffers()))
    used.eval()
    tensors["fake_in_use"] = used(z)
    steps = torch.linspace(0, 1, 5)[:, None]
    tensors["interpolated"] = used(slerp(steps, z[:1], z[1:2]))

    for norm in ["batch", "spectral", "none"]:
        model = GAN(norm).train()
        fill(model.discriminator, noise, 3)
        with torch.no_grad():
            # Scores on both sides of the hinge's corners.
            last = model.discriminator.output
            weight = last.weight_orig if norm == "spectral" else last.weight
            weight.mul_(2)
        model.generator.load_state_dict(generator.state_dict())
        tensors |= weights(model, f"{norm}.weights")

        d = copy.deepcopy(model.discriminator)
        tensors |= {f"{norm}.real_score": d(real), f"{norm}.fake_score": d(fake)}
        tensors |= grouped(f"{norm}.after", dict(d.named_buffers()))
        print(norm, tensors[f"{norm}.real_score"].tolist(), tensors[f"{norm}.fake_score"].tolist())
        d.eval()
        tensors[f"{norm}.real_score_in_use"] = d(real)
        for name, (of_discriminator, of_generator) in LOSSES.items():
            d = copy.deepcopy(model.discriminator)
            total = of_discriminator(d(real), d(fake))
            tensors[f"{norm}.{name}.discriminator"] = total
            tensors |= grouped(
                f"{norm}.{name}.discriminator_gradients", parameter_gradients(total, d))
            m = copy.deepcopy(model)
            total = of_generator(m.discriminator(m.generator(z)))
            tensors[f"{norm}.{name}.generator"] = total
            tensors |= grouped(
                f"{norm}.{name}.generator_gradients", parameter_gradients(total, m.generator))
        if norm != "batch":
            d = copy.deepcopy(model.discriminator)
            penalty = penalty_of(d, real, fake)
            tensors[f"{norm}.penalty"] = penalty
            tensors |= grouped(f"{norm}.penalty_gradients", parameter_gradients(penalty, d))
            print("  penalty", penalty.item())
    for side, score in (("real", 1), ("fake", -1)):
        scores = torch.cat([tensors[f"{n}.{side}_score"] for n in ["batch", "none"]]) * score
        assert (scores > 1).any() and (scores < 1).any(), (side, scores)
    save("gan", tensors)


def spectral():
    noise = torch.Generator().manual_seed(1)
    tensors = {}
    layers = {
        "conv": (nn.Conv2d(3, 5, 4, 2, 1), torch.randn(2, 3, 6, 6, generator=noise)),
        "linear": (nn.Linear(7, 4), torch.randn(3, 7, generator=noise)),
    }
    for name, (layer, x) in layers.items():
        layer = spectral_norm(layer).train()
        fill(layer, noise, 3)
        tensors |= weights(layer, f"{name}.weights")
        x.requires_grad_()
        # One gradient through three calls, between which u and v move.
        outputs = [layer(x), layer(x), layer(x)]
        factors = [torch.randn(outputs[0].shape, generator=noise) for _ in outputs]
        total = sum((y * w).sum() for y, w in zip(outputs, factors))
        total.backward()
        tensors |= {f"{name}.x": x, f"{name}.x_gradient": x.grad}
        tensors |= {f"{name}.outputs": torch.stack(outputs)}
        tensors |= {f"{name}.output_weights": torch.stack(factors)}
        tensors |= gradients(layer, f"{name}.gradients")
        tensors |= weights(layer, f"{name}.after")
        layer.eval()
        tensors[f"{name}.in_use"] = layer(x)
    save("spectral", tensors)


class Classifier(nn.Module):
    def __init__(self, channels, widths, features, classes):
        super().__init__()
        down = [channels, *widths]
        self.encoder = nn.Module()
        self.encoder.stages = nn.ModuleList(
            nn.Conv2d(i, o, 4, 2, 1) for i, o in zip(down, down[1:]))
        self.to_features = nn.Linear(FEATURES, features)
        self.to_logits = nn.Linear(features, classes)

    def features(self, x):
        for stage in self.encoder.stages:
            x = F.relu(stage(x))
        return F.relu(self.to_features(x.flatten(1)))

    def forward(self, x):
        return self.to_logits(self.features(x))


def classifier():
    noise = torch.Generator().manual_seed(2)
    model = Classifier(1, WIDTHS, 5, 3)
    fill(model, noise, 3)
    x = torch.randn(BATCH, 1, SIZE, SIZE, generator=noise).clamp(-1, 1).requires_grad_()
    labels = torch.tensor([2, 0, 1, 2])
    logits = model(x)
    loss = -logits.log_softmax(1)[torch.arange(BATCH), labels].mean()
    loss.backward()
    features = model.features(x)
    assert 0.2 < (features > 0).float().mean() < 0.95
    tensors = {"x": x, "labels": labels, "features": features, "logits": logits, "loss": loss}
    tensors |= {"x_gradient": x.grad} | weights(model) | gradients(model)
    save("classifier", tensors)


def save(name, tensors):
    assert all(v.isfinite().all() for v in tensors.values())
    AREA.save(name, tensors)


if __name__ == "__main__":
    gan()
    spectral()
    classifier()
    AREA.finish()
