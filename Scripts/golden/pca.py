"""Makes the golden files of the principal components of embeddings from torch's svd in float64.

Writes Tests/Golden/pca.
"""

import torch

from common import Area

SEED = 3
AREA = Area("pca", __file__, ["torch"], [SEED])


def main():
    noise = torch.Generator().manual_seed(SEED)
    spread = torch.logspace(0.5, -1, 6, dtype=torch.float64).diag()
    tensors = {}
    # Means far from 0, as CLIP's embeddings have them; fewer rows than columns in the second.
    for name, rows in {"many": 40, "few": 4}.items():
        turn = torch.linalg.qr(torch.randn(6, 6, generator=noise, dtype=torch.float64)).Q
        x = torch.randn(rows, 6, generator=noise, dtype=torch.float64) @ spread @ turn
        x = (x + 7 * torch.randn(6, generator=noise, dtype=torch.float64)).float()
        mean = x.double().mean(0)
        _, s, vh = torch.linalg.svd(x.double() - mean, full_matrices=False)
        count = min(rows - 1, 6)
        vh = vh[:count]
        # The sign of a component is free; here its largest value is positive.
        vh = vh * vh.gather(1, vh.abs().argmax(1, keepdim=True)).sign()
        other = torch.randn(3, 6, generator=noise) + x.mean(0)
        part = mean + (other - mean) @ vh[:2].T @ vh[:2]
        tensors |= {
            f"{name}.x": x, f"{name}.mean": mean, f"{name}.components": vh.contiguous(),
            f"{name}.variances": (s**2 / (rows - 1))[:count], f"{name}.other": other,
            f"{name}.of_two": part}
    AREA.save("pca", tensors)


if __name__ == "__main__":
    main()
    AREA.finish()
