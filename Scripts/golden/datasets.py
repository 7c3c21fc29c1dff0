"""Writes a tiny colour bitmap font with its emoji list and annotations for the tests of Datasets.

The font holds four glyphs with images: a red square, a blue square, a green disc and the ligature
"red square, zero width joiner, green disc", which is yellow. The images are 8-bit indexed PNG with
transparency, one of them 4-bit, as in Noto Color Emoji.
"""
import struct
import zlib

from common import Area


def png(side, depth, palette, index_at):
    def chunk(tag, body):
        return struct.pack(">I", len(body)) + tag + body + struct.pack(">I", zlib.crc32(tag + body))

    rows = b""
    for y in range(side):
        line = [index_at(x, y) for x in range(side)]
        if depth == 4:
            line = [line[x] << 4 | line[x + 1] for x in range(0, side, 2)]
        rows += b"\0" + bytes(line)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, depth, 3, 0, 0, 0))
        + chunk(b"PLTE", b"".join(bytes(color) for color in palette))
        + chunk(b"tRNS", b"\0")
        + chunk(b"IDAT", zlib.compress(rows, 9))
        + chunk(b"IEND", b"")
    )


def square(color, depth=8):
    return png(16, depth, [(0, 0, 0), color], lambda x, y: int(2 <= x < 14 and 2 <= y < 14))


def disc(color):
    return png(16, 8, [(0, 0, 0), color], lambda x, y: int((x - 7.5) ** 2 + (y - 7.5) ** 2 < 40))


def cmap(groups):
    body = b"".join(struct.pack(">III", *group) for group in groups)
    table = struct.pack(">HHIII", 12, 0, 16 + len(body), 0, len(groups)) + body
    return struct.pack(">HHHHI", 0, 1, 3, 10, 12) + table


def gsub(first, components, glyph):
    ligature = struct.pack(">HH", glyph, len(components) + 1)
    ligature += b"".join(struct.pack(">H", component) for component in components)
    ligature_set = struct.pack(">HH", 1, 4) + ligature
    coverage = struct.pack(">HHH", 1, 1, first)
    subtable = struct.pack(">HHHH", 1, 8 + len(ligature_set), 1, 8) + ligature_set + coverage
    lookup = struct.pack(">HHHH", 4, 0, 1, 8) + subtable
    lookups = struct.pack(">HH", 1, 4) + lookup
    return struct.pack(">HHHHH", 1, 0, 0, 0, 10) + lookups


def bitmaps(images, first):
    data = struct.pack(">HH", 3, 0)
    base = len(data)
    offsets = []
    for image in images:
        offsets.append(len(data) - base)
        if image:
            data += bytes([16, 16, 0, 16, 16]) + struct.pack(">I", len(image)) + image
    offsets.append(len(data) - base)
    index = struct.pack(">HHI", 1, 17, base) + b"".join(struct.pack(">I", o) for o in offsets)
    array = struct.pack(">HHI", first, first + len(images) - 1, 8) + index
    size = struct.pack(">IIII", 56, len(array), 1, 0) + bytes(24)
    size += struct.pack(">HHBBBb", first, first + len(images) - 1, 109, 109, 32, 1)
    return struct.pack(">HHI", 3, 0, 1) + size + array, data


def font():
    # Glyph 1: red, 2: blue, 3: green, 4: the joiner without an image, 5: the ligature.
    characters = cmap([(0x200D, 0x200D, 4), (0x1F7E2, 0x1F7E2, 3), (0x1F7E5, 0x1F7E6, 1)])
    images = [
        square((220, 30, 30)), square((30, 60, 220), depth=4), disc((30, 160, 60)), b"",
        square((250, 220, 40)),
    ]
    cblc, cbdt = bitmaps(images, first=1)
    tables = {
        b"CBDT": cbdt, b"CBLC": cblc, b"GSUB": gsub(1, [4, 3], 5), b"cmap": characters,
    }
    offset = 12 + 16 * len(tables)
    directory = struct.pack(">IHHHH", 0x00010000, len(tables), 0, 0, 0)
    body = b""
    for tag, table in sorted(tables.items()):
        directory += tag + struct.pack(">III", 0, offset + len(body), len(table))
        body += table + bytes(-len(table) % 4)
    return directory + body


LIST = """\
# group: Symbols

# subgroup: geometric
1F7E5                                      ; fully-qualified     # \U0001F7E5 E12.0 red square
1F7E6                                      ; fully-qualified     # \U0001F7E6 E12.0 blue square
1F7E5 200D 1F7E2                           ; fully-qualified     # x E12.0 yellow card: football
1F7E2                                      ; unqualified         # \U0001F7E2 E12.0 green circle

# group: Food & Drink

# subgroup: food-fruit
1F7E2 FE0F                                 ; fully-qualified     # \U0001F7E2 E12.0 green apple
1F34E                                      ; fully-qualified     # \U0001F34E E0.6 red apple

# group: People & Body

# subgroup: person
1F7E2 1F3FB                                ; fully-qualified     # x E12.0 man: light skin tone

#EOF
"""

ANNOTATIONS = """\
<?xml version="1.0" encoding="UTF-8" ?>
<!DOCTYPE ldml SYSTEM "../../common/dtd/ldml.dtd">
<!-- a > comment -->
<ldml>
\t<annotations>
\t\t<annotation cp="\U0001F7E5">red | square | card &amp; stop</annotation>
\t\t<annotation cp="\U0001F7E5" type="tts">red square</annotation>
\t\t<annotation cp="\U0001F7E2">apple | fruit | green | green apple</annotation>
\t\t<annotation cp="\U0001F7E2" type="tts">green apple</annotation>
\t</annotations>
</ldml>
"""

DERIVED = """\
<?xml version="1.0" encoding="UTF-8" ?>
<ldml><annotations>
<annotation cp='\U0001F7E5\u200d\U0001F7E2'>card | referee</annotation>
</annotations></ldml>
"""

if __name__ == "__main__":
    area = Area("datasets", __file__)
    area.path("font.ttf").write_bytes(font())
    area.path("emoji-test.txt").write_text(LIST, encoding="utf-8")
    area.path("annotations.xml").write_text(ANNOTATIONS, encoding="utf-8")
    area.path("annotations-derived.xml").write_text(DERIVED, encoding="utf-8")
    area.finish()
