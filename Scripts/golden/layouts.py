"""Tiny models with random weights, and their state by the names that their first authors' code has.

For conversion.py and Scripts/parity/convert.
"""
import torch
from diffusers import PriorTransformer, UNet2DConditionModel, UNet2DModel
from diffusers.pipelines.deprecated.unclip.text_proj import UnCLIPTextProjModel
from transformers import CLIPConfig, CLIPModel

from common import randomise

HEAD = 8


def scramble(model, seed):
    # Half precision keeps the files small and every number exact on the way.
    return randomise(model, seed, scale=0.3, norms=0).half()


def clip_model(activation="quick_gelu"):
    """A CLIP, and its state by the names of openai/CLIP."""
    text = dict(hidden_act=activation, vocab_size=50, max_position_embeddings=9, hidden_size=16, intermediate_size=32,
                num_hidden_layers=2, num_attention_heads=2, projection_dim=12, eos_token_id=2)
    vision = dict(hidden_act=activation, image_size=16, patch_size=4, hidden_size=24, intermediate_size=40,
                  num_hidden_layers=1, num_attention_heads=3, projection_dim=12)
    model = scramble(CLIPModel(CLIPConfig(
        text_config=text, vision_config=vision, projection_dim=12)), 1)
    state = model.state_dict()
    original = {}

    def block(old, new):
        for a, b in (("layer_norm1", "ln_1"), ("layer_norm2", "ln_2"), ("mlp.fc1", "mlp.c_fc"),
                     ("mlp.fc2", "mlp.c_proj"), ("self_attn.out_proj", "attn.out_proj")):
            for kind in ("weight", "bias"):
                original[f"{new}.{b}.{kind}"] = state[f"{old}.{a}.{kind}"]
        for kind in ("weight", "bias"):
            original[f"{new}.attn.in_proj_{kind}"] = torch.cat(
                [state[f"{old}.self_attn.{x}_proj.{kind}"] for x in "qkv"])

    for k in range(2):
        block(f"text_model.encoder.layers.{k}", f"transformer.resblocks.{k}")
    block("vision_model.encoder.layers.0", "visual.transformer.resblocks.0")
    for old, new in (("text_model.final_layer_norm", "ln_final"),
                     ("vision_model.pre_layrnorm", "visual.ln_pre"),
                     ("vision_model.post_layernorm", "visual.ln_post")):
        for kind in ("weight", "bias"):
            original[f"{new}.{kind}"] = state[f"{old}.{kind}"]
    for old, new in (("text_model.embeddings.token_embedding.weight", "token_embedding.weight"),
                     ("text_model.embeddings.position_embedding.weight", "positional_embedding"),
                     ("vision_model.embeddings.class_embedding", "visual.class_embedding"),
                     ("vision_model.embeddings.patch_embedding.weight", "visual.conv1.weight"),
                     ("vision_model.embeddings.position_embedding.weight",
                      "visual.positional_embedding"), ("logit_scale", "logit_scale")):
        original[new] = state[old]
    original["text_projection"] = state["text_projection.weight"].t()
    original["visual.proj"] = state["visual_projection.weight"].t()
    return model, original


def heads(parts):
    """Layers fused head by head."""
    cut = [x.reshape(-1, 1, HEAD, *x.shape[1:]) for x in parts]
    return torch.cat(cut, dim=1).reshape(-1, *parts[0].shape[1:])


def prior_model():
    """A prior, its state by the names of Karlo's code, and the statistics of its embeddings."""
    model = scramble(PriorTransformer(
        num_attention_heads=2, attention_head_dim=HEAD, num_layers=2, embedding_dim=12,
        num_embeddings=5, additional_embeddings=4), 2)
    state = model.state_dict()
    statistics = (torch.linspace(-1, 1, 12), torch.linspace(1, 2, 12))
    original = {"prd_emb": state["prd_embedding"],
                "positional_embedding": state["positional_embedding"]}
    names = {"time_embedding.linear_1": "time_embed.0", "time_embedding.linear_2": "time_embed.2",
             "proj_in": "clip_img_proj", "embedding_proj": "text_emb_proj",
             "encoder_hidden_states_proj": "text_enc_proj", "norm_out": "final_ln",
             "proj_to_clip_embeddings": "out_proj"}
    for k in range(2):
        old, new = f"transformer_blocks.{k}.", f"transformer.resblocks.{k}."
        names |= {old + "norm1": new + "ln_1", old + "norm3": new + "ln_2",
                  old + "ff.net.0.proj": new + "mlp.c_fc", old + "ff.net.2": new + "mlp.c_proj",
                  old + "attn1.to_out.0": new + "attn.c_proj"}
        for kind in ("weight", "bias"):
            original[f"{new}attn.c_qkv.{kind}"] = heads(
                [state[f"{old}attn1.to_{x}.{kind}"] for x in "qkv"])
    for old, new in names.items():
        for kind in ("weight", "bias"):
            original[f"{new}.{kind}"] = state[f"{old}.{kind}"]
    return model, original, statistics


