"""Golden values of tensor operations, computed by PyTorch.

Writes Tests/Golden/torch. A key `in.NAME` is an operand,
`out.NAME` what the operation NAME makes of the operands.
"""

import torch
import torch.nn.functional as F

from common import Area

SEED = 20
AREA = Area("torch", __file__, ["torch"], [SEED])
save = AREA.save
torch.manual_seed(SEED)
torch.set_num_threads(1)


def family(name, inputs, outputs):
    tensors = {f"in.{k}": v for k, v in inputs.items()}
    tensors |= {f"out.{k}": v for k, v in outputs.items()}
    save(name, tensors)


def elements():
    x = torch.randn(4, 5, 3) * 2
    p = torch.rand(4, 5, 3) * 3 + 0.05
    u = torch.rand(4, 5, 3) * 1.9 - 0.95
    h = torch.tensor([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 166.5, 499.5])
    out = {}
    for name in ["sin", "cos", "tan", "atan", "sinh", "cosh", "tanh", "sigmoid", "abs", "sign",
                 "floor", "ceil", "erf", "exp", "expm1", "square", "trunc"]:
        out[name] = getattr(torch, name)(x)
    for name in ["sqrt", "rsqrt", "reciprocal", "log", "log1p", "log2", "lgamma"]:
        out[name] = getattr(torch, name)(p)
    for name in ["acos", "asin", "erfinv"]:
        out[name] = getattr(torch, name)(u)
    out["round"] = torch.round(h)
    out["logSigmoid"] = F.logsigmoid(x)
    out["pow"] = p.pow(2.3)
    out["powTensor"] = p.pow(u)
    out["powBase"] = torch.pow(1.7, x)
    out["remainder"] = x.remainder(0.7)
    out["remainderTensor"] = x.remainder(p)
    out["atan2"] = torch.atan2(x, u)
    out["clamped"] = x.clamp(-0.5, 0.75)
    out["clampedBelow"] = x.clamp(min=0.25)
    out["minimum"] = torch.minimum(x, u)
    out["maximum"] = torch.maximum(x, u)
    out["interpolated"] = torch.lerp(x, u, 0.3)
    out["addingProduct"] = torch.addcmul(x, u, p, value=-0.5)
    out["where"] = torch.where(x > 0, u, p)
    out["masked"] = x.masked_fill(u > 0, -3)
    out["add"] = x + p[:, :1]
    out["subtract"] = x - p[:1]
    out["multiply"] = x * p[..., :1]
    out["divide"] = x / p
    out["scalarDivide"] = 2.5 / p
    out["scalarSubtract"] = 2.5 - x
    out["relu"] = F.relu(x)
    out["gelu"] = F.gelu(x)
    out["geluTanh"] = F.gelu(x, approximate="tanh")
    out["quickGELU"] = x * torch.sigmoid(1.702 * x)
    out["silu"] = F.silu(x)
    out["mish"] = F.mish(x)
    out["softplus"] = F.softplus(x)
    out["leakyReLU"] = F.leaky_relu(x, 0.2)
    out["elu"] = F.elu(x)
    out["softmax"] = x.softmax(1)
    out["logSoftmax"] = x.log_softmax(-1)
    out["less"] = x < u
    out["greaterEqual"] = x >= 0.5
    out["both"] = torch.logical_and(x > 0, u > 0)
    family("elements", {"x": x, "p": p, "u": u, "h": h}, out)


def reductions():
    x = torch.randn(4, 5, 6)
    ids = torch.randint(0, 7, (40,))
    out = {
        "sum": x.sum(), "sumOver": x.sum((0, 2)), "sumKeep": x.sum(1, keepdim=True),
        "mean": x.mean(), "meanOver": x.mean((-1, -2)),
        "variance": x.var(), "varianceOver": x.var(1, unbiased=False),
        "deviation": x.std((0, 1), keepdim=True),
        "max": x.max(), "maxOver": x.amax((1, 2)), "minOver": x.amin(0),
        "norm": x.norm(), "normOver": x.norm(dim=-1), "norm1": x.norm(p=1, dim=1),
        "normalized": F.normalize(x, dim=1), "logSumExp": x.logsumexp((1, 2)),
        "product": x.prod(2), "argmax": x.argmax(1), "argmin": x.argmin(-1),
        "cumulativeSum": x.cumsum(1), "cumulativeProduct": x.cumprod(2),
        "topK": x.topk(3, dim=2)[0], "topKIndices": x.topk(3, dim=2)[1],
        "sorted": x.sort(dim=1, descending=True)[0],
        "sortedIndices": x.sort(dim=1, descending=True)[1],
        "quantile": x.quantile(0.35, dim=2), "maxIndices": x.max(0)[1],
        "any": (x > 1.5).any(2), "all": (x > -1).all(0),
        "occurrences": ids.bincount(minlength=9),
    }
    family("reductions", {"x": x, "ids": ids}, out)


