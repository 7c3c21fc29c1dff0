"""Makes the golden files of Imaging with Pillow: images in every variant, and what they decode to.

Images lie in Tests/Golden/imaging; `cases.json` lists each with size, channels and where its
bytes (row-major, interleaved) start in which `.bin` file. Tests need no Python.
"""

import struct
import zlib

import numpy as np
import PIL
from PIL import Image, ImageCms, ImageOps, PngImagePlugin

from common import Area

SEED = 7
AREA = Area("imaging", __file__, ["Pillow", "numpy"], [SEED])
out = AREA.emptied()
random = np.random.default_rng(SEED)
decode, resize, composite = [], [], []
packs = {}


def scene(width, height, channels):
    """Smooth colours with a hard-edged disc and some noise; alpha with clear, half and full parts."""
    y, x = np.mgrid[0:height, 0:width]
    planes = [
        127 + 120 * np.sin(x / 5 + y / 9),
        255 * x / max(1, width - 1),
        255 * y / max(1, height - 1),
    ]
    disc = (x - width / 2) ** 2 + (y - height / 2) ** 2 < (min(width, height) / 3) ** 2
    planes = [np.where(disc, 255 - p, p) for p in planes]
    planes = [p + random.normal(0, 6, p.shape) for p in planes]
    alpha = np.where(disc, 255, np.where(x < width / 3, 0, 40 + 3 * y + 2 * x))
    picked = {1: planes[:1], 2: planes[:1] + [alpha], 3: planes, 4: planes + [alpha]}[channels]
    return np.clip(np.stack(picked, -1), 0, 255).round().astype(np.uint8)


def image(array):
    mode = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[array.shape[-1]]
    return Image.fromarray(array[..., 0] if array.shape[-1] == 1 else array, mode)


def bytes_of(array, pack):
    """Appends the samples to a pack and says where they lie."""
    data = packs.setdefault(pack + ".bin", bytearray())
    start = len(data)
    data += np.ascontiguousarray(array, dtype=np.uint8).tobytes()
    return {"file": pack + ".bin", "start": start, "count": len(data) - start}


def array_of(img):
    array = np.asarray(img)
    return array[..., None] if array.ndim == 2 else array


def expect(file, array, tolerance=0):
    decode.append({
        "file": file, "width": array.shape[1], "height": array.shape[0],
        "channels": array.shape[2], "tolerance": tolerance,
        "expected": bytes_of(array, "decode"),
    })


def chunk(kind, data):
    body = kind + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))


def raw_png(width, height, depth, color, rows, extra=b"", interlace=0):
    """A PNG file from packed rows, for the variants that Pillow does not write."""
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, interlace)
    lines = b"".join(b"\0" + row for row in rows)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra
            + chunk(b"IDAT", zlib.compress(lines, 9)) + chunk(b"IEND", b""))


def packed(values, depth):
    """Samples of `depth` bits, most significant first, each row padded to a byte."""
    bits = ((values[..., None] >> np.arange(depth - 1, -1, -1)) & 1).reshape(values.shape[0], -1)
    return [row.tobytes() for row in np.packbits(bits.astype(np.uint8), axis=1)]


def adam7(values, depth):
    """The rows of the seven interlace passes of a one-sample image."""
    rows = []
    for x, y, dx, dy in [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4),
                         (1, 0, 2, 2), (0, 1, 1, 2)]:
        part = values[y::dy, x::dx]
        if part.size:
            rows += packed(part, depth)
    return rows


# PNG: 8 bits, 1 to 4 channels.
for channels in (1, 2, 3, 4):
    array = scene(23, 17, channels)
    file = f"png-8bit-{channels}.png"
    image(array).save(out / file)
    expect(file, array)

