"""Golden ids of open_clip's way to clean texts, and the golden tokenizer as transformers 5 writes it.

Run from the root of the repository: python Scripts/golden/clip_tokenizer_open_clip.py
Made with transformers 5.23.0, ftfy 6.3.1, regex 2026.11: the steps of open_clip's tokenizer in
Scripts/parity/open_clip_tokenizer.py, without the repair of wrongly decoded text.
"""
import importlib.machinery
import json
import sys
import tempfile
from pathlib import Path

from transformers import CLIPTokenizer

BASE = Path(__file__).resolve().parents[2]
ROOT = BASE / "Tests" / "Golden" / "clip"
sys.path.insert(0, str(BASE / "Scripts" / "parity"))
LENGTH = 32


def main():
    from open_clip_tokenizer import OpenCLIPTokenizer
    sys.dont_write_bytecode = True
    parity = importlib.machinery.SourceFileLoader(
        "parity", str(BASE / "Scripts/parity/tokenizer")).load_module()
    tokenizer = OpenCLIPTokenizer(ROOT / "tokenizer", False)
    fixed = [*parity.WORDS, "a \u03a3", "\u0391\u03a3. \u0391\u03a3\u0301x", "'\u017f 's", "a\u0345b",
             "&lt;&amp;amp;lt;\n<&amp;", "&NTILDE; &nTILDE; &#128; &#xD800; &#1;", "x\x85y\u2028z",
             "\x1b[1;31mred\x1b[0m", "\ufb05 \u0149", "a!<start_of_text>b<end_of_text>"]
    texts = fixed + list(parity.texts(500 - len(fixed), 3))
    rows = [{"text": text, "ids": tokenizer(text, LENGTH)} for text in texts]
    (ROOT / "tokenizer_open_clip.json").write_text(
        json.dumps({"length": LENGTH, "rows": rows}, separators=(",", ":")))
    single = ROOT / "tokenizer_single"
    with tempfile.TemporaryDirectory() as temp:
        CLIPTokenizer.from_pretrained(ROOT / "tokenizer").save_pretrained(temp)
        single.mkdir(exist_ok=True)
        whole = json.loads((Path(temp) / "tokenizer.json").read_text())
        (single / "tokenizer.json").write_text(
            json.dumps(whole, ensure_ascii=False, separators=(",", ":")))
        config = json.loads((Path(temp) / "tokenizer_config.json").read_text())
        keys = ["bos_token", "eos_token", "pad_token", "unk_token", "model_max_length", "tokenizer_class"]
        (single / "tokenizer_config.json").write_text(
            json.dumps({key: config[key] for key in keys}, indent=2) + "\n")


main()