def shapes():
    x = torch.randn(3, 4, 6)
    ids = torch.tensor([2, 0, 2, 1])
    g = torch.randint(0, 4, (3, 2, 6))
    s = torch.randn(3, 2, 6)
    r = torch.randn(4, 4, 6)
    out = {
        "reshaped": x.reshape(6, -1), "transposed": x.transpose(0, 2),
        "permuted": x.permute(2, 0, 1), "flattened": x.flatten(1),
        "expanded": x[:, :1].expand(3, 5, 6), "narrowed": x.narrow(1, 1, 2),
        "selected": x.select(2, -1), "strided": x[:, :, 1:6:2],
        "split": x.split([1, 3, 2], 2)[1], "chunked": x.chunk(2, 1)[1],
        "concatenated": torch.cat([x, x * 2], 1), "stacked": torch.stack([x, x * 2], -1),
        "flipped": x.flip(0, 2), "rolled": x.roll(2, 1), "repeated": x.repeat(2, 1, 3),
        "repeatInterleaved": x.repeat_interleave(2, 1),
        "padded": F.pad(x, [1, 2, 0, 3], value=1.5),
        "reflected": F.pad(x, [2, 1], mode="reflect"),
        "replicated": F.pad(x, [2, 1], mode="replicate"),
        "lower": x.tril(1), "upper": x.triu(), "diagonal": x.diagonal(0, 1, 2),
        "indexed": x.index_select(0, ids), "indexedOver": x.index_select(2, ids),
        "masked": x[x > 0.5], "nonzero": (x > 1).nonzero(), "gathered": x.gather(1, g),
        "scattered": x.scatter(1, torch.tensor([[1] * 6, [3] * 6]).expand(3, 2, 6), s),
        "scatterAdded": x.scatter_add(1, g, s), "indexAdded": x.index_add(0, ids, r),
        "oneHot": F.one_hot(ids, 4),
    }
    family("shapes", {"x": x, "ids": ids, "g": g, "s": s, "r": r}, out)


def layers():
    n = lambda *shape: torch.randn(*shape) * 0.5
    i = {
        "seq": n(2, 5, 8), "lw": n(6, 8), "lb": n(6), "pic": n(2, 6, 7, 8),
        "cw": n(4, 6, 3, 3), "cb": n(4), "cg": n(4, 3, 3, 3), "tw": n(6, 4, 4, 4),
        "gw": n(6), "gb": n(6), "nw": n(8), "nb": n(8), "rm": n(6), "rv": torch.rand(6) + 0.5,
        "table": n(9, 5), "ids": torch.randint(0, 9, (2, 4)),
        "q": n(2, 3, 4, 8), "k": n(2, 3, 6, 8), "v": n(2, 3, 6, 8), "add": n(2, 1, 4, 6),
        "a": n(3, 4, 5), "b": n(5, 7), "e": n(3, 5, 2), "sym": n(5, 5),
    }
    keep = torch.rand(2, 1, 4, 6) > 0.3
    keep[..., 0] = True
    i["keep"] = keep
    seq, pic, q, k, v = (i[x] for x in ["seq", "pic", "q", "k", "v"])
    symmetric = i["sym"] + i["sym"].T
    out = {
        "linear": F.linear(seq, i["lw"], i["lb"]), "linearNoBias": F.linear(seq, i["lw"]),
        "conv": F.conv2d(pic, i["cw"], i["cb"], padding=1),
        "convStride": F.conv2d(pic, i["cw"], i["cb"], stride=2, padding=1),
        "convPair": F.conv2d(pic, i["cw"], None, stride=(2, 1), padding=(0, 2), dilation=(1, 2)),
        "convGroups": F.conv2d(pic, i["cg"], i["cb"], groups=2),
        "convTransposed": F.conv_transpose2d(
            pic, i["tw"], i["cb"], stride=2, padding=1, output_padding=1),
        "groupNorm": F.group_norm(pic, 3, i["gw"], i["gb"], 1e-6),
        "groupNormPlain": F.group_norm(pic, 2),
        "layerNorm": F.layer_norm(seq, [8], i["nw"], i["nb"]),
        "layerNormPlain": F.layer_norm(seq, [5, 8]),
        "batchNorm": F.batch_norm(pic, i["rm"], i["rv"], i["gw"], i["gb"]),
        "embedding": F.embedding(i["ids"], i["table"]),
        "attention": F.scaled_dot_product_attention(q, k, v),
        "attentionKeep": F.scaled_dot_product_attention(q, k, v, attn_mask=keep),
        "attentionAdd": F.scaled_dot_product_attention(q, k, v, attn_mask=i["add"], scale=0.2),
        "attentionCausal": F.scaled_dot_product_attention(q, q, q, is_causal=True),
        "averagePool": F.avg_pool2d(pic, 2), "maxPool": F.max_pool2d(pic, 3, 2, 1),
        "adaptivePool": F.adaptive_avg_pool2d(pic, (3, 2)),
        "pixelShuffle": F.pixel_shuffle(n(1, 1, 1, 1).expand(2, 8, 3, 3) * 0 +
                                        torch.arange(144.).reshape(2, 8, 3, 3), 2),
        "unfold": F.unfold(pic, 3, stride=2, padding=1),
        "matmul": i["a"].matmul(i["b"]), "batched": i["a"].matmul(i["e"]),
        "einsum": torch.einsum("bij,bjk->ik", i["a"], i["e"]),
        "dot": i["gw"].dot(i["gb"]), "distances": torch.cdist(i["a"][0], i["a"][1]),
        "eigenvalues": torch.linalg.eigvalsh(symmetric),
        "singular": torch.linalg.svdvals(i["a"][0]),
    }
    mean, variance = i["rm"].clone(), i["rv"].clone()
    out["batchNormTraining"] = F.batch_norm(pic, mean, variance, training=True, momentum=0.2)
    out["runningMean"], out["runningVariance"] = mean, variance
    family("layers", i, out)


