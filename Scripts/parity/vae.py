"""Trains the VAE of Configs/fashion-vae.yaml in PyTorch, with the same budget, and prints its bound.

    unclip data fashion-mnist --out data/fashion
    unclip data fashion-mnist --test --out data/fashion-test
    python Scripts/parity/vae.py data/fashion data/fashion-test [SEED ...]

Needs torch, numpy, pillow and pyyaml. For each seed it prints the mean evidence lower bound of the
test pictures in nats, by one draw of z and one binarisation a picture, with averaged weights.
`unclip train vae` with the same `seed` values in its configuration is the other side; the
random numbers differ, so compare the spread of the seeds.
"""

import copy
import glob
import io
import math
import statistics
import sys
import tarfile
import time

import numpy as np
import torch
import yaml
from PIL import Image
from torch import nn
from torch.nn import functional as F


def pictures(folder):
    rows = []
    for shard in sorted(glob.glob(folder + "/*.tar")):
        with tarfile.open(shard) as tar:
            for entry in tar:
                if entry.name.endswith(".png"):
                    picture = Image.open(io.BytesIO(tar.extractfile(entry).read()))
                    rows.append(np.asarray(picture.convert("L")))
    return torch.from_numpy(np.stack(rows)[:, None])


class VAE(nn.Module):
    def __init__(self, size, channels, widths, latent):
        super().__init__()
        ins = [channels] + widths[:-1]
        self.encoder = nn.ModuleList(nn.Conv2d(i, o, 4, 2, 1) for i, o in zip(ins, widths))
        self.side = size >> len(widths)
        flat = widths[-1] * self.side**2
        self.mean, self.log_variance = nn.Linear(flat, latent), nn.Linear(flat, latent)
        self.from_latent = nn.Linear(latent, flat)
        outs = widths[:-1][::-1] + [channels]
        self.decoder = nn.ModuleList(
            nn.ConvTranspose2d(i, o, 4, 2, 1) for i, o in zip(widths[::-1], outs))

    def elbo(self, x):
        h = x * 2 - 1
        for layer in self.encoder:
            h = F.relu(layer(h))
        h = h.flatten(1)
        mean, log_variance = self.mean(h), self.log_variance(h)
        z = mean + (log_variance / 2).exp() * torch.randn_like(mean)
        h = F.relu(self.from_latent(z)).view(len(x), -1, self.side, self.side)
        for layer in self.decoder[:-1]:
            h = F.relu(layer(h))
        logits = self.decoder[-1](h)
        target = torch.bernoulli(x)
        nats = F.binary_cross_entropy_with_logits(logits, target, reduction="none").flatten(1).sum(1)
        kl = 0.5 * (mean**2 + log_variance.exp() - log_variance - 1).sum(1)
        return -(nats + kl)


def train(seed, config, data, test):
    torch.manual_seed(seed)
    model, options = config["model"], config["training"]
    vae = VAE(model["image_size"], model["channels"], model["widths"], model["latent_dim"])
    average = copy.deepcopy(vae).requires_grad_(False)
    optimizer = torch.optim.AdamW(
        vae.parameters(), lr=options["learning_rate"], betas=options["betas"],
        eps=float(options["epsilon"]), weight_decay=options["weight_decay"], fused=True)
    steps, batch, warm = options["steps"], options["batch_size"], options["warm_up_steps"]
    top, last = float(options["learning_rate"]), float(options["final_learning_rate"])
    order = torch.randperm(len(data))
    begun = time.time()
    for step in range(steps):
        place = step * batch % (len(data) - batch + 1)
        if place < batch:
            order = torch.randperm(len(data))
        rate = top * (step + 1) / warm if step < warm else last + (top - last) * 0.5 * (
            1 + math.cos(math.pi * (step - warm) / (steps - warm)))
        for group in optimizer.param_groups:
            group["lr"] = rate
        x = data[order[place:place + batch]].float() / 255
        loss = -vae.elbo(x).mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(vae.parameters(), options["max_gradient_norm"])
        optimizer.step()
        decay = min(options["ema_decay"], 1 - (1 + step) ** -options["ema_warm_up_power"]) if step else 0
        torch._foreach_lerp_(list(average.parameters()), list(vae.parameters()), 1 - decay)
    seconds = time.time() - begun
    with torch.no_grad():
        total = sum(average.elbo(part.float() / 255).sum().item() for part in test.split(500))
    return total / len(test), seconds


if __name__ == "__main__":
    with open("Configs/fashion-vae.yaml") as file:
        config = yaml.safe_load(file)
    data, test = pictures(sys.argv[1]), pictures(sys.argv[2])
    bounds = []
    for seed in [int(s) for s in sys.argv[3:]] or [0, 1, 2]:
        bound, seconds = train(seed, config, data, test)
        bounds.append(bound)
        print(f"seed {seed}: {bound:.2f} nats a picture, {seconds:.0f} s", flush=True)
    print(f"mean {statistics.mean(bounds):.2f}, from {min(bounds):.2f} to {max(bounds):.2f}")
