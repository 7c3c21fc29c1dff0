"""Makes the golden files of ImageMetrics from torch-fidelity.

Writes Tests/Golden/metrics.
"""

import sys
import tempfile
from unittest import mock

import numpy as np
import torch

from common import Area

# The metrics need no image networks, whose library must fit the build of torch.
for name in ("torchvision", "torchvision.transforms", "torchvision.transforms.functional",
             "torchvision.datasets", "torchvision.models"):
    sys.modules[name] = mock.MagicMock()
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_kid import kernel_mmd
from torch_fidelity.metric_prc import prc_features_to_metric

SEED = 1
AREA = Area("metrics", __file__, ["torch-fidelity", "torch"], [SEED])


def frechet():
    noise = torch.Generator().manual_seed(SEED)
    mix = torch.randn(6, 6, generator=noise)
    draw = lambda count: torch.randn(count, 6, generator=noise)
    flat = torch.zeros(6)
    flat[:3] = 1  # three axes without any variance
    cases = {
        "near": (draw(50) @ mix, draw(70) @ mix),
        "far": (draw(40) @ mix + 3, draw(40)),
        "flat": (draw(30) * flat, draw(30) * flat.flip(0)),
    }
    tensors = {}
    for name, (a, b) in cases.items():
        tensors |= {f"{name}.a": a, f"{name}.b": b, f"{name}.distance": distance(a, b)}
    AREA.save("frechet", tensors)


def distance(a, b):
    found = fid_statistics_to_metric(
        fid_features_to_statistics(a), fid_features_to_statistics(b), verbose=False)
    return scalar(found["frechet_inception_distance"])


def scalar(value):
    return torch.tensor(float(value), dtype=torch.float64)


def sets():
    """Every metric of two sets on the same features."""
    noise = torch.Generator().manual_seed(SEED + 1)
    draw = lambda count, width: torch.randn(count, width, generator=noise)
    cases = {
        "near": (draw(60, 8), draw(60, 8)),
        "shifted": (draw(50, 8) + 0.7, draw(50, 8)),
        "narrow": (draw(40, 8) * 0.3, draw(40, 8)),
        "few": (draw(12, 30) * 1.2, draw(12, 30)),  # fewer images than values of a feature
    }
    tensors = {}
    for name, (a, b) in cases.items():
        wide = [x.double() for x in (a, b)]
        found = prc_features_to_metric(
            *wide, prc_neighborhood=3, prc_batch_size=1000, save_cpu_ram=False, verbose=False)
        kid = kernel_mmd(
            *[x.numpy() for x in wide], kid_kernel="poly", kid_kernel_poly_degree=3,
            kid_kernel_poly_gamma=None, kid_kernel_poly_coef0=1)
        density, coverage = balls(*[x.numpy() for x in wide])
        tensors |= {
            f"{name}.a": a, f"{name}.b": b, f"{name}.frechet": distance(a, b),
            f"{name}.kid": scalar(kid), f"{name}.precision": scalar(found["precision"]),
            f"{name}.recall": scalar(found["recall"]), f"{name}.density": scalar(density),
            f"{name}.coverage": scalar(coverage)}
    AREA.save("sets", tensors)


def balls(generated, real, k=3):
    """Density and coverage by their definition (Naeem et al. 2020, equations 3 and 5)."""
    apart = lambda a, b: np.sqrt(((a[:, None] - b[None]) ** 2).sum(-1))
    radii = np.sort(apart(real, real), axis=1)[:, k]
    inside = apart(real, generated) < radii[:, None]
    return inside.sum(axis=0).mean() / k, inside.any(axis=1).mean()


def inception():
    """Features of two images by weights that both sides make by one rule."""
    with tempfile.NamedTemporaryFile(suffix=".pth") as file:
        with mock.patch(
                "torch_fidelity.feature_extractor_inceptionv3.load_state_dict_from_url",
                lambda *_, **__: None), mock.patch.object(
                FeatureExtractorInceptionV3, "load_state_dict", lambda *_: None):
            network = FeatureExtractorInceptionV3("inception", ["64", "2048"])
        torch.save({key: rule(key, value) for key, value in network.state_dict().items()},
                   file.name)
        network = FeatureExtractorInceptionV3(
            "inception", ["64", "2048"], feature_extractor_weights_path=file.name)
    noise = torch.Generator().manual_seed(SEED)
    tensors = {}
    for name, height, width in (("small", 24, 32), ("large", 310, 40)):
        image = torch.randint(0, 256, (1, 3, height, width), generator=noise, dtype=torch.uint8)
        _, features = network(image)
        tensors |= {f"{name}.image": image, f"{name}.features": features[0]}
    tensors["keys"] = torch.tensor(
        list("\n".join(sorted(network.state_dict())).encode()), dtype=torch.uint8)
    AREA.save("inception", tensors)


def rule(key, value):
    """Weights by their place alone: sin of its square, of a size that keeps the activations'."""
    if not value.is_floating_point():
        return value
    count = value.numel()
    place = torch.arange(count, dtype=torch.float64) % 4099
    wave = torch.sin(place * place * 0.7).reshape(value.shape)
    if key.endswith("running_var"):
        wave = 1 + 0.5 * wave
    elif key.endswith("bn.weight"):
        wave = 1 + 0.1 * wave
    elif value.dim() == 1:
        wave = 0.1 * wave
    else:
        wave = wave * (6 / (count // value.shape[0])) ** 0.5
    return wave.float()


if __name__ == "__main__":
    frechet()
    sets()
    inception()
    AREA.finish()
