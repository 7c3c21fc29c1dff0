"""Makes Tests/Golden/metrics/similarity: structural similarity by scikit-image."""

import numpy as np
import torch
from skimage.metrics import structural_similarity

from common import Area

SEED = 5
AREA = Area("metrics", __file__, ["scikit-image", "numpy"], [SEED])


def main():
    draw = np.random.default_rng(SEED)
    waves = np.sin(np.arange(24)[:, None] / 3 + np.arange(30) / 5)
    a = np.stack([waves * k for k in (0.9, -0.5, 0.2)]).astype(np.float32)[None].repeat(2, 0)
    a[1] = draw.uniform(-1, 1, a[1].shape)
    b = (a + draw.normal(0, 0.2, a.shape)).clip(-1, 1).astype(np.float32)
    c = (0.5 * a + 0.2).astype(np.float32)
    out = {"a": a, "b": b, "c": c}
    for name, other in {"b": b, "c": c}.items():
        out[f"{name}.similarity"] = torch.tensor(np.mean([
            structural_similarity(
                x.astype(float), y.astype(float), channel_axis=0, data_range=2,
                gaussian_weights=True, sigma=1.5, use_sample_covariance=False)
            for x, y in zip(a, other)]), dtype=torch.float64)
    AREA.save("similarity", out)


if __name__ == "__main__":
    main()
    AREA.finish()
