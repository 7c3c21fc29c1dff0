"""`unclip generate` in diffusers: a cold Python process that generates one image.

Random weights of the sizes of `Models/small`, the same steps: what is measured is the work, not
the image. Usage: python generate.py OUT.png
"""

import sys

import torch
from diffusers import PriorTransformer, UNet2DConditionModel, UNet2DModel, UnCLIPScheduler
from diffusers.pipelines.deprecated.unclip.text_proj import UnCLIPTextProjModel
from PIL import Image
from torch.nn.functional import pixel_shuffle, pixel_unshuffle
from transformers import CLIPTextConfig, CLIPTextModelWithProjection

OUT = sys.argv[1]
PRIOR_STEPS, DECODER_STEPS, UPSAMPLER_STEPS, CANDIDATES = 25, 25, 7, 2
g = torch.Generator().manual_seed(7)
with torch.no_grad():
    text_encoder = CLIPTextModelWithProjection(CLIPTextConfig(
        hidden_size=192, intermediate_size=768, num_hidden_layers=3, num_attention_heads=4,
        max_position_embeddings=32, vocab_size=2048, projection_dim=192, eos_token_id=2)).eval()
    prior = PriorTransformer(num_attention_heads=4, attention_head_dim=48, num_layers=4,
                             embedding_dim=192, num_embeddings=32).eval()
    projection = UnCLIPTextProjModel(clip_embeddings_dim=192, time_embed_dim=256,
                                     cross_attention_dim=128).eval()
    decoder = UNet2DConditionModel(
        sample_size=64, in_channels=48, out_channels=48, layers_per_block=1,
        block_out_channels=(64, 96, 96), norm_num_groups=8, attention_head_dim=32,
        cross_attention_dim=128, class_embed_type="identity",
        resnet_time_scale_shift="scale_shift",
        down_block_types=("ResnetDownsampleBlock2D",) + ("SimpleCrossAttnDownBlock2D",) * 2,
        mid_block_type="UNetMidBlock2DSimpleCrossAttn",
        up_block_types=("SimpleCrossAttnUpBlock2D",) * 2 + ("ResnetUpsampleBlock2D",)).eval()
    upsampler = UNet2DModel(
        sample_size=256, in_channels=24, out_channels=12, layers_per_block=1,
        block_out_channels=(16, 24), norm_num_groups=8, add_attention=False,
        resnet_time_scale_shift="scale_shift",
        down_block_types=("ResnetDownsampleBlock2D",) * 2,
        up_block_types=("ResnetUpsampleBlock2D",) * 2).eval()

    def scheduler(kind, variance, bound, steps):
        s = UnCLIPScheduler(prediction_type=kind, variance_type=variance, clip_sample_range=bound)
        s.set_timesteps(steps)
        return s

    def loop(s, x, predict):
        for i, t in enumerate(s.timesteps):
            after = s.timesteps[i + 1] if i + 1 < len(s.timesteps) else None
            x = s.step(predict(x, t), t, x, generator=g, prev_timestep=after).prev_sample
        return x

    ids = torch.zeros(2, 32, dtype=torch.long)
    ids[:, 0], ids[0, 1], ids[1, 1:5] = 2046, 2047, torch.tensor([5, 6, 7, 2047])
    encoded = text_encoder(ids)
    embeds, states = encoded.text_embeds, encoded.last_hidden_state
    mask = torch.ones(2, 32).bool()
    pairs = [x.repeat_interleave(CANDIDATES, 0) for x in (embeds, states, mask)]

    def prior_step(x, t):
        y = prior(torch.cat([x, x]), t, proj_embedding=pairs[0], encoder_hidden_states=pairs[1],
                  attention_mask=pairs[2]).predicted_image_embedding
        u, c = y.chunk(2)
        return u + 2 * (c - u)

    z = loop(scheduler("sample", "fixed_small_log", 5, PRIOR_STEPS),
             torch.randn(CANDIDATES, 192, generator=g), prior_step)
    z = prior.post_process_latents(z)
    z = z[(z @ embeds[1]).argmax()][None]
    context, label = projection(image_embeddings=z, prompt_embeds=embeds,
                                text_encoder_hidden_states=states,
                                do_classifier_free_guidance=True)
    seen = torch.ones(2, context.shape[1])

    def decoder_step(x, t):
        grid = pixel_unshuffle(torch.cat([x, x]), 4)
        y = pixel_shuffle(decoder(grid, t, encoder_hidden_states=context, class_labels=label,
                                  attention_mask=seen).sample, 4)
        u, c = y.chunk(2)
        return u + 2 * (c - u)

    small = loop(scheduler("sample", "fixed_small_log", 1, DECODER_STEPS),
                 torch.randn(1, 3, 64, 64, generator=g), decoder_step).clamp(-1, 1)
    wide = torch.nn.functional.interpolate(small, size=256, mode="bicubic", antialias=True)
    large = loop(scheduler("sample", "fixed_small_log", 1, UPSAMPLER_STEPS),
                 torch.randn(1, 3, 256, 256, generator=g),
                 lambda x, t: pixel_shuffle(
                     upsampler(pixel_unshuffle(torch.cat([x, wide], 1), 2), t).sample, 2)
                 ).clamp(-1, 1)
    pixels = ((large[0] * 0.5 + 0.5) * 255).round().byte().permute(1, 2, 0).numpy()
    Image.fromarray(pixels).save(OUT)
