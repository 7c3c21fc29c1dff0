"""A folder whose image processor stands in processor_config.json, as transformers 5 writes it."""
import json

import numpy as np
from PIL import Image
from transformers import CLIPProcessor, CLIPTokenizer
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from common import GOLDEN, Area

SEED = 5
AREA = Area("clip", __file__, ["transformers", "Pillow", "numpy"], [SEED])
ROOT = AREA.emptied("processor")
prepare = CLIPImageProcessorPil(
    size={"shortest_edge": 20}, crop_size=16, image_mean=[0.1, 0.2, 0.3], image_std=[0.5, 0.6, 0.7])
tokenizer = CLIPTokenizer.from_pretrained(GOLDEN / "clip/tokenizer")
CLIPProcessor(prepare, tokenizer).save_pretrained(ROOT / "whole")
for extra in ROOT.glob("whole/*"):
    if extra.name != "processor_config.json":
        extra.unlink()
keys = json.loads((ROOT / "whole/processor_config.json").read_text())
assert keys["image_processor"]["size"] == {"shortest_edge": 20}
array = np.random.default_rng(SEED).integers(0, 256, (23, 31, 3), dtype=np.uint8)
AREA.save("processor/expected", {
    "image": array,
    "pixels": prepare(Image.fromarray(array), return_tensors="np")["pixel_values"][0]})
AREA.finish()
