"""Makes the golden files of ImageMetrics from torch-fidelity.

Writes Tests/Golden/metrics.
"""

import sys
from unittest import mock

import torch

from common import Area

# The distance needs no image networks, whose library must fit the build of torch.
for name in ("torchvision", "torchvision.transforms", "torchvision.transforms.functional",
             "torchvision.datasets", "torchvision.models"):
    sys.modules[name] = mock.MagicMock()
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric

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
        distance = fid_statistics_to_metric(
            fid_features_to_statistics(a), fid_features_to_statistics(b), verbose=False)
        value = distance["frechet_inception_distance"]
        tensors |= {
            f"{name}.a": a, f"{name}.b": b,
            f"{name}.distance": torch.tensor(float(value), dtype=torch.float64)}
    AREA.save("frechet", tensors)


if __name__ == "__main__":
    frechet()
    AREA.finish()
