"""Golden counts of what networks cost: weights, floating-point operations, kept activations.

Writes Tests/Golden/cost/counts.json. Each case is a class of transformers or diffusers on the meta
device, which computes shapes alone, so that the paper's sizes cost nothing. Operations are those of
torch.utils.flop_counter, forward and with the backward pass; `kept` are the elements that autograd
saves for the backward pass, neither weights nor the scores of attention, which only its plain form
keeps; that form is counted, since the fused ones have no meta device.
"""

import torch
from diffusers import PriorTransformer, UNet2DConditionModel, UNet2DModel
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode
from transformers import (
    CLIPTextConfig, CLIPTextModelWithProjection, CLIPVisionConfig, CLIPVisionModelWithProjection)

from common import Area

AREA = Area("cost", __file__, ["diffusers", "transformers", "torch"])
DOWN, UP = "ResnetDownsampleBlock2D", "ResnetUpsampleBlock2D"
DOWN_ATTENTION, UP_ATTENTION = "SimpleCrossAttnDownBlock2D", "SimpleCrossAttnUpBlock2D"


def operations(run):
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        result = run()
    return counter.get_total_flops(), result


def counted(model, run, scores):
    """`run` computes a prediction of the model, of which the sum is differentiated; `scores` are the
    last two sizes of the scores of attention."""
    weights = {p.untyped_storage()._cdata for p in model.parameters()}
    saved = {}
    either = {(a, b) for q, k in scores for a, b in ((q, k), (k, q))}

    def pack(tensor):
        storage = tensor.untyped_storage()
        if storage._cdata not in weights and tuple(tensor.shape[-2:]) not in either:
            saved[storage._cdata] = (storage, storage.nbytes())
        return tensor

    with torch.no_grad():
        forward, _ = operations(run)
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda x: x):
        training, _ = operations(lambda: run().sum().backward())
    return {
        "parameters": sum(p.numel() for p in model.parameters()),
        "forward": forward, "training": training,
        "kept": sum(size for _, size in saved.values()) / 4,
    }


def unet(side, channels, layers, attention=None, context=None, length=0, head=8, groups=32,
         shift="scale_shift", inputs=6, outputs=3):
    attention = attention or [False] * len(channels)
    down = tuple(DOWN_ATTENTION if a else DOWN for a in attention)
    up = tuple(UP_ATTENTION if a else UP for a in reversed(attention))
    shared = dict(
        sample_size=side, in_channels=inputs, out_channels=outputs, layers_per_block=layers,
        block_out_channels=tuple(channels), norm_num_groups=groups, attention_head_dim=head,
        resnet_time_scale_shift=shift, down_block_types=down, up_block_types=up)
    x, t = torch.zeros(1, inputs, side, side), torch.zeros(1)
    if context is None:
        model = UNet2DModel(add_attention=False, **shared)
        return counted(model, lambda: model(x, t).sample, [])
    model = UNet2DConditionModel(
        cross_attention_dim=context, class_embed_type="identity",
        mid_block_type="UNetMidBlock2DSimpleCrossAttn", **shared)
    sequence = torch.zeros(1, length, context, requires_grad=True)
    label = torch.zeros(1, 4 * channels[0])
    return counted(
        model, lambda: model(x, t, encoder_hidden_states=sequence, class_labels=label).sample,
        [((side >> i) ** 2, (side >> i) ** 2 + length) for i in range(len(channels))])


def prior(heads, head, layers, width, length):
    model = PriorTransformer(
        num_attention_heads=heads, attention_head_dim=head, num_layers=layers, embedding_dim=width,
        num_embeddings=length, additional_embeddings=4)
    embedding, text = torch.zeros(1, width), torch.zeros(1, length, width)
    return counted(
        model, lambda: model(embedding, torch.zeros(1), embedding, text)
        .predicted_image_embedding, [(length + 4, length + 4)])


def text(width, layers, heads, length, vocabulary, embedding):
    model = CLIPTextModelWithProjection(CLIPTextConfig(
        hidden_size=width, intermediate_size=4 * width, num_hidden_layers=layers,
        num_attention_heads=heads, max_position_embeddings=length, vocab_size=vocabulary,
        projection_dim=embedding, attn_implementation="eager"))
    ids = torch.zeros(1, length, dtype=torch.int64)
    return counted(model, lambda: model(ids).text_embeds, [(length, length)])


def vision(width, layers, heads, side, patch, embedding):
    model = CLIPVisionModelWithProjection(CLIPVisionConfig(
        hidden_size=width, intermediate_size=4 * width, num_hidden_layers=layers,
        num_attention_heads=heads, image_size=side, patch_size=patch, projection_dim=embedding,
        attn_implementation="eager"))
    count = (side // patch) ** 2 + 1
    return counted(
        model, lambda: model(torch.zeros(1, 3, side, side)).image_embeds, [(count, count)])


with torch.device("meta"):
    AREA.json("counts", {
        "text": {"small": text(192, 3, 4, 32, 2048, 192), "karlo": text(768, 12, 12, 77, 49408, 768),
                 "paper": text(1024, 24, 16, 256, 49408, 1024)},
        "vision": {"small": vision(192, 4, 4, 64, 16, 192),
                   "karlo": vision(1024, 24, 16, 224, 14, 768),
                   "paper": vision(1280, 32, 16, 256, 16, 1024)},
        "prior": {"small": prior(4, 48, 4, 192, 32), "karlo": prior(32, 64, 20, 768, 77),
                  "paper": prior(32, 64, 24, 1024, 256)},
        "decoder": {
            "tiny": unet(16, [8, 16], 1, [False, True], 16, 16, head=8, groups=4, inputs=3,
                         outputs=6),
            "karlo": unet(64, [320, 640, 960, 1280], 3, [False, True, True, True], 1536, 81,
                          head=64, inputs=3, outputs=6),
            "paper": unet(64, [512, 1024, 1536, 2048], 3, [False, True, True, True], 2048, 260,
                          head=64, inputs=3, outputs=6)},
        "upsampler": {
            "tiny": unet(64, [8, 16], 1, groups=4),
            "karlo": unet(256, [320, 640, 960, 1280], 3, shift="default"),
            "paper": unet(256, [320, 640, 960, 1280], 3),
            "paper_second": unet(1024, [192, 192, 384, 384, 768, 768], 2)},
    }, indent=1)
AREA.finish()
