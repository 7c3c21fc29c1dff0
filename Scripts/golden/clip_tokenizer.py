"""Golden ids of the CLIP tokenizer: encodes awkward strings with transformers' CLIPTokenizer.

The tokenizer folder Tests/Golden/clip/tokenizer is this package's own work: CLIPTokenizer.train on
Tests/Golden/clip/corpus.txt, written by CLIPTokenizer.write (CLIPTokenizerTrainingTests checks
that). This script opens it as it is, and once more with the special tokens of the public unCLIP
checkpoints (end token found after cleaning, padding "!").
"""
import json
import random
import shutil
import tempfile
from pathlib import Path

from transformers import CLIPTokenizer

from common import Area

SEED = 20
AREA = Area("clip", __file__, ["transformers", "tokenizers"], [SEED])
ROOT = AREA.folder
LENGTH = 32

POOL = [
    "a red apple", "don't", "we'll", "I'M", "they've", "he'd", "''s", "'tis", "rock'n'roll", "'", '"',
    "\u201cquotes\u201d", "\u2018s", "l\u2019orange", "100,000.50", "3\u00bd", "\u2460\u2461", "x\u00b2",
    "\u0661\u0662\u0663", "caf\u00e9", "cafe\u0301", "na\u00efve", "\u00c5ngstr\u00f6m", "\u212b", "\ufb01sh",
    "\u0130stanbul", "STRASSE stra\u00dfe", "\u039f\u0394\u03a5\u03a3\u03a3\u0395\u03a5\u03a3", "\u01c5",
    "\u0926\u0947\u0935\u0928\u093e\u0917\u0930\u0940", "\u0e20\u0e32\u0e29\u0e32\u0e44\u0e17\u0e22",
    "\u65e5\u672c\u8a9e", "\u4e2d\u6587\u5b57", "\ud55c\uad6d\uc5b4", "\u1112\u1161\u11ab", "\u304b\u3099",
    "\u05e9\u05dc\u05d5\u05dd", "\u0645\u0631\u062d\u0628\u0627", "\u202eabc\u202c", "\u200d", "\u200b", "\ufeff",
    "\U0001F600", "\U0001F468\u200d\U0001F469\u200d\U0001F467", "\U0001F1E9\U0001F1EA", "\u2764\ufe0f",
    "\U0001F44D\U0001F3FD", "\U00020000", "\U0001D400", "\U0001F34E\U0001F34F", "\u0301", "a\u0323\u0307",
    "q\u0307\u0323", "Z\u0351\u036b", "\u1e9b\u0323", "\x00", "\x01\x02", "\x1b[0m", "\x7f", "\u0085", "\u00a0", "\u2003",
    "\u3000", "\u2028", "\t", "\n\n", "\r\n", "   ", "\x1c", "\u180e", "!", "!!", "?!", "...", "\u2026", "#$%", "_a_b",
    "a-b", "C++", "e=mc\u00b2", "<|endoftext|>", "<|startoftext|>", "<|ENDOFTEXT|>", "<|EndOfText|>!!",
    "!!<|StartOfText|>", "<|endoftext|", "<|", "|>", "&lt;b&gt;", "&amp;", "\\", "\\n", "/", "{}", "\uffff",
    "\U0010FFFF", "\ufffd", "\ue000", "aaaaaaaaaaaaaaaaaaaa", "the the the", "circle", "Ciel bleu",
    "\u0434\u043e\u043c", "\u0416\u0416", "\u10d0\u10d1", "\u13a0\uab70", "\u2c00", "\u1c90",
]


def texts():
    random.seed(SEED)
    out = [""] + POOL
    while len(out) < 500:
        count = random.randint(2, 6)
        glue = random.choice([" ", " ", "", "", "  ", "\u00a0"])
        out.append(glue.join(random.choice(POOL) for _ in range(count)))
    return out[:496] + [
        "a red apple on a green table " * 8, "\u65e5\u672c\u8a9e" * 30, "!" * 70, "x " * 31,
    ]


def main():
    plain = CLIPTokenizer.from_pretrained(ROOT / "tokenizer")
    with tempfile.TemporaryDirectory() as temp:
        other = Path(temp) / "tokenizer"
        shutil.copytree(ROOT / "tokenizer", other)
        named = lambda text: {
            "content": text, "single_word": False, "lstrip": False, "rstrip": False, "normalized": True}
        (other / "special_tokens_map.json").write_text(json.dumps({
            "bos_token": named("<|startoftext|>"), "eos_token": named("<|endoftext|>"),
            "unk_token": named("<|endoftext|>"), "pad_token": "!"}))
        public = CLIPTokenizer.from_pretrained(other)
    rows = []
    for text in texts():
        def ids(tokenizer):
            return tokenizer(text, truncation=True, max_length=LENGTH)["input_ids"]
        rows.append({"text": text, "ids": ids(plain), "publicIDs": ids(public),
                     "decoded": plain.decode(ids(plain), skip_special_tokens=True)})
    padded = plain("circle", padding="max_length", max_length=8)
    AREA.json("tokenizer", {
        "length": LENGTH, "rows": rows, "padded": padded["input_ids"],
        "mask": padded["attention_mask"]}, end="", separators=(",", ":"))
    # They come from no library's output, and change with the ids alone.
    for name in ["corpus.txt", *(f"tokenizer/{file.name}" for file in (ROOT / "tokenizer").iterdir())]:
        AREA.path(name)
    AREA.finish()


if __name__ == "__main__":
    main()
