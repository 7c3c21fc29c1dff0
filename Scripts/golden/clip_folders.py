"""Golden folders of CLIPs in every published layout, with what transformers and open_clip compute.

The open_clip folders hold the same weights under open_clip's names; their embeddings are
transformers'.
"""
import json
from functools import partial

import torch
from transformers import (
    CLIPConfig, CLIPModel, CLIPTextConfig, CLIPTextModelWithProjection, CLIPVisionConfig,
    CLIPVisionModelWithProjection)

from common import Area, randomise, write

AREA = Area("clip", __file__, ["transformers", "torch"], [1, 2, 3, 4, 5, 6])
ROOT = AREA.emptied("folders")
TEXT = dict(vocab_size=50, max_position_embeddings=9, hidden_size=16, intermediate_size=64,
            num_hidden_layers=2, num_attention_heads=2, eos_token_id=2)
VISION = dict(image_size=16, patch_size=8, hidden_size=24, intermediate_size=96,
              num_hidden_layers=2, num_attention_heads=3)
IDS = torch.tensor([[48, 5, 7, 49, 49, 49, 49, 49, 49], [48, 1, 2, 3, 4, 5, 6, 7, 49],
                    [48, 49, 0, 0, 0, 0, 0, 0, 0]])
PIXELS = torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(3))
# Weights so far from any initialisation that every term counts.
scramble = partial(randomise, scale=0.3)


def save(name, model, expected, **options):
    folder = ROOT / name
    model.save_pretrained(folder, **options)
    write(folder / "expected.safetensors", expected)
    return folder


def edit(folder, change):
    file = folder / "config.json"
    config = json.loads(file.read_text())
    change(config)
    file.write_text(json.dumps(config, indent=2) + "\n")


def embeds(model):
    out = model(input_ids=IDS, pixel_values=PIXELS)
    return {"text": out.text_embeds, "image": out.image_embeds, "logits": out.logits_per_image}


def model(seed, activation, **top):
    config = CLIPConfig(
        text_config={**TEXT, "hidden_act": activation},
        vision_config={**VISION, "hidden_act": activation}, projection_dim=12, **top)
    model = scramble(CLIPModel(config), seed)
    with torch.no_grad():
        model.logit_scale.fill_(2.5)
    return model


def open_clip(name, source, quick_gelu):
    """The weights as open_clip names and lays them out (its model.py and transformer.py)."""
    state = source.state_dict()
    out = {"logit_scale": state["logit_scale"]}

    def tower(ours, theirs, layers):
        for k in range(layers):
            old, new = f"{ours}.encoder.layers.{k}.", f"{theirs}transformer.resblocks.{k}."
            for kind in ("weight", "bias"):
                out[new + "attn.in_proj_" + kind] = torch.cat(
                    [state[old + f"self_attn.{p}_proj.{kind}"] for p in "qkv"])
                out[new + "attn.out_proj." + kind] = state[old + "self_attn.out_proj." + kind]
                out[new + "ln_1." + kind] = state[old + "layer_norm1." + kind]
                out[new + "ln_2." + kind] = state[old + "layer_norm2." + kind]
                out[new + "mlp.c_fc." + kind] = state[old + "mlp.fc1." + kind]
                out[new + "mlp.c_proj." + kind] = state[old + "mlp.fc2." + kind]

    tower("text_model", "", 2)
    tower("vision_model", "visual.", 2)
    text, vision = "text_model.embeddings.", "vision_model.embeddings."
    out["positional_embedding"] = state[text + "position_embedding.weight"]
    out["token_embedding.weight"] = state[text + "token_embedding.weight"]
    out["text_projection"] = state["text_projection.weight"].T
    out["visual.class_embedding"] = state[vision + "class_embedding"]
    out["visual.positional_embedding"] = state[vision + "position_embedding.weight"]
    out["visual.conv1.weight"] = state[vision + "patch_embedding.weight"]
    out["visual.proj"] = state["visual_projection.weight"].T
    for kind in ("weight", "bias"):
        out["ln_final." + kind] = state["text_model.final_layer_norm." + kind]
        out["visual.ln_pre." + kind] = state["vision_model.pre_layrnorm." + kind]
        out["visual.ln_post." + kind] = state["vision_model.post_layernorm." + kind]
    folder = ROOT / name
    folder.mkdir()
    write(folder / "open_clip_model.safetensors", out)
    write(folder / "expected.safetensors", embeds(source))
    vision_cfg = {"image_size": 16, "layers": 2, "width": 24, "head_width": 8, "patch_size": 8}
    text_cfg = {"context_length": 9, "vocab_size": 50, "width": 16, "heads": 2, "layers": 2}
    cfg = {"embed_dim": 12, "vision_cfg": vision_cfg, "text_cfg": text_cfg}
    if quick_gelu:
        cfg["quick_gelu"] = True
    (folder / "open_clip_config.json").write_text(json.dumps({
        "model_cfg": cfg,
        "preprocess_cfg": {"mean": [0.48145466, 0.4578275, 0.40821073],
                           "std": [0.26862954, 0.26130258, 0.27577711]}}, indent=2) + "\n")


def main():
    text = scramble(CLIPTextModelWithProjection(CLIPTextConfig(
        **TEXT, projection_dim=12, hidden_act="gelu")), 1)
    save("text", text, {"text": text(IDS).text_embeds})
    vision = scramble(CLIPVisionModelWithProjection(CLIPVisionConfig(
        **VISION, projection_dim=12, hidden_act="gelu")), 2)
    save("vision", vision, {"image": vision(PIXELS).image_embeds})

    # A whole model in several files, whose towers leave out what equals transformers' default and
    # state a width of their own, as public ones do.
    whole = model(3, "quick_gelu")
    folder = save("model", whole, embeds(whole), max_shard_size="40kB")

    def shorten(config):
        for section, default in (("text_config", CLIPTextConfig()), ("vision_config", CLIPVisionConfig())):
            config[section] = {
                k: v for k, v in config[section].items() if getattr(default, k, None) != v}
        assert "projection_dim" not in config["text_config"]
    edit(folder, shorten)

    # Half precision, and the form of before 2022: text_config_dict replaces text_config.
    for dtype, name in ((torch.float16, "half"), (torch.bfloat16, "bfloat16")):
        half = model(4, "gelu").to(dtype).float()
        expected = embeds(half)
        folder = save(name, half.to(dtype), expected)
        if dtype == torch.float16:
            def age(config):
                for section in ("text_config", "vision_config"):
                    config[section + "_dict"] = config[section]
                    config[section] = {**config[section], "hidden_size": 99, "return_dict": True}
                config["torch_dtype"] = "float16"
            edit(folder, age)

    open_clip("open_clip", model(5, "gelu"), False)
    open_clip("open_clip_quick", model(6, "quick_gelu"), True)
    AREA.finish()


if __name__ == "__main__":
    main()
