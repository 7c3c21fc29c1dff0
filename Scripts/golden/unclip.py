"""Golden files of the unCLIP networks at tiny sizes: diffusers' own classes with random weights.

Writes Tests/Golden/unclip/<case>.safetensors with weights.*, inputs and outputs, and <case>.json,
the configuration as diffusers saves it.
"""

import diffusers
import torch
from diffusers import PriorTransformer, UNet2DConditionModel, UNet2DModel
from diffusers.pipelines.deprecated.unclip.text_proj import UnCLIPTextProjModel
from torch.nn.functional import pixel_shuffle, pixel_unshuffle

from common import Area, grouped, randomise, weights

AREA = Area("unclip", __file__, ["diffusers", "torch"], range(1, 11))


def save(name, model, tensors, gradients={}, **extra):
    AREA.save(name, weights(model) | tensors | grouped("gradients", gradients))
    config = {k: v for k, v in dict(model.config).items() if k != "_use_default_values"}
    config["_class_name"] = type(model).__name__
    config |= extra
    config["_diffusers_version"] = diffusers.__version__
    AREA.json(name, config, indent=2, sort_keys=True)


def decoder():
    g = torch.Generator().manual_seed(1)
    model = randomise(
        UNet2DConditionModel(
            sample_size=8, in_channels=3, out_channels=6, layers_per_block=1,
            block_out_channels=(8, 12), norm_num_groups=4, attention_head_dim=4,
            cross_attention_dim=12, class_embed_type="identity",
            resnet_time_scale_shift="scale_shift",
            down_block_types=("ResnetDownsampleBlock2D", "SimpleCrossAttnDownBlock2D"),
            mid_block_type="UNetMidBlock2DSimpleCrossAttn",
            up_block_types=("SimpleCrossAttnUpBlock2D", "ResnetUpsampleBlock2D"),
        ), 2)
    x = torch.randn(2, 3, 8, 8, generator=g)
    t = torch.tensor([500, 3])
    context = torch.randn(2, 7, 12, generator=g)
    label = torch.randn(2, 32, generator=g)
    mask = torch.tensor([[1, 1, 1, 1, 1, 0, 0], [1] * 7])
    y = model(x, t, encoder_hidden_states=context, class_labels=label,
              attention_mask=mask).sample
    loss = (y * torch.cos(torch.arange(y.numel()).reshape(y.shape) * 0.1)).sum()
    names = ["conv_in.weight", "down_blocks.1.attentions.0.add_k_proj.weight",
             "up_blocks.1.resnets.1.conv_shortcut.weight", "mid_block.attentions.0.to_q.bias"]
    parameters = dict(model.named_parameters())
    grads = torch.autograd.grad(loss, [parameters[n] for n in names])
    save("decoder", model,
         dict(sample=x, timesteps=t, context=context, classEmbedding=label, mask=mask.bool(),
              output=y.detach()),
         dict(zip(names, grads)))


def upsampler():
    g = torch.Generator().manual_seed(3)
    model = randomise(
        UNet2DModel(
            sample_size=16, in_channels=6, out_channels=3, layers_per_block=1,
            block_out_channels=(8, 12), norm_num_groups=4, add_attention=False,
            resnet_time_scale_shift="default",
            down_block_types=("ResnetDownsampleBlock2D",) * 2,
            up_block_types=("ResnetUpsampleBlock2D",) * 2,
        ), 4)
    x = torch.randn(2, 6, 16, 16, generator=g)
    t = torch.tensor([166, 999])
    save("upsampler", model, dict(sample=x, timesteps=t, output=model(x, t).sample.detach()))


def patched():
    """A U-Net on squares of 2x2 pixels: diffusers', between PyTorch's pixel_(un)shuffle."""
    g = torch.Generator().manual_seed(9)
    model = randomise(
        UNet2DModel(
            sample_size=16, in_channels=24, out_channels=12, layers_per_block=1,
            block_out_channels=(8, 12), norm_num_groups=4, add_attention=False,
            resnet_time_scale_shift="scale_shift",
            down_block_types=("ResnetDownsampleBlock2D",) * 2,
            up_block_types=("ResnetUpsampleBlock2D",) * 2,
        ), 10)
    x = torch.randn(2, 6, 16, 16, generator=g)
    t = torch.tensor([20, 700])
    y = pixel_shuffle(model(pixel_unshuffle(x, 2), t).sample, 2)
    save("patched", model, dict(sample=x, timesteps=t, output=y.detach()), patch_size=2)


def prior():
    g = torch.Generator().manual_seed(5)
    model = randomise(
        PriorTransformer(num_attention_heads=2, attention_head_dim=8, num_layers=2,
                         embedding_dim=12, num_embeddings=5, additional_embeddings=4), 6)
    x = torch.randn(2, 12, generator=g)
    t = torch.tensor([37, 37])
    text = torch.randn(2, 12, generator=g)
    states = torch.randn(2, 5, 12, generator=g)
    mask = torch.tensor([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]]).bool()
    y = model(x, t, proj_embedding=text, encoder_hidden_states=states,
              attention_mask=mask).predicted_image_embedding
    z = model.post_process_latents(x)
    save("prior", model, dict(sample=x, timesteps=t, embedding=text, encodings=states, mask=mask,
                              output=y.detach(), restored=z.detach()))


def text_projection():
    g = torch.Generator().manual_seed(7)
    model = randomise(
        UnCLIPTextProjModel(clip_extra_context_tokens=4, clip_embeddings_dim=12,
                            time_embed_dim=32, cross_attention_dim=16), 8)
    image = torch.randn(2, 12, generator=g)
    text = torch.randn(4, 12, generator=g)
    states = torch.randn(4, 5, 12, generator=g)
    tokens, label = model(image_embeddings=image, prompt_embeds=text,
                          text_encoder_hidden_states=states, do_classifier_free_guidance=True)
    save("text_projection", model, dict(image=image, embedding=text, encodings=states,
                                        context=tokens.detach(), classEmbedding=label.detach()))


if __name__ == "__main__":
    torch.set_num_threads(1)
    decoder()
    upsampler()
    patched()
    prior()
    text_projection()
    AREA.finish()
