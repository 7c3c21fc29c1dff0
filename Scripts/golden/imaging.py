"""Makes the golden files of Imaging with Pillow: images in every variant, and what they decode to.

Images lie in Tests/Golden/imaging; `cases.json` lists each with size, channels and where its
bytes (row-major, interleaved) start in which `.bin` file. Tests need no Python.
"""

import base64
import io
import struct
import warnings
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

# Orientation: every way to name it that Pillow reads, and some that it does not.
def tiff(entries, order="<", cut=None):
    """A TIFF directory of (tag, type, count, four bytes) with room behind it."""
    head = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(order + "I", 8)
    body = struct.pack(order + "H", len(entries)) + b"".join(
        struct.pack(order + "HHI", tag, kind, count) + value for tag, kind, count, value in entries)
    return (head + body + struct.pack(order + "I", 0) + bytes(12))[:cut]


def turn(value, kind=3, order="<", count=1):
    code = {1: "B", 2: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 13: "I", 11: "f"}[kind]
    return (0x112, kind, count, struct.pack(order + code, value).ljust(4, b"\0"))


def far(kind, code, *values):
    """An orientation whose value lies behind the directory."""
    entry = (0x112, kind, 1 if kind > 4 else len(values), struct.pack("<I", 26))
    return tiff([entry])[:26] + struct.pack("<" + code, *values)


def xmp(digit, element=False):
    text = f">{digit}</" if element else f'="{digit}" '
    return f"<x:xmpmeta><rdf:Description tiff:Orientation{text}/></x:xmpmeta>"


def png_with(*before, after=()):
    rows = np.arange(18, dtype=np.uint8).reshape(2, 9) * 14
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 3, 2, 8, 2, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(b"".join(b"\0" + r.tobytes() for r in rows)))
    return (b"\x89PNG\r\n\x1a\n" + header + b"".join(before) + pixels + b"".join(after)
            + chunk(b"IEND", b""))


def exif_chunk(data):
    return chunk(b"eXIf", data)


def xmp_chunk(text, zipped=False, kind=b"iTXt"):
    data = zlib.compress(text.encode()) if zipped else text.encode()
    head = {b"iTXt": bytes([zipped, 0]) + b"en\0key\0", b"tEXt": b"", b"zTXt": b"\0"}[kind]
    return chunk(kind, b"XML:com.adobe.xmp\0" + head + data)


def profile_chunk(data, zipped=True):
    lines = f"\nexif\n{len(data):8}\n" + "\n".join(
        data[i:i + 36].hex() for i in range(0, len(data), 36)) + "\n"
    text = zlib.compress(lines.encode()) if zipped else lines.encode()
    return chunk(b"zTXt" if zipped else b"tEXt",
                 b"Raw profile type exif\0" + (b"\0" if zipped else b"") + text)


def jpeg_with(*segments):
    buffer = io.BytesIO()
    y, x = np.mgrid[0:8, 0:16]
    image(np.stack([x * 15, y * 30, x + y], -1).astype(np.uint8)).save(buffer, "JPEG", quality=90)
    whole = buffer.getvalue()
    return whole[:2] + b"".join(
        b"\xff\xe1" + struct.pack(">H", len(s) + 2) + s for s in segments) + whole[2:]


def webp_with(flags, *chunks):
    buffer = io.BytesIO()
    image(np.arange(18, dtype=np.uint8).reshape(2, 3, 3) * 14).save(
        buffer, "WEBP", lossless=True, exact=True)
    pixels = buffer.getvalue()[12:]
    body = b"WEBP" + b"VP8X" + struct.pack("<IIHBHB", 10, flags, 2, 0, 1, 0) + pixels
    for name, data in chunks:
        body += name + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)
    return b"RIFF" + struct.pack("<I", len(body)) + body


MARK, XMP = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0"
turned = {f"png-{i}": png_with(exif_chunk(tiff([turn(i)]))) for i in range(10)}
turned |= {f"png-type-{kind}": png_with(exif_chunk(tiff([turn(6, kind)])))
           for kind in (1, 2, 4, 6, 8, 9, 11, 13)}
