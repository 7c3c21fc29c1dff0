"""Golden values of the CLIP towers, their loss and their preprocessing, from transformers.
"""
from functools import partial

import numpy as np
import torch
from PIL import Image
from transformers import (
    CLIPConfig, CLIPModel, CLIPTextConfig, CLIPTextModelWithProjection, CLIPVisionConfig,
    CLIPVisionModelWithProjection)
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from common import Area, gradients, randomise, weights

AREA = Area("clip", __file__, ["transformers", "torch", "Pillow"], [1, 2, 3, 4, 5])
TEXT = dict(vocab_size=50, max_position_embeddings=9, hidden_size=16, intermediate_size=32,
            num_hidden_layers=2, num_attention_heads=2, projection_dim=12)
VISION = dict(image_size=16, patch_size=4, hidden_size=16, intermediate_size=32,
              num_hidden_layers=2, num_attention_heads=2, projection_dim=12)
# Weights so far from any initialisation that every term counts.
scramble = partial(randomise, scale=0.3)


def write(name, tensors, config=None):
    AREA.save(name, tensors)
    if config is not None:
        AREA.path(f"{name}.json").write_text(config.to_json_string(use_diff=False))


def text(name, ids, **changes):
    config = CLIPTextConfig(**{**TEXT, **changes})
    model = scramble(CLIPTextModelWithProjection(config), 1)
    out = model(ids)
    write(name, {**weights(model), "ids": ids, "embeds": out.text_embeds,
                 "encodings": out.last_hidden_state}, config)


def main():
    ids = torch.tensor([[48, 5, 7, 49, 49, 49, 49, 49, 49], [48, 1, 2, 3, 4, 5, 6, 7, 49],
                        [48, 49, 0, 0, 0, 0, 0, 0, 0]])
    text("text_quick_gelu", ids, hidden_act="quick_gelu", eos_token_id=2)
    # The end token is not the largest id here, so its number must be found.
    text("text_gelu", torch.where(ids == 49, 40, ids), hidden_act="gelu", eos_token_id=40)

    pixels = torch.randn(3, 3, 16, 16, generator=torch.Generator().manual_seed(3))
    config = CLIPVisionConfig(**VISION)
    model = scramble(CLIPVisionModelWithProjection(config), 2)
    write("vision", {**weights(model), "pixels": pixels, "embeds": model(pixels).image_embeds}, config)

    config = CLIPConfig(text_config={**TEXT, "eos_token_id": 2}, vision_config=VISION, projection_dim=12)
    model = scramble(CLIPModel(config), 4)
    with torch.no_grad():
        model.logit_scale.fill_(2.5)
    out = model(input_ids=ids, pixel_values=pixels, return_loss=True)
    out.loss.backward()
    write("model", {
        **weights(model), "ids": ids, "pixels": pixels, "logits": out.logits_per_image,
        "loss": out.loss, **gradients(model)})

    process = CLIPImageProcessorPil(size={"shortest_edge": 20}, crop_size={"height": 16, "width": 16})
    random = np.random.default_rng(5)
    # Pillow 13 resizes rows or columns first, whichever is cheaper, which moves samples by some
    # units; earlier ones and this package always begin with the rows, and so do these sizes.
    images = {"wide": (37, 23), "tall": (21, 34), "small": (9, 11), "exact": (20, 20)}
    tensors = {}
    for name, (w, h) in images.items():
        pixels = random.integers(0, 256, (h, w, 3), dtype=np.uint8)
        tensors["image." + name] = torch.from_numpy(pixels)
        tensors["pixels." + name] = torch.from_numpy(
            np.asarray(process(Image.fromarray(pixels))["pixel_values"][0], dtype=np.float32))
    write("preprocess", tensors)
    AREA.path("preprocess.json").write_text(process.to_json_string())
    AREA.finish()


if __name__ == "__main__":
    main()
