"""Goldens of the priors over codes: small PyTorch models with the same state-dict keys.

The PixelCNN here is the paper's: square kernels of which a mask takes the half that may not be seen,
where ours has kernels that are only the other half. Writes
Tests/Golden/classics/priors-*.safetensors.
"""
import torch
from torch import nn
from torch.nn import functional as F

from common import Area, gradients, weights

AREA = Area("classics", __file__, ["torch"], [3, 4])
K, H, W, WIDTH, CLASSES, CAPTION, BATCH = 5, 3, 4, 8, 3, 6, 2


class Condition(nn.Module):
    def __init__(self):
        super().__init__()
        self.classes = nn.Embedding(CLASSES + 1, WIDTH)

    def forward(self, told):
        return self.classes(told)


class CaptionCondition(nn.Module):
    """A row of zeros is a caption that is withheld."""

    def __init__(self):
        super().__init__()
        self.projection = nn.Linear(CAPTION, WIDTH)
        self.missing = nn.Parameter(torch.randn(WIDTH))

    def forward(self, told):
        return torch.stack([self.projection(row) if row.any() else self.missing for row in told])


def shifted(codes):
    row = codes.flatten(1)
    return torch.cat([torch.full((len(row), 1), K), row[:, :-1]], 1)


class RNN(nn.Module):
    def __init__(self, condition=Condition):
        super().__init__()
        self.embedding, self.condition = nn.Embedding(K + 1, WIDTH), condition()
        self.position = nn.Parameter(torch.randn(H * W, WIDTH))
        self.lstm = nn.LSTM(WIDTH, WIDTH, 2, batch_first=True)
        self.to_logits = nn.Linear(WIDTH, K)

    def forward(self, codes, told):
        x = self.embedding(shifted(codes)) + self.position + self.condition(told)[:, None]
        return self.to_logits(self.lstm(x)[0]).view(-1, H, W, K)


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.to_qkv, self.to_out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.expand, self.contract = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, x):
        n, heads = x.shape[1], 2
        q, k, v = (t.unflatten(2, (heads, -1)).transpose(1, 2)
                   for t in self.to_qkv(self.norm1(x)).chunk(3, 2))
        scores = q @ k.transpose(2, 3) / (WIDTH / heads) ** 0.5
        scores = scores.masked_fill(torch.ones(n, n).triu(1).bool(), float("-inf"))
        x = x + self.to_out((scores.softmax(3) @ v).transpose(1, 2).flatten(2))
        return x + self.contract(F.gelu(self.expand(self.norm2(x))))


class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding, self.condition = nn.Embedding(K + 1, WIDTH), Condition()
        self.position = nn.Parameter(torch.randn(H * W, WIDTH))
        self.blocks = nn.ModuleList(Block() for _ in range(2))
        self.norm, self.to_logits = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, K)

    def forward(self, codes, told):
        x = self.embedding(shifted(codes)) + self.position + self.condition(told)[:, None]
        for block in self.blocks:
            x = block(x)
        return self.to_logits(self.norm(x)).view(-1, H, W, K)


class GatedLayer(nn.Module):
    def __init__(self, kernel, first):
        super().__init__()
        self.first, self.reach = first, kernel // 2
        r = self.reach
        self.vertical = nn.Parameter(0.2 * torch.randn(2 * WIDTH, WIDTH, r + 1, kernel))
        self.vertical_bias = nn.Parameter(torch.randn(2 * WIDTH))
        self.horizontal = nn.Parameter(0.3 * torch.randn(2 * WIDTH, WIDTH, 1, r + (not first)))
        self.horizontal_bias = nn.Parameter(torch.randn(2 * WIDTH))
        self.vertical_to_horizontal = nn.Conv2d(2 * WIDTH, 2 * WIDTH, 1)
        self.to_residual = nn.Conv2d(WIDTH, WIDTH, 1)
        self.condition = nn.Linear(WIDTH, 4 * WIDTH, bias=False)

    def forward(self, v, h, c):
        def gate(x):
            a, b = x.chunk(2, 1)
            return torch.tanh(a) * torch.sigmoid(b)
        r = self.reach
        for_v, for_h = self.condition(c)[:, :, None, None].chunk(2, 1)
        square = F.pad(self.vertical, (0, 0, 0, r))  # the rows below are masked
        row = F.pad(self.horizontal, (0, 2 * r + 1 - self.horizontal.shape[3]))
        above = F.conv2d(v, square, self.vertical_bias, padding=r)
        left = F.conv2d(h, row, self.horizontal_bias, padding=(0, r))
        down = torch.zeros_like(above)
        down[:, :, 1:] = above[:, :, :-1]
        new = self.to_residual(gate(left + self.vertical_to_horizontal(down) + for_h))
        return gate(above + for_v), new if self.first else h + new


class PixelCNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding, self.condition = nn.Embedding(K, WIDTH), Condition()
        self.layers = nn.ModuleList(GatedLayer(3, i == 0) for i in range(3))
        self.output1, self.output2 = nn.Conv2d(WIDTH, 6, 1), nn.Conv2d(6, K, 1)

    def forward(self, codes, told):
        x, c = self.embedding(codes).permute(0, 3, 1, 2), self.condition(told)
        v, h = x, x
        for layer in self.layers:
            v, h = layer(v, h, c)
        return self.output2(F.relu(self.output1(F.relu(h)))).permute(0, 2, 3, 1)


classes = torch.tensor([2, CLASSES])
captions = torch.randn(BATCH, CAPTION, generator=torch.Generator().manual_seed(4))
captions[1] = 0
for name, make, told in [
    ("rnn", RNN, classes),
    ("rnn-caption", lambda: RNN(CaptionCondition), captions),
    ("transformer", Transformer, classes),
    ("pixelcnn", PixelCNN, classes),
]:
    torch.manual_seed(3)
    model = make()
    codes = torch.randint(0, K, (BATCH, H, W))
    logits = model(codes, told)
    loss = F.cross_entropy(logits.flatten(0, 2), codes.flatten())
    loss.backward()
    AREA.save(f"priors-{name}", weights(model) | gradients(model) | {
        "codes": codes, "told": told, "logits": logits, "loss": loss})
AREA.finish()
