"""The case `classics` in PyTorch: a training step of each classic in PyTorch eager.

The same networks, losses, batch shapes and optimiser as Benchmarks/Sources/…/Classics.swift. One JSON
line a model.
"""

import json
import os
import statistics
import time

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import spectral_norm

torch.set_num_threads(int(os.environ.get("THREADS", os.cpu_count())))


def down(channels, widths):
    return nn.Sequential(*[
        layer for i, o in zip([channels] + widths, widths)
        for layer in (nn.Conv2d(i, o, 4, 2, 1), nn.ReLU())])


def up(channels, widths):
    outs = widths[:-1][::-1] + [channels]
    layers = [layer for i, o in zip(widths[::-1], outs)
              for layer in (nn.ConvTranspose2d(i, o, 4, 2, 1), nn.ReLU())]
    return nn.Sequential(*layers[:-1])


class Autoencoder(nn.Module):
    def __init__(self, latent, heads=1):
        super().__init__()
        self.encoder, self.decoder = down(1, [32, 64]), up(1, [32, 64])
        self.heads = nn.ModuleList(nn.Linear(64 * 49, latent) for _ in range(heads))
        self.from_latent = nn.Linear(latent, 64 * 49)

    def encode(self, x):
        h = self.encoder(x).flatten(1)
        return [head(h) for head in self.heads]

    def decode(self, z):
        return self.decoder(F.relu(self.from_latent(z)).view(-1, 64, 7, 7))


def ae_loss(model, x):
    return F.mse_loss(model.decode(model.encode(x)[0]), x)


def dae_loss(model, x):
    return F.mse_loss(model.decode(model.encode(x + 0.5 * torch.randn_like(x))[0]), x)


def vae_loss(model, x):
    mean, log_variance = model.encode(x)
    z = mean + (log_variance / 2).exp() * torch.randn_like(mean)
    target = torch.bernoulli(x * 0.5 + 0.5)
    nats = F.binary_cross_entropy_with_logits(model.decode(z), target, reduction="sum") / len(x)
    return nats + 0.5 * (mean**2 + log_variance.exp() - log_variance - 1).sum(1).mean()


class Residual(nn.Module):
    def __init__(self, width, inner):
        super().__init__()
        self.a, self.b = nn.Conv2d(width, inner, 3, 1, 1), nn.Conv2d(inner, width, 1)

    def forward(self, x):
        return x + self.b(F.relu(self.a(F.relu(x))))


class VQVAE(nn.Module):
    def __init__(self, k=2048, d=64):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 48, 4, 2, 1), nn.ReLU(), nn.Conv2d(48, 96, 4, 2, 1), nn.ReLU(),
            nn.Conv2d(96, 96, 3, 1, 1), Residual(96, 32), Residual(96, 32), nn.ReLU(),
            nn.Conv2d(96, d, 1))
        self.decoder = nn.Sequential(
            nn.Conv2d(d, 96, 3, 1, 1), Residual(96, 32), Residual(96, 32), nn.ReLU(),
            nn.ConvTranspose2d(96, 48, 4, 2, 1), nn.ReLU(), nn.ConvTranspose2d(48, 1, 4, 2, 1))
        self.register_buffer("codebook", torch.randn(k, d))
        self.register_buffer("size", torch.zeros(k))
        self.register_buffer("sum", torch.zeros(k, d))

    def loss(self, x):
        z = self.encoder(x)
        flat = z.detach().permute(0, 2, 3, 1).reshape(-1, z.shape[1])
        codes = ((self.codebook**2).sum(1) - 2 * flat @ self.codebook.t()).argmin(1)
        e = self.codebook[codes].view(z.shape[0], *z.shape[2:], -1).permute(0, 3, 1, 2)
        y = self.decoder(z + (e - z).detach())
        k = len(self.codebook)
        self.size.lerp_(torch.bincount(codes, minlength=k).float(), 0.01)
        self.sum.lerp_(torch.zeros_like(self.sum).index_add_(0, codes, flat), 0.01)
        n = self.size.sum()
        self.codebook.copy_(self.sum / ((self.size + 1e-5) / (n + k * 1e-5) * n)[:, None])
        return F.mse_loss(y, x) + 0.25 * F.mse_loss(z, e)


class Transformer(nn.Module):
    def __init__(self, k=2048, n=64, width=128, depth=4, heads=4, classes=10):
        super().__init__()
        self.code, self.condition = nn.Embedding(k, width), nn.Embedding(classes + 1, width)
        self.position = nn.Parameter(torch.randn(n, width) * 0.02)
        self.blocks = nn.ModuleList(nn.ModuleDict(dict(
            n1=nn.LayerNorm(width), qkv=nn.Linear(width, 3 * width), out=nn.Linear(width, width),
            n2=nn.LayerNorm(width), a=nn.Linear(width, 4 * width), b=nn.Linear(4 * width, width)))
            for _ in range(depth))
        self.norm, self.head, self.heads = nn.LayerNorm(width), nn.Linear(width, k), heads

    def loss(self, codes, label):
        start = self.condition(label)[:, None]
        x = torch.cat([start, self.code(codes[:, :-1])], 1) + self.position
        b, n, w = x.shape
        for block in self.blocks:
            q, k, v = (t.view(b, n, self.heads, -1).transpose(1, 2)
                       for t in block["qkv"](block["n1"](x)).chunk(3, -1))
            a = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + block["out"](a.transpose(1, 2).reshape(b, n, w))
            x = x + block["b"](F.gelu(block["a"](block["n2"](x))))
        return F.cross_entropy(self.head(self.norm(x)).flatten(0, 1), codes.flatten())