def unet(state, levels, layers):
    """A U-Net by the names of guided-diffusion."""
    original = {}

    def layer(old, new, change=lambda x: x):
        original[new + ".weight"] = change(state[old + ".weight"])
        original[new + ".bias"] = state[old + ".bias"]

    def resnet(old, new):
        for a, b in (("norm1", "in_layers.0"), ("conv1", "in_layers.2"),
                     ("time_emb_proj", "emb_layers.1"), ("norm2", "out_layers.0"),
                     ("conv2", "out_layers.3"), ("conv_shortcut", "skip_connection")):
            if f"{old}.{a}.weight" in state:
                layer(f"{old}.{a}", f"{new}.{b}")

    def attention(old, new):
        if old + ".to_q.weight" not in state:
            return False
        layer(old + ".group_norm", new + ".norm")
        layer(old + ".to_out.0", new + ".proj_out", lambda x: x[..., None])
        for name, parts in (("qkv", ("to_q", "to_k", "to_v")),
                            ("encoder_kv", ("add_k_proj", "add_v_proj"))):
            original[f"{new}.{name}.weight"] = heads(
                [state[f"{old}.{x}.weight"] for x in parts])[..., None]
            original[f"{new}.{name}.bias"] = heads([state[f"{old}.{x}.bias"] for x in parts])
        return True

    layer("time_embedding.linear_1", "time_embed.0")
    layer("time_embedding.linear_2", "time_embed.2")
    layer("conv_in", "input_blocks.0.0")
    layer("conv_norm_out", "out.0")
    layer("conv_out", "out.2")
    n = 1
    for level in range(levels):
        for k in range(layers):
            resnet(f"down_blocks.{level}.resnets.{k}", f"input_blocks.{n}.0")
            attention(f"down_blocks.{level}.attentions.{k}", f"input_blocks.{n}.1")
            n += 1
        if level < levels - 1:
            resnet(f"down_blocks.{level}.downsamplers.0", f"input_blocks.{n}.0")
            n += 1
    resnet("mid_block.resnets.0", "middle_block.0")
    attends = attention("mid_block.attentions.0", "middle_block.1")
    resnet("mid_block.resnets.1", "middle_block.2" if attends else "middle_block.1")
    n = 0
    for level in range(levels):
        for k in range(layers + 1):
            resnet(f"up_blocks.{level}.resnets.{k}", f"output_blocks.{n}.0")
            attends = attention(f"up_blocks.{level}.attentions.{k}", f"output_blocks.{n}.1")
            if k == layers and level < levels - 1:
                resnet(f"up_blocks.{level}.upsamplers.0",
                       f"output_blocks.{n}.{2 if attends else 1}")
            n += 1
    return original


def decoder_models():
    common = dict(sample_size=64, layers_per_block=1, block_out_channels=(32, 64))
    model = scramble(UNet2DConditionModel(
        in_channels=3, out_channels=6, cross_attention_dim=16, class_embed_type="identity",
        attention_head_dim=HEAD, resnet_time_scale_shift="scale_shift",
        down_block_types=("ResnetDownsampleBlock2D", "SimpleCrossAttnDownBlock2D"),
        up_block_types=("SimpleCrossAttnUpBlock2D", "ResnetUpsampleBlock2D"),
        mid_block_type="UNetMidBlock2DSimpleCrossAttn", **common), 3)
    projection = scramble(UnCLIPTextProjModel(
        clip_embeddings_dim=12, time_embed_dim=128, cross_attention_dim=16,
        clip_extra_context_tokens=4), 4)
    return model, projection


def decoder_names(state, tokens):
    """The decoder and its projection by the names of Karlo's code."""
    original = unet(state, 2, 1)
    for old, new in (("encoder_hidden_states_proj", "text_seq_proj.0"),
                     ("text_encoder_hidden_states_norm", "text_seq_proj.1"),
                     ("clip_extra_context_tokens_proj", "clip_tok_proj"),
                     ("embedding_proj", "text_feat_proj"),
                     ("clip_image_embeddings_project_to_time_embeddings", "clip_emb")):
        for kind in ("weight", "bias"):
            original[f"{new}.{kind}"] = tokens[f"{old}.{kind}"]
    original["cf_param"] = tokens["learned_classifier_free_guidance_embeddings"]
    return original


def upsampler_model(seed=5):
    return scramble(UNet2DModel(
        sample_size=64, in_channels=6, out_channels=3, layers_per_block=1,
        block_out_channels=(32, 64), resnet_time_scale_shift="default", attention_head_dim=8,
        down_block_types=("ResnetDownsampleBlock2D",) * 2, add_attention=False,
        up_block_types=("ResnetUpsampleBlock2D",) * 2), seed)
