"""Golden squares of images of every kind, prepared by transformers and by open_clip's steps.

The image files are kept, since what is decoded counts too.
open_clip is torchvision's Resize and CenterCrop on a Pillow image and `convert("RGB")` after them;
both are written out here, as is Pillow's order of rows before columns, which Pillow 13 changes.
"""
import json

import numpy as np
from PIL import Image
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from common import Area

SEED = 7
AREA = Area("clip", __file__, ["transformers", "Pillow", "numpy"], [SEED])
ROOT = AREA.emptied("images")
SIZE = 16


def smooth(rng, w, h, channels):
    """An image with edges and slopes, as a photograph has."""
    y, x = np.mgrid[0:h, 0:w]
    planes = []
    for _ in range(channels):
        a, b, c = rng.uniform(-1, 1, 3)
        wave = np.sin(x * a + y * b + c * 6) * 80 + 128
        wave[(x - w * rng.random()) ** 2 + (y - h * rng.random()) ** 2 < (min(w, h) / 3) ** 2] += 60
        planes.append(wave)
    return np.clip(np.stack(planes, -1), 0, 255).astype(np.uint8)


def images():
    rng = np.random.default_rng(SEED)
    sizes = [(37, 23), (21, 34), (40, 19), (17, 29)]
    for w, h in sizes:
        yield f"rgb-{w}x{h}", Image.fromarray(smooth(rng, w, h, 3), "RGB")
        yield f"grey-{w}x{h}", Image.fromarray(smooth(rng, w, h, 1)[..., 0], "L")
        yield f"rgba-{w}x{h}", Image.fromarray(smooth(rng, w, h, 4), "RGBA")
        yield f"grey-alpha-{w}x{h}", Image.fromarray(smooth(rng, w, h, 2), "LA")
        colours = Image.fromarray(smooth(rng, w, h, 3), "RGB")
        yield f"palette-{w}x{h}", colours.quantize(32, dither=Image.Dither.NONE)


def resize(image, w, h):
    """Rows first."""
    image = image.resize((w, image.height), Image.Resampling.BICUBIC) if image.width != w else image
    return image.resize((w, h), Image.Resampling.BICUBIC) if image.height != h else image


def open_clip(image):
    w, h = image.size
    short = min(w, h)
    w, h = int(SIZE * w / short), int(SIZE * h / short)
    if image.mode in ("RGBA", "LA"):
        # Pillow multiplies by alpha once, around both passes.
        inner = {"RGBA": "RGBa", "LA": "La"}[image.mode]
        image = resize(image.convert(inner), w, h).convert(image.mode)
    else:
        image = resize(image, w, h)
    top, left = int(round((h - SIZE) / 2.0)), int(round((w - SIZE) / 2.0))
    return image.crop((left, top, left + SIZE, top + SIZE)).convert("RGB")


def main():
    process = CLIPImageProcessorPil(
        size={"shortest_edge": SIZE}, crop_size={"height": SIZE, "width": SIZE},
        do_rescale=False, do_normalize=False)
    squares, cases = [], []
    for name, image in images():
        image.save(ROOT / f"{name}.png")
        image = Image.open(ROOT / f"{name}.png")
        image.load()
        theirs = np.asarray(process(image)["pixel_values"][0]).transpose(1, 2, 0).astype(np.uint8)
        # open_clip resizes palettes by the nearest pixel, as Pillow must; not followed here.
        other = theirs if image.mode == "P" else np.asarray(open_clip(image))
        cases.append(name)
        squares += [theirs, other]
    (ROOT / "squares.bin").write_bytes(np.stack(squares).tobytes())
    (ROOT / "cases.json").write_text(json.dumps(cases) + "\n")
    AREA.finish()


if __name__ == "__main__":
    main()
