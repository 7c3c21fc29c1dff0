"""Makes Tests/Golden/unclip/degradation: the steps of BSR degradation by OpenCV and SciPy."""

import cv2
import numpy as np
from scipy import ndimage
from scipy.interpolate import RegularGridInterpolator
from scipy.stats import multivariate_normal

from common import Area

SEED = 31
AREA = Area("unclip", __file__, ["opencv-python-headless", "scipy", "numpy"], [SEED])

RESIZES = {"linear": cv2.INTER_LINEAR, "cubic": cv2.INTER_CUBIC, "area": cv2.INTER_AREA}


def planes(image):
    """[H, W, C] as [C, H, W]."""
    return np.ascontiguousarray(image.transpose(2, 0, 1)).astype(np.float32)


def gaussian(side, angle, variances):
    """The density of a Gaussian on a grid around its mean."""
    turn = np.array([[np.cos(angle), np.sin(angle)], [np.sin(angle), -np.cos(angle)]])
    covariance = turn @ np.diag(variances) @ np.linalg.inv(turn)
    at = np.arange(side) - (side - 1) / 2
    grid = np.stack(np.meshgrid(at, at), -1)
    weights = multivariate_normal.pdf(grid, mean=[0, 0], cov=covariance)
    return weights / weights.sum()


def main():
    draw = np.random.default_rng(SEED)
    image = draw.random((20, 28, 3), dtype=np.float32)
    out = {"image": planes(image)}
    for name, kind in RESIZES.items():
        for height, width in ((5, 7), (9, 11), (20, 28), (33, 40)):
            out[f"{name}.{height}.{width}"] = planes(
                cv2.resize(image, (width, height), interpolation=kind))

    kernels = {
        "stretched.7": gaussian(7, 0.6, (5, 0.4)),
        "stretched.14": gaussian(14, 2.1, (1.3, 7)),
        "round.5": gaussian(5, 0, (0.49, 0.49)),
        "round.6": gaussian(6, 0, (2.25, 2.25)),
    }
    for name, kernel in kernels.items():
        out[f"{name}.kernel"] = kernel
        out[f"{name}.blurred"] = planes(ndimage.convolve(image, kernel[:, :, None], mode="mirror"))

    # Wider than the image, so that the mirror has mirrors.
    small = image[:9, :6]
    wide = gaussian(25, 0, (9, 9))
    for factor in (2, 4):
        at = np.arange(25)
        place = np.clip(at + (factor - 1) / 2, 0, 24)
        shifted = RegularGridInterpolator((at, at), wide)(np.stack(np.meshgrid(place, place), -1))
        shifted /= shifted.sum()
        out[f"decimated.{factor}"] = planes(
            ndimage.convolve(small, shifted[:, :, None], mode="mirror")[::factor, ::factor])

    smooth = cv2.resize(image[:4, :5], (40, 32), interpolation=cv2.INTER_CUBIC).clip(0, 1)
    out["smooth"] = planes(smooth)
    for quality in (30, 80, 95):
        levels = (smooth * 255).round().astype(np.uint8)[:, :, ::-1]
        coded = cv2.imencode(".jpg", levels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        out[f"jpeg.{quality}"] = planes(cv2.imdecode(coded, cv2.IMREAD_COLOR)[:, :, ::-1] / 255)
    AREA.save("degradation", out)


if __name__ == "__main__":
    main()
    AREA.finish()
