"""Golden file of the VQ-VAE: a small reference in plain PyTorch with the same state-dict keys.

Writes Tests/Golden/classics/vqvae.safetensors: weights.*, x, what one call gives, its gradients,
the quantiser's buffers after two training calls (after.*), and the loss and gradients of the same
weights when the loss trains the codebook (trained.*).
Source: van den Oord et al. 2017; the running means as in sonnet's VectorQuantizerEMA.
"""

import torch
import torch.nn.functional as F
from torch import nn

from common import Area, gradients, grouped, weights

SEED = 0
SIZE, CHANNELS, WIDTHS, BLOCKS, INNER, K, D, BATCH = 8, 3, [6, 8], 2, 4, 7, 5, 3
BETA, GAMMA, EPSILON = 0.25, 0.9, 1e-5


class Quantizer(nn.Module):
    def __init__(self, update):
        super().__init__()
        self.update = update
        codebook = torch.zeros(K, D)
        if update == "ema":
            self.register_buffer("codebook", codebook)
            self.register_buffer("cluster_size", torch.ones(K))
            self.register_buffer("cluster_sum", codebook.clone())
        else:
            self.codebook = nn.Parameter(codebook)
        self.register_buffer("idle", torch.zeros(K, dtype=torch.int64))
        self.register_buffer("initialized", torch.ones((), dtype=torch.int64))

    def forward(self, z):
        vectors = z.detach().permute(0, 2, 3, 1).reshape(-1, D)
        # One by one, unlike the product in Swift.
        distances = (vectors[:, None] - self.codebook.detach()[None]).square().sum(-1)
        nearest = distances.topk(2, largest=False).values
        self.margin = (nearest[:, 1] - nearest[:, 0]).min().item()
        codes = distances.argmin(1)
        e = self.codebook[codes].reshape(z.shape[0], *z.shape[2:], D).permute(0, 3, 1, 2)
        loss = BETA * (z - e.detach()).square().mean()
        if self.update == "loss":
            loss = loss + (e - z.detach()).square().mean()
        onehot = F.one_hot(codes, K).float()
        shares = onehot.mean(0)
        perplexity = torch.exp(-torch.special.xlogy(shares, shares).sum())
        if self.training:
            self.learn(vectors, onehot)
        codes = codes.reshape(z.shape[0], *z.shape[2:])
        return z + (e - z).detach(), codes, loss, perplexity

    @torch.no_grad()
    def learn(self, vectors, onehot):
        used = onehot.sum(0) > 0
        self.idle.copy_(torch.where(used, torch.zeros_like(self.idle), self.idle + 1))
        if self.update == "ema":
            self.cluster_size.mul_(GAMMA).add_((1 - GAMMA) * onehot.sum(0))
            self.cluster_sum.mul_(GAMMA).add_((1 - GAMMA) * onehot.T @ vectors)
            n = self.cluster_size.sum()
            size = (self.cluster_size + EPSILON) / (n + K * EPSILON) * n
            self.codebook.copy_(self.cluster_sum / size[:, None])


class Stages(nn.Module):
    def __init__(self, stages):
        super().__init__()
        self.stages = nn.ModuleList(stages)


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(WIDTHS[-1], INNER, 3, padding=1)
        self.conv2 = nn.Conv2d(INNER, WIDTHS[-1], 1)

    def forward(self, x):
        return x + self.conv2(F.relu(self.conv1(F.relu(x))))


class VQVAE(nn.Module):
    def __init__(self, update):
        super().__init__()
        width, down = WIDTHS[-1], [CHANNELS, *WIDTHS]
        up = down[::-1]
        self.encoder = Stages(nn.Conv2d(i, o, 4, 2, 1) for i, o in zip(down, down[1:]))
        self.encoder_conv = nn.Conv2d(width, width, 3, padding=1)
        self.encoder_blocks = nn.ModuleList(Block() for _ in range(BLOCKS))
        self.to_codes = nn.Conv2d(width, D, 1)
        self.quantizer = Quantizer(update)
        self.from_codes = nn.Conv2d(D, width, 3, padding=1)
        self.decoder_blocks = nn.ModuleList(Block() for _ in range(BLOCKS))
        self.decoder = Stages(nn.ConvTranspose2d(i, o, 4, 2, 1) for i, o in zip(up, up[1:]))

    def vectors(self, x):
        for stage in self.encoder.stages:
            x = F.relu(stage(x))
        x = self.encoder_conv(x)
        for block in self.encoder_blocks:
            x = block(x)
        return self.to_codes(F.relu(x))

    def images(self, z):
        z = self.from_codes(z)
        for block in self.decoder_blocks:
            z = block(z)
        z = F.relu(z)
        for stage in self.decoder.stages[:-1]:
            z = F.relu(stage(z))
        return self.decoder.stages[-1](z)

    def loss(self, x):
        z, codes, loss, perplexity = self.quantizer(self.vectors(x))
        images = self.images(z)
        reconstruction = F.mse_loss(images, x)
        return {
            "images": images, "values": z, "codes": codes, "quantizer_loss": loss,
            "perplexity": perplexity, "reconstruction": reconstruction,
            "total": reconstruction + loss,
        }


def main():
    noise = torch.Generator().manual_seed(SEED)
    model = VQVAE("ema").train()
    x = (torch.randn(BATCH, CHANNELS, SIZE, SIZE, generator=noise) * 0.5).clamp(-1, 1)
    with torch.no_grad():
        for name, p in model.named_parameters():
            fan = p[0].numel() if p.dim() > 1 else 40
            p.copy_(torch.randn(p.shape, generator=noise) * (1.5 / fan) ** 0.5)
        # Codes near vectors that occur, so that several are in use.
        vectors = model.vectors(x).permute(0, 2, 3, 1).reshape(-1, D)
        some = vectors[torch.randperm(len(vectors), generator=noise)[:K]]
        q = model.quantizer
        spread = vectors.std(0) * 0.7
        q.codebook.copy_(some + torch.randn(K, D, generator=noise) * spread)
        q.cluster_size.copy_(torch.rand(K, generator=noise) * 3 + 0.5)
        q.cluster_sum.copy_(q.codebook * q.cluster_size[:, None])
    tensors = weights(model)
    trained = VQVAE("loss").train()
    trained.load_state_dict(
        {k: v for k, v in model.state_dict().items() if "cluster" not in k})

    x.requires_grad_()
    found = model.loss(x)
    found["total"].backward()
    assert q.margin > 1e-3, q.margin
    tensors |= {"x": x, "x_gradient": x.grad, **found} | gradients(model)
    x2 = x.detach().flip(3) * 0.8
    with torch.no_grad():
        model.loss(x2)
    assert q.margin > 1e-3, q.margin
    tensors |= {"x2": x2} | grouped("after", dict(q.named_buffers()))

    found = trained.loss(x.detach())
    found["total"].backward()
    tensors |= {"trained.total": found["total"]} | gradients(trained, "trained.gradients")
    print("codes", tensors["codes"].unique(return_counts=True), tensors["perplexity"].item(),
          "idle", q.idle.tolist(), "losses", found["total"].item(), q.margin)

    area = Area("classics", __file__, ["torch"], [SEED])
    area.save("vqvae", tensors)
    area.finish()


if __name__ == "__main__":
    main()
