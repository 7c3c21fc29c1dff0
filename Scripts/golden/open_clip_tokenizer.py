"""open_clip's tokenizer by its published steps, over a tokenizer folder of this package.

For clip_tokenizer_open_clip.py and Scripts/parity. Written after open_clip `tokenizer.py` (SimpleTokenizer) with its own
dependencies ftfy and regex; `mojibake` switches ftfy's repair of wrongly decoded text, which this
package leaves out.
"""
import html
import json
from functools import lru_cache
from pathlib import Path

import ftfy
import regex

NAMES = ("<start_of_text>", "<end_of_text>")


def symbols():
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("\u00a1"), ord("\u00ac") + 1),
                 *range(ord("\u00ae"), ord("\u00ff") + 1)]
    table = {byte: chr(byte) for byte in printable}
    for byte in range(256):
        if byte not in table:
            table[byte] = chr(256 + len(table) - len(printable))
    return table


class OpenCLIPTokenizer:
    def __init__(self, folder, mojibake):
        folder = Path(folder)
        self.ids = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
        lines = (folder / "merges.txt").read_text(encoding="utf-8").split("\n")[1:]
        self.ranks = {tuple(line.split(" ")): k for k, line in enumerate(lines) if line}
        self.symbols = symbols()
        self.mojibake = mojibake
        self.start, self.end = self.ids["<|startoftext|>"], self.ids["<|endoftext|>"]
        self.pattern = regex.compile(
            "|".join(NAMES) + r"|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+",
            regex.IGNORECASE)
        self.pieces = lru_cache(maxsize=None)(self.pieces)

    def pieces(self, token):
        word = [self.symbols[b] for b in token.encode("utf-8")]
        word[-1] += "</w>"
        while len(word) > 1:
            pairs = list(zip(word, word[1:]))
            best = min(pairs, key=lambda pair: self.ranks.get(pair, float("inf")))
            if best not in self.ranks:
                break
            merged, k = [], 0
            while k < len(word):
                if k + 1 < len(word) and (word[k], word[k + 1]) == best:
                    merged.append(word[k] + word[k + 1])
                    k += 2
                else:
                    merged.append(word[k])
                    k += 1
            word = merged
        return [self.ids.get(symbol, self.end) for symbol in word]

    def __call__(self, text, length):
        text = ftfy.fix_text(text, fix_encoding=self.mojibake)
        text = html.unescape(html.unescape(text)).strip()
        text = regex.sub(r"\s+", " ", text).strip().lower()
        ids = [self.start]
        for token in self.pattern.findall(text):
            if token in NAMES:
                ids.append(self.start if token == NAMES[0] else self.end)
            else:
                ids += self.pieces(token)
        ids.append(self.end)
        if len(ids) > length:
            ids = ids[:length]
            ids[-1] = self.end
        return ids
