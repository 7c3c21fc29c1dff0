"""Golden ids of open_clip's way to clean texts, and the golden tokenizer as transformers 5 writes it.

The ids are those of open_clip_tokenizer.py, without the repair of wrongly decoded text.
"""
import json
import tempfile
from pathlib import Path

from transformers import CLIPTokenizer

from common import Area
from open_clip_tokenizer import OpenCLIPTokenizer
from texts import WORDS, texts

SEED = 3
AREA = Area("clip", __file__, ["transformers", "tokenizers", "ftfy", "regex"], [SEED])
ROOT = AREA.folder
LENGTH = 32


def main():
    tokenizer = OpenCLIPTokenizer(ROOT / "tokenizer", False)
    fixed = [*WORDS, "a \u03a3", "\u0391\u03a3. \u0391\u03a3\u0301x", "'\u017f 's", "a\u0345b",
             "&lt;&amp;amp;lt;\n<&amp;", "&NTILDE; &nTILDE; &#128; &#xD800; &#1;", "x\x85y\u2028z",
             "\x1b[1;31mred\x1b[0m", "\ufb05 \u0149", "a!<start_of_text>b<end_of_text>"]
    all_texts = fixed + list(texts(500 - len(fixed), SEED))
    rows = [{"text": text, "ids": tokenizer(text, LENGTH)} for text in all_texts]
    AREA.json("tokenizer_open_clip", {"length": LENGTH, "rows": rows}, end="", separators=(",", ":"))
    with tempfile.TemporaryDirectory() as temp:
        CLIPTokenizer.from_pretrained(ROOT / "tokenizer").save_pretrained(temp)
        whole = json.loads((Path(temp) / "tokenizer.json").read_text())
        AREA.json("tokenizer_single/tokenizer", whole, end="", ensure_ascii=False,
                  separators=(",", ":"))
        config = json.loads((Path(temp) / "tokenizer_config.json").read_text())
        keys = ["bos_token", "eos_token", "pad_token", "unk_token", "model_max_length", "tokenizer_class"]
        AREA.json("tokenizer_single/tokenizer_config", {key: config[key] for key in keys}, indent=2)
    AREA.finish()


if __name__ == "__main__":
    main()