def losses():
    x, t = torch.randn(5, 7), torch.randn(5, 7)
    classes, chances = torch.randint(0, 7, (5,)), torch.rand(5, 7)
    log = x.log_softmax(1)
    soft = chances / chances.sum(1, keepdim=True)
    out = {}
    for short, name in [("mean", "mean"), ("sum", "sum"), ("none", "none")]:
        r = {"reduction": name}
        out |= {
            f"mse.{short}": F.mse_loss(x, t, **r), f"l1.{short}": F.l1_loss(x, t, **r),
            f"smoothL1.{short}": F.smooth_l1_loss(x, t, beta=0.6, **r),
            f"huber.{short}": F.huber_loss(x, t, delta=0.7, **r),
            f"crossEntropy.{short}": F.cross_entropy(x, classes, label_smoothing=0.1, **r),
            f"crossEntropySoft.{short}": F.cross_entropy(x, soft, **r),
            f"nll.{short}": F.nll_loss(log, classes, **r),
            f"bce.{short}": F.binary_cross_entropy_with_logits(x, chances, **r),
            f"kl.{short}": F.kl_div(log, soft, **r),
        }
    family("losses", {"x": x, "t": t, "classes": classes, "chances": chances, "soft": soft}, out)


def resampling():
    x = torch.randn(1, 2, 7, 5)
    step = (torch.arange(16.) % 5).reshape(1, 1, 4, 4)
    out = {}
    for label, size in [("up", (13, 8)), ("double", (14, 10)), ("down", (3, 2)),
                        ("mixed", (9, 3))]:
        out[f"nearest.{label}"] = F.interpolate(x, size, mode="nearest")
        out[f"nearestExact.{label}"] = F.interpolate(x, size, mode="nearest-exact")
        for mode in ["bilinear", "bicubic"]:
            out[f"{mode}.{label}"] = F.interpolate(x, size, mode=mode, align_corners=False)
            out[f"{mode}Aligned.{label}"] = F.interpolate(x, size, mode=mode, align_corners=True)
            out[f"{mode}Antialiased.{label}"] = F.interpolate(x, size, mode=mode, antialias=True)
    out["step.plain"] = F.interpolate(step, (16, 16), mode="bicubic")
    out["step.antialiased"] = F.interpolate(step, (16, 16), mode="bicubic", antialias=True)
    family("resampling", {"x": x, "step": step}, out)