turned |= {
    "png-big-endian": png_with(exif_chunk(tiff([turn(6, order=">")], ">"))),
    "png-after-pixels": png_with(after=[exif_chunk(tiff([turn(6)]))]),
    "png-twice": png_with(exif_chunk(tiff([turn(6)])), exif_chunk(tiff([turn(3)]))),
    "png-marked": png_with(exif_chunk(MARK + tiff([turn(6)]))),
    "png-negative": png_with(exif_chunk(tiff([turn(-6, 8)])), xmp_chunk(xmp(3))),
    "png-two-values": png_with(exif_chunk(tiff([turn(6 | 3 << 16, 4)[:1] + (3, 2)
                                                + turn(6 | 3 << 16, 4)[3:]]))),
    "png-three-values": png_with(exif_chunk(far(3, "3H", 8, 3, 1))),
    "png-no-values": png_with(exif_chunk(tiff([turn(6, count=0)]))),
    "png-rational": png_with(exif_chunk(far(5, "2I", 12, 2))),
    "png-double": png_with(exif_chunk(far(12, "d", 8.0))),
    "png-half": png_with(exif_chunk(far(12, "d", 6.5))),
    "png-long8": png_with(exif_chunk(far(16, "Q", 5))),
    "png-tag-twice": png_with(exif_chunk(tiff([turn(6), turn(3)]))),
    "png-unknown-type": png_with(exif_chunk(tiff([(0x100, 99, 1, bytes(4)), turn(6)]))),
    "png-bad-offset": png_with(exif_chunk(tiff(
        [(0x10f, 2, 9999, struct.pack("<I", 9999)), turn(6)]))),
    "png-cut-after": png_with(exif_chunk(tiff([turn(6), turn(3)], cut=30))),
    "png-profile": png_with(profile_chunk(MARK + tiff([turn(6)]))),
    "png-profile-plain": png_with(profile_chunk(MARK + tiff([turn(6)]), False)),
    "png-profile-and-exif": png_with(profile_chunk(tiff([turn(6)])), exif_chunk(tiff([turn(3)]))),
    "png-xmp": png_with(xmp_chunk(xmp(6))),
    "png-xmp-element": png_with(xmp_chunk(xmp(8, True), True)),
    "png-xmp-ztxt": png_with(xmp_chunk(xmp(5), True, b"zTXt")),
    "png-xmp-text": png_with(xmp_chunk(xmp(7), False, b"tEXt")),
    "png-xmp-later": png_with(xmp_chunk("tiff:Orientation='3' " + xmp(6))),
    "png-exif-over-xmp": png_with(xmp_chunk(xmp(6)), exif_chunk(tiff([turn(3)]))),
    "png-odd-exif-over-xmp": png_with(xmp_chunk(xmp(6)), exif_chunk(tiff([turn(9)]))),
    "png-exif-of-others": png_with(xmp_chunk(xmp(6)), exif_chunk(tiff([(0x100, 3, 1, bytes(4))]))),
    "jpeg-two-exif": jpeg_with(MARK + tiff([turn(6)]), MARK + tiff([turn(3)])),
    "jpeg-long": jpeg_with(MARK + tiff([turn(8, 4)])),
    "jpeg-split": jpeg_with(MARK + tiff([turn(6)])[:12], MARK + tiff([turn(6)])[12:]),
    "jpeg-xmp": jpeg_with(XMP + xmp(6).encode()),
    "jpeg-two-xmp": jpeg_with(XMP + xmp(6).encode(), XMP + xmp(3).encode()),
    "jpeg-xmp-first": jpeg_with(XMP + xmp(6).encode(), MARK + tiff([turn(3)])),
    "webp-exif": webp_with(8, (b"EXIF", tiff([turn(6)]))),
    "webp-marked": webp_with(8, (b"EXIF", MARK + tiff([turn(8)]))),
    "webp-twice": webp_with(8, (b"EXIF", tiff([turn(6)])), (b"EXIF", tiff([turn(3)]))),
    "webp-unannounced": webp_with(0, (b"EXIF", tiff([turn(6)]))),
    "webp-xmp": webp_with(4, (b"ICCP", b"odd"), (b"XMP ", xmp(6).encode())),
    "webp-both": webp_with(12, (b"EXIF", tiff([turn(3)])), (b"XMP ", xmp(6).encode())),
    # Whole images in files that end early.
    "png-no-end": png_with()[:-12], "png-no-checksum": png_with()[:-16],
}
orientations = []
for name, data in turned.items():
    with Image.open(io.BytesIO(data)) as peer, warnings.catch_warnings(action="ignore"):
        upright = array_of(ImageOps.exif_transpose(peer))
    orientations.append({
        "name": name, "file": base64.b64encode(data).decode(), "width": upright.shape[1],
        "height": upright.shape[0], "pixels": base64.b64encode(upright.tobytes()).decode()})
AREA.json("orientations", orientations, indent=1)

for name, data in packs.items():
    (out / name).write_bytes(data)
AREA.json("cases", {
    "peer": f"Pillow {PIL.__version__}", "seed": SEED, "decode": decode, "resize": resize,
    "composite": composite, "compositeSource": ramp_bytes, "grey": grey}, indent=1)
AREA.finish()