class RNN(nn.Module):
    def __init__(self, k=2048, width=256, depth=2, classes=10):
        super().__init__()
        self.code, self.condition = nn.Embedding(k, width), nn.Embedding(classes + 1, width)
        self.lstm, self.head = nn.LSTM(width, width, depth, batch_first=True), nn.Linear(width, k)

    def loss(self, codes, label):
        condition = self.condition(label)[:, None]
        x = torch.cat([torch.zeros_like(condition), self.code(codes[:, :-1])], 1) + condition
        return F.cross_entropy(self.head(self.lstm(x)[0]).flatten(0, 1), codes.flatten())


class GatedLayer(nn.Module):
    def __init__(self, width, kernel, first):
        super().__init__()
        self.reach, self.first = kernel // 2, first
        self.vertical = nn.Conv2d(width, 2 * width, (self.reach + 1, kernel))
        self.horizontal = nn.Conv2d(width, 2 * width, (1, self.reach + (not first)))
        self.across, self.out = nn.Conv2d(2 * width, 2 * width, 1), nn.Conv2d(width, width, 1)
        self.condition = nn.Linear(width, 4 * width, bias=False)

    def forward(self, v, h, c):
        def gate(x):
            a, b = x.chunk(2, 1)
            return a.tanh() * b.sigmoid()
        up, side = self.condition(c)[:, :, None, None].chunk(2, 1)
        r = self.reach
        above = self.vertical(F.pad(v, (r, r, r, 0)))
        left = self.horizontal(F.pad(h, (r, 0, 0, 0)))[..., :h.shape[3]]
        new = self.out(gate(left + self.across(F.pad(above, (0, 0, 1, 0))[:, :, :-1]) + side))
        return gate(above + up), new if self.first else h + new


class PixelCNN(nn.Module):
    def __init__(self, k=2048, width=64, layers=8, kernel=5, out=128, classes=10):
        super().__init__()
        self.code, self.condition = nn.Embedding(k, width), nn.Embedding(classes + 1, width)
        self.layers = nn.ModuleList(GatedLayer(width, kernel, i == 0) for i in range(layers))
        self.a, self.b = nn.Conv2d(width, out, 1), nn.Conv2d(out, k, 1)

    def loss(self, codes, label):
        c, x = self.condition(label), self.code(codes.view(-1, 8, 8)).permute(0, 3, 1, 2)
        v, h = x, x
        for layer in self.layers:
            v, h = layer(v, h, c)
        y = self.b(F.relu(self.a(F.relu(h)))).permute(0, 2, 3, 1)
        return F.cross_entropy(y.reshape(-1, y.shape[-1]), codes.flatten())


def generator(latent=64, widths=(32, 64, 128)):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Linear(latent, widths[-1] * 16)
            layers = [nn.BatchNorm2d(widths[-1]), nn.ReLU()]
            for i, o in zip(widths[:0:-1], widths[-2::-1]):
                layers += [nn.ConvTranspose2d(i, o, 4, 2, 1), nn.BatchNorm2d(o), nn.ReLU()]
            self.rest = nn.Sequential(*layers, nn.ConvTranspose2d(widths[0], 1, 4, 2, 1), nn.Tanh())

        def forward(self, z):
            return self.rest(self.first(z).view(-1, widths[-1], 4, 4))
    return Net()


def discriminator(widths=(32, 64, 128)):
    layers = []
    for i, o in zip((1,) + widths, widths):
        layers += [spectral_norm(nn.Conv2d(i, o, 4, 2, 1)), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.Flatten(), spectral_norm(nn.Linear(widths[-1] * 16, 1)))


def optimizer(module):
    return torch.optim.AdamW(module.parameters(), lr=1e-4, weight_decay=0, fused=True)


def measure(name, step):
    times = []
    for run in range(28):
        begun = time.perf_counter()
        step()
        if run >= 3:
            times.append(time.perf_counter() - begun)
    print(json.dumps(dict(case=name, side="peer", runs=len(times), min_seconds=min(times),
                          median_seconds=statistics.median(times))), flush=True)


def stepping(model, loss):
    steps = optimizer(model)

    def step():
        loss().backward()
        steps.step()
        steps.zero_grad(set_to_none=True)
    return step


def gan_step(x):
    g, d = generator(), discriminator()
    of_g, of_d = optimizer(g), optimizer(d)

    def step():
        z = torch.randn(len(x), 64)
        with torch.no_grad():
            fake = g(z)
        (F.softplus(-d(x)).mean() + F.softplus(d(fake)).mean()).backward()
        of_d.step()
        of_d.zero_grad(set_to_none=True)
        d.requires_grad_(False)
        F.softplus(-d(g(torch.randn(len(x), 64)))).mean().backward()
        d.requires_grad_(True)
        of_g.step()
        of_g.zero_grad(set_to_none=True)
    return step


small, large = torch.rand(128, 1, 28, 28) * 2 - 1, torch.rand(128, 1, 32, 32) * 2 - 1
codes, label = torch.randint(0, 2048, (64, 64)), torch.randint(0, 10, (64,))
ae, dae, vae, vqvae = Autoencoder(32), Autoencoder(128), Autoencoder(32, heads=2), VQVAE()
transformer, rnn, pixelcnn = Transformer(), RNN(), PixelCNN()
measure("ae", stepping(ae, lambda: ae_loss(ae, small)))
measure("dae", stepping(dae, lambda: dae_loss(dae, small)))
measure("vae", stepping(vae, lambda: vae_loss(vae, small)))
measure("vqvae", stepping(vqvae, lambda: vqvae.loss(large)))
measure("transformer", stepping(transformer, lambda: transformer.loss(codes, label)))
measure("rnn", stepping(rnn, lambda: rnn.loss(codes, label)))
measure("pixelcnn", stepping(pixelcnn, lambda: pixelcnn.loss(codes, label)))
measure("gan", gan_step(large[:64]))
