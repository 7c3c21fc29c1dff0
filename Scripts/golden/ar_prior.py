"""Goldens of the autoregressive prior: a small PyTorch model with the same state-dict keys.

Its components come from torch's svd in float64, its edges from torch.quantile, its tokens from
torch.bucketize. Writes Tests/Golden/ar_prior.
"""
import torch
from torch import nn
from torch.nn import functional as F

from common import Area, gradients, randomise, weights

SEED = 5
AREA = Area("ar_prior", __file__, ["torch"], [SEED])
D, L, K, BUCKETS, HEADS, LAYERS, N, BATCH = 6, 5, 4, 7, 2, 2, 64, 3
WIDTH = 8


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.to_qkv, self.to_out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.expand, self.contract = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, x, seen):
        q, k, v = (t.unflatten(2, (HEADS, -1)).transpose(1, 2)
                   for t in self.to_qkv(self.norm1(x)).chunk(3, 2))
        scores = q @ k.transpose(2, 3) / (WIDTH / HEADS) ** 0.5
        scores = scores.masked_fill(~seen[:, None], float("-inf"))
        x = x + self.to_out((scores.softmax(3) @ v).transpose(1, 2).flatten(2))
        return x + self.contract(F.gelu(self.expand(self.norm2(x))))


class Quantizer(nn.Module):
    def __init__(self, images, texts):
        super().__init__()
        x = images.double()
        _, _, vh = torch.linalg.svd(x - x.mean(0), full_matrices=False)
        vh = vh[:K]
        vh = vh * vh.gather(1, vh.abs().argmax(1, keepdim=True)).sign()
        self.register_buffer("mean", x.mean(0).float())
        self.register_buffer("components", vh.float().contiguous())
        q = torch.arange(1, BUCKETS) / BUCKETS
        along = self.along(images)
        self.register_buffer("edges", torch.quantile(along, q, dim=0).T.contiguous())
        self.register_buffer("dot_edges", torch.quantile((images * texts).sum(1), q))
        tokens = self.tokens(images)
        self.register_buffer("values", torch.stack([
            torch.stack([along[tokens[:, k] == b, k].mean() for b in range(BUCKETS)])
            for k in range(K)]))

    def along(self, images):
        return (images - self.mean) @ self.components.T

    def tokens(self, images):
        along = self.along(images)
        return torch.stack([torch.bucketize(along[:, k].contiguous(), self.edges[k], right=True)
                            for k in range(K)], 1)

    def dots(self, images, texts):
        return torch.bucketize((images * texts).sum(1), self.dot_edges, right=True)

    def embeddings(self, tokens):
        along = torch.stack([self.values[k][tokens[:, k]] for k in range(K)], 1)
        return along @ self.components + self.mean


class Prior(nn.Module):
    def __init__(self, quantizer):
        super().__init__()
        self.encoder_hidden_states_proj = nn.Linear(D, WIDTH)
        self.embedding_proj = nn.Linear(D, WIDTH)
        self.token_embedding = nn.Embedding(BUCKETS, WIDTH)
        self.positional_embedding = nn.Parameter(torch.randn(1, L + 1 + K, WIDTH))
        self.blocks = nn.ModuleList(Block() for _ in range(LAYERS))
        self.norm, self.to_logits = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, BUCKETS)
        self.quantizer = quantizer

    def forward(self, tokens, embedding, encodings, mask):
        x = torch.cat([self.encoder_hidden_states_proj(encodings),
                       self.embedding_proj(embedding)[:, None],
                       self.token_embedding(tokens)], 1)
        x = x + self.positional_embedding[:, :x.shape[1]]
        n = x.shape[1]
        keys = torch.cat([mask, torch.ones(len(mask), n - L, dtype=torch.bool)], 1)
        seen = torch.ones(n, n).tril().bool()[None] & keys[:, None]
        for block in self.blocks:
            x = block(x, seen)
        return self.to_logits(self.norm(x[:, L:]))


def top(fraction, p):
    """What of a distribution lies in its top fraction, bucket by bucket."""
    kept, left = torch.zeros_like(p), fraction
    for b in reversed(range(len(p))):
        kept[b] = min(float(p[b]), left)
        left -= kept[b]
    return kept


def main():
    g = torch.Generator().manual_seed(SEED)
    spread = torch.tensor([3.0, 2, 1.5, 1, 0.5, 0.2])
    images = torch.randn(N, D, generator=g) * spread + torch.randn(D, generator=g)
    texts = torch.randn(N, D, generator=g)
    model = randomise(Prior(Quantizer(images, texts)), SEED, scale=0.3)
    encodings = torch.randn(BATCH, L, D, generator=g)
    mask = torch.tensor([[1, 1, 1, 0, 0], [1] * 5, [1, 1, 0, 0, 0]]).bool()
    # Some far outside of what the edges come from.
    z = torch.randn(BATCH, D, generator=g) * spread * 2
    text = torch.randn(BATCH, D, generator=g)
    tokens = torch.cat([model.quantizer.dots(z, text)[:, None], model.quantizer.tokens(z)], 1)
    logits = model(tokens[:, :-1], text, encodings, mask)
    loss = F.cross_entropy(logits.reshape(-1, BUCKETS), tokens.reshape(-1))
    loss.backward()
    p = torch.rand(4, BUCKETS, generator=g).softmax(1)
    p[3] = torch.eye(BUCKETS)[2]
    AREA.save("ar_prior", weights(model) | gradients(model) | {
        "images": images, "texts": texts, "encodings": encodings, "mask": mask, "z": z,
        "text": text, "tokens": tokens, "logits": logits, "loss": loss,
        "embeddings": model.quantizer.embeddings(tokens[:, 1:]), "p": p,
        "top_half": torch.stack([top(0.5, x) for x in p])})
    AREA.json("ar_prior", {
        "_class_name": "UnCLIPAutoregressivePrior",
        "clip_fingerprint": {"image_encoder": "b", "text_encoder": "a"},
        "num_attention_heads": HEADS, "attention_head_dim": WIDTH // HEADS, "num_layers": LAYERS,
        "embedding_dim": D, "num_embeddings": L, "num_components": K, "num_buckets": BUCKETS,
        "dropout": 0}, indent=2, sort_keys=True)


if __name__ == "__main__":
    main()
    AREA.finish()