def random():
    out = {}
    for dtype in [torch.float32, torch.float64, torch.float16, torch.bfloat16]:
        name = str(dtype).removeprefix("torch.")
        g = torch.Generator().manual_seed(1234)
        for size in [1, 2, 7, 15, 16, 17, 31, 33, 64, 100]:
            out[f"normal.{name}.{size}"] = torch.randn(size, generator=g, dtype=dtype)
        g = torch.Generator().manual_seed(99)
        for size in [1, 3, 16, 33]:
            out[f"uniform.{name}.{size}"] = torch.rand(size, generator=g, dtype=dtype)
    g = torch.Generator().manual_seed(7)
    out["shaped"] = torch.randn((2, 3, 5), generator=g)
    out["range"] = torch.empty(20).uniform_(-3, 5, generator=g)
    out["integers"] = torch.randint(-4, 11, (3, 7), generator=g)
    out["integersWide"] = torch.randint(0, 1 << 40, (9,), generator=g)
    out["permutation"] = torch.randperm(23, generator=g)
    out["bernoulli"] = torch.empty(40).bernoulli_(0.3, generator=g)
    out["multinomial"] = torch.multinomial(
        torch.arange(1., 7.), 12, replacement=True, generator=g)
    out["after"] = torch.randn(5, generator=g)
    out["state"] = g.get_state()
    out["bigSeed"] = torch.randn(4, generator=torch.Generator().manual_seed((1 << 64) - 3))
    save("random", {f"out.{k}": v for k, v in out.items()})


def types():
    x, w = torch.randn(4, 8), torch.randn(6, 8)
    pic, cw = torch.randn(1, 4, 6, 6), torch.randn(5, 4, 3, 3)
    inputs = {"x": x, "w": w, "pic": pic, "cw": cw}
    out = {}
    for dtype in [torch.float16, torch.bfloat16]:
        name = str(dtype).removeprefix("torch.")
        a, b, p, c = (t.to(dtype) for t in (x, w, pic, cw))
        out |= {
            f"add.{name}": a + 1, f"silu.{name}": F.silu(a), f"linear.{name}": F.linear(a, b),
            f"conv.{name}": F.conv2d(p, c, padding=1), f"softmax.{name}": a.softmax(-1),
            f"layerNorm.{name}": F.layer_norm(a, [8]), f"groupNorm.{name}": F.group_norm(p, 2),
            f"sum.{name}": a.sum(), f"mean.{name}": a.mean(0),
        }
        if dtype == torch.bfloat16:
            with torch.autocast("cpu", dtype):
                out["autocastLinear"] = F.linear(x, w)
                out["autocastConv"] = F.conv2d(pic, cw, padding=1)
                out["autocastMSE"] = F.mse_loss(F.linear(x, w), F.linear(x, w) * 0.5)
    family("types", inputs, out)


def optimizers():
    out = {}
    start = [torch.randn(4, 3), torch.randn(5)]
    grads = [[torch.randn(4, 3), torch.randn(5)] for _ in range(3)]
    inputs = {f"p{j}": p for j, p in enumerate(start)}
    inputs |= {f"g{s}{j}": g for s, pair in enumerate(grads) for j, g in enumerate(pair)}
    makers = {
        "adamw": lambda p: torch.optim.AdamW(
            p, lr=0.01, betas=(0.8, 0.95), weight_decay=0.1, eps=1e-6),
        "adam": lambda p: torch.optim.Adam(p, lr=0.01, betas=(0.8, 0.95), weight_decay=0.1),
        "sgd": lambda p: torch.optim.SGD(p, lr=0.1, weight_decay=0.01),
        "momentum": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    }
    for name, make in makers.items():
        parameters = [torch.nn.Parameter(p.clone()) for p in start]
        optimizer = make(parameters)
        for pair in grads:
            for p, g in zip(parameters, pair):
                p.grad = g.clone()
            optimizer.step()
        out |= {f"{name}.{j}": p for j, p in enumerate(parameters)}
    out["norm"] = torch.nn.utils.get_total_norm(grads[0])
    family("optimizers", inputs, out)


def files():
    save("safetensors", {
        "arange": torch.arange(6), "half": torch.tensor([0.5, -2], dtype=torch.float16),
        "brain": torch.tensor([1.5], dtype=torch.bfloat16),
        "flags": torch.tensor([True, False, True]),
        "small": torch.tensor([1, -0.5]).to(torch.float8_e4m3fn),
    })


if __name__ == "__main__":
    for make in [elements, reductions, shapes, layers, losses, resampling, random, types,
                 optimizers, files]:
        make()
    AREA.finish()
