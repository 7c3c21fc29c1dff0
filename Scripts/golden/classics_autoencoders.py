"""Goldens of the autoencoders: small PyTorch models with the same state-dict keys.

Writes Tests/Golden/classics/{autoencoder,vae-*}.safetensors.
Random numbers are those of torch.Generator with seed 7, drawn in the order in which ours are.
"""
import torch
from torch import nn
from torch.distributions import Normal, kl_divergence
from torch.nn import functional as F

from common import Area, gradients, weights

AREA = Area("classics", __file__, ["torch"], [7, 11])
SIZE, CHANNELS, WIDTHS, LATENT, BATCH, SIDE = 8, 3, [4, 6], 5, 3, 2
FLAT = WIDTHS[-1] * SIDE**2


class Stack(nn.Module):
    def __init__(self, kind, pairs):
        super().__init__()
        self.stages = nn.ModuleList(kind(i, o, 4, 2, 1) for i, o in pairs)


class Encoder(Stack):
    def __init__(self):
        super().__init__(nn.Conv2d, [(CHANNELS, 4), (4, 6)])

    def forward(self, x):
        for stage in self.stages:
            x = F.relu(stage(x))
        return x.flatten(1)


class Decoder(Stack):
    def __init__(self):
        super().__init__(nn.ConvTranspose2d, [(6, 4), (4, CHANNELS)])

    def forward(self, h):
        h = F.relu(h).view(-1, 6, SIDE, SIDE)
        return self.stages[1](F.relu(self.stages[0](h)))


class Autoencoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.to_latent = Encoder(), nn.Linear(FLAT, LATENT)
        self.from_latent, self.decoder = nn.Linear(LATENT, FLAT), Decoder()


class VAE(nn.Module):
    def __init__(self, logistic):
        super().__init__()
        self.encoder = Encoder()
        self.to_mean, self.to_log_variance = nn.Linear(FLAT, LATENT), nn.Linear(FLAT, LATENT)
        self.from_latent, self.decoder = nn.Linear(LATENT, FLAT), Decoder()
        if logistic:
            self.log_scale = nn.Parameter(torch.full((CHANNELS,), -2.0) + 0.1 * torch.randn(CHANNELS))

    def output(self, z):
        return self.decoder(self.from_latent(z))


def log_probability(name, model, x, output):
    if name == "discretized_logistic":
        # The mass of the level's bin; the outermost bins reach to infinity.
        logistic = torch.distributions.TransformedDistribution(
            torch.distributions.Uniform(torch.zeros_like(output), torch.ones_like(output)),
            [torch.distributions.transforms.SigmoidTransform().inv,
             torch.distributions.transforms.AffineTransform(
                 output, model.log_scale.exp().view(1, -1, 1, 1))])
        below = torch.where(x - 1 / 255 < -1, torch.zeros_like(x), logistic.cdf(x - 1 / 255))
        above = torch.where(x + 1 / 255 > 1, torch.ones_like(x), logistic.cdf(x + 1 / 255))
        return (above - below).clamp(min=1e-12).log()
    return -F.binary_cross_entropy_with_logits(output, x * 0.5 + 0.5, reduction="none")


def save(name, tensors):
    AREA.save(name, {key: value.float() for key, value in tensors.items()})


torch.manual_seed(11)
levels = torch.randint(0, 256, (BATCH, CHANNELS, SIZE, SIZE))
levels[0, 0, 0, :2] = torch.tensor([0, 255])
x = (levels.float() / 127.5 - 1).double()

# Weights, images and noise are float32; what is computed of them is float64.
model = Autoencoder().double()
z = model.to_latent(model.encoder(x))
made = model.decoder(model.from_latent(z))
loss = F.mse_loss(made, x)
loss.backward()
save("autoencoder", weights(model) | gradients(model) | {"x": x, "z": z, "made": made, "loss": loss})

for name in ["bernoulli", "bernoulli_binarized", "discretized_logistic"]:
    model = VAE(name == "discretized_logistic").double()
    random = torch.Generator().manual_seed(7)
    h = model.encoder(x)
    mean, log_variance = model.to_mean(h), model.to_log_variance(h)
    noise = torch.randn(mean.shape, generator=random).double()
    target = x
    if name == "bernoulli_binarized":
        target = (torch.rand(x.shape, generator=random) < x * 0.5 + 0.5).double() * 2 - 1
    posterior, prior = Normal(mean, (log_variance / 2).exp()), Normal(0.0, 1.0)
    divergence = kl_divergence(posterior, prior)
    z = mean + posterior.scale * noise
    nats = -log_probability(name, model, target, model.output(z)).flatten(1).sum(1)
    # β 0.5 and 0.3 free nats a number.
    loss = nats.mean() + 0.5 * divergence.mean(0).clamp(min=0.3).sum()
    loss.backward()
    found = weights(model) | gradients(model) | {
        "x": x, "mean": mean, "log_variance": log_variance, "divergence": divergence,
        "reconstruction": nats, "loss": loss}

    random = torch.Generator().manual_seed(7)
    terms = []
    if name == "bernoulli_binarized":
        target = (torch.rand(x.shape, generator=random) < x * 0.5 + 0.5).double() * 2 - 1
    for _ in range(4):
        z = mean + posterior.scale * torch.randn(mean.shape, generator=random).double()
        terms.append(
            log_probability(name, model, target, model.output(z)).flatten(1).sum(1)
            + prior.log_prob(z).sum(1) - posterior.log_prob(z).sum(1))
    found["iwae"] = torch.stack(terms).exp().mean(0).log()
    save("vae-" + name, found)
AREA.finish()