# PNG: grey of 1, 2, 4 bits, plain and interlaced; with one grey level clear.
for depth in (1, 2, 4):
    values = random.integers(0, 1 << depth, (13, 19))
    grey = (values * 255 // ((1 << depth) - 1)).astype(np.uint8)[..., None]
    for interlace in (0, 1):
        file = f"png-grey{depth}{'-interlaced' if interlace else ''}.png"
        rows = adam7(values, depth) if interlace else packed(values, depth)
        (out / file).write_bytes(raw_png(19, 13, depth, 0, rows, interlace=interlace))
        expect(file, grey)
        with Image.open(out / file) as peer:
            assert (np.asarray(peer.convert("L")) == grey[..., 0]).all(), file
    file = f"png-grey{depth}-clear.png"
    (out / file).write_bytes(
        raw_png(19, 13, depth, 0, packed(values, depth), chunk(b"tRNS", struct.pack(">H", 1))))
    alpha = np.where(values == 1, 0, 255).astype(np.uint8)[..., None]
    expect(file, np.concatenate([grey, alpha], -1))

# PNG: palettes of 1, 2, 4, 8 bits, with and without alpha.
for depth in (1, 2, 4, 8):
    values = random.integers(0, 1 << depth, (11, 21))
    palette = random.integers(0, 256, (1 << depth, 3)).astype(np.uint8)
    alpha = random.integers(0, 256, (1 << depth)).astype(np.uint8)
    table = chunk(b"PLTE", palette.tobytes())
    file = f"png-palette{depth}.png"
    (out / file).write_bytes(raw_png(21, 11, depth, 3, packed(values, depth), table))
    with Image.open(out / file) as peer:
        expect(file, array_of(peer.convert("RGB")))
    file = f"png-palette{depth}-alpha.png"
    extra = table + chunk(b"tRNS", alpha[: max(1, len(alpha) // 2 + 1)].tobytes())
    (out / file).write_bytes(raw_png(21, 11, depth, 3, packed(values, depth), extra))
    with Image.open(out / file) as peer:
        expect(file, array_of(peer.convert("RGBA")))

# PNG: 16 bits keep their high byte.
for channels, color in ((1, 0), (2, 4), (3, 2), (4, 6)):
    array = random.integers(0, 1 << 16, (9, 14, channels))
    file = f"png-16bit-{channels}.png"
    rows = [row.astype(">u2").tobytes() for row in array]
    (out / file).write_bytes(raw_png(14, 9, 16, color, rows))
    expect(file, (array >> 8).astype(np.uint8))
    if channels >= 3:
        with Image.open(out / file) as peer:
            assert (np.asarray(peer) == array >> 8).all(), file

# PNG: RGB with one clear colour; gamma and profile chunks that must change nothing.
array = random.integers(0, 2, (8, 8, 3)).astype(np.uint8) * 200
extra = chunk(b"tRNS", struct.pack(">HHH", 200, 0, 200))
(out / "png-rgb-clear.png").write_bytes(raw_png(8, 8, 8, 2, [r.tobytes() for r in array], extra))
alpha = np.where((array == (200, 0, 200)).all(-1), 0, 255).astype(np.uint8)[..., None]
expect("png-rgb-clear.png", np.concatenate([array, alpha], -1))
array = scene(10, 10, 3)
extra = chunk(b"gAMA", struct.pack(">I", 100000)) + chunk(b"sRGB", b"\0")
(out / "png-gamma.png").write_bytes(raw_png(10, 10, 8, 2, [r.tobytes() for r in array], extra))
expect("png-gamma.png", array)
image(array).save(out / "png-profile.png",
                  icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
expect("png-profile.png", array)

# PNG: texts of the three kinds.
info = PngImagePlugin.PngInfo()
info.add_text("Title", "caf\u00e9", zip=False)
info.add_text("Comment", "a long line, " * 40, zip=True)
info.add_itxt("prompt", "\u4e00\u53ea\u7ea2\u718a\u732b \U0001f43c")
info.add_itxt("packed", "\u03b1\u03b2\u03b3 " * 40, zip=True)
image(scene(5, 5, 3)).save(out / "png-texts.png", pnginfo=info)

# JPEG.
photo = scene(61, 45, 3)
for name, options in {
    "444": {"subsampling": 0}, "422": {"subsampling": 1}, "420": {"subsampling": 2},
    "progressive": {"progressive": True}, "restart": {"restart_marker_blocks": 4},
    "q20": {"quality": 20},
}.items():
    file = f"jpeg-{name}.jpg"
    image(photo).save(out / file, **({"quality": 85} | options))
    with Image.open(out / file) as peer:
        expect(file, array_of(peer), tolerance=2)
image(scene(33, 30, 1)).save(out / "jpeg-grey.jpg", quality=90)
with Image.open(out / "jpeg-grey.jpg") as peer:
    expect("jpeg-grey.jpg", array_of(peer), tolerance=2)
cmyk = image(photo).convert("CMYK")
cmyk = Image.merge("CMYK", [*cmyk.split()[:3], image(scene(61, 45, 1) // 3)])
cmyk.save(out / "jpeg-cmyk.jpg", quality=90)
with Image.open(out / "jpeg-cmyk.jpg") as peer:
    assert peer.mode == "CMYK"
    expect("jpeg-cmyk.jpg", array_of(peer.convert("RGB")), tolerance=2)
# The same bytes declared as YCCK: the Adobe segment's last byte is the transform.
data = (out / "jpeg-cmyk.jpg").read_bytes()
at = data.index(b"Adobe")
(out / "jpeg-ycck.jpg").write_bytes(data[: at + 11] + b"\2" + data[at + 12:])
with Image.open(out / "jpeg-ycck.jpg") as peer:
    expect("jpeg-ycck.jpg", array_of(peer.convert("RGB")), tolerance=2)
for orientation in range(1, 9):
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = f"jpeg-turn{orientation}.jpg"
    image(scene(20, 12, 3)).save(out / file, quality=95, exif=exif)
    with Image.open(out / file) as peer:
        expect(file, array_of(ImageOps.exif_transpose(peer)), tolerance=2)

# WebP.
for name, channels, options in (
    ("lossy", 3, {"quality": 80}), ("lossy-alpha", 4, {"quality": 80}),
    ("lossless", 3, {"lossless": True}), ("lossless-alpha", 4, {"lossless": True, "exact": True}),
):
    file = f"webp-{name}.webp"
    image(scene(41, 29, channels)).save(out / file, **options)
    with Image.open(out / file) as peer:
        expect(file, array_of(peer), tolerance=0 if "lossless" in name else 2)
frames = [image(scene(16, 16, 3)) for _ in range(3)]
frames[0].save(out / "animated.webp", save_all=True, append_images=frames[1:], duration=50)

# Resize: up, down, odd, one side, extreme; with clear parts.
filters = {"box": Image.BOX, "bilinear": Image.BILINEAR, "bicubic": Image.BICUBIC,
           "lanczos": Image.LANCZOS}
for channels in (1, 2, 3, 4):
    source = scene(53, 37, channels)
    source_bytes = bytes_of(source, f"resize-{channels}")
    for name, kind in filters.items():
        for width, height in ((16, 16), (27, 19), (80, 64), (53, 11), (7, 37), (1, 1), (54, 38)):
            if channels in (1, 2) and (width, height) not in ((16, 16), (80, 64), (7, 37)):
                continue
            result = array_of(image(source).resize((width, height), kind))
            resize.append({
                "source": source_bytes, "sourceWidth": 53, "sourceHeight": 37,
                "channels": channels, "filter": name, "width": width, "height": height,
                "expected": bytes_of(result, f"resize-{channels}"),
            })

# Compositing: every alpha with many colours.
ramp = np.zeros((256, 32, 4), np.uint8)
ramp[..., 3] = np.arange(256)[:, None]
ramp[..., 0] = np.arange(32) * 8 + 5
ramp[..., 1:3] = random.integers(0, 256, (256, 32, 2))
for color in ((255, 255, 255), (0, 0, 0), (12, 200, 77)):
    result = Image.alpha_composite(Image.new("RGBA", (32, 256), color + (255,)), image(ramp))
    composite.append({
        "color": color,
        "expected": bytes_of(array_of(result.convert("RGB")), "composite"),
    })
ramp_bytes = bytes_of(ramp, "composite")

# Grey from RGB.
rgb = scene(31, 31, 3)
grey = {"source": bytes_of(rgb, "grey"),
        "expected": bytes_of(array_of(image(rgb).convert("L")), "grey")}

for name, data in packs.items():
    (out / name).write_bytes(data)
AREA.json("cases", {
    "peer": f"Pillow {PIL.__version__}", "seed": SEED, "decode": decode, "resize": resize,
    "composite": composite, "compositeSource": ramp_bytes, "grey": grey}, indent=1)
AREA.finish()
