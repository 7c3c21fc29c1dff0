"""The case `training-step` in PyTorch: the `small` decoder in PyTorch eager.

The same networks (diffusers' classes), loss (squared error of the clean image) and AdamW, on the
same batch shape.
"""

import json
import math
import os
import statistics
import time

import torch
from diffusers import UNet2DConditionModel
from diffusers.pipelines.deprecated.unclip.text_proj import UnCLIPTextProjModel
from torch.nn.functional import pixel_shuffle, pixel_unshuffle

threads = int(os.environ.get("THREADS", os.cpu_count()))
size = int(os.environ.get("SIZE", 64))
torch.set_num_threads(threads)
BATCH, D, LENGTH, T = 16, 192, 32, 1000

unet = UNet2DConditionModel(
    sample_size=64, in_channels=48, out_channels=48, layers_per_block=1,
    block_out_channels=(64, 96, 96), norm_num_groups=8, attention_head_dim=32,
    cross_attention_dim=128, class_embed_type="identity", resnet_time_scale_shift="scale_shift",
    down_block_types=("ResnetDownsampleBlock2D",) + ("SimpleCrossAttnDownBlock2D",) * 2,
    mid_block_type="UNetMidBlock2DSimpleCrossAttn",
    up_block_types=("SimpleCrossAttnUpBlock2D",) * 2 + ("ResnetUpsampleBlock2D",),
).to(memory_format=torch.channels_last)
projection = UnCLIPTextProjModel(clip_embeddings_dim=D, time_embed_dim=256, cross_attention_dim=128)
parameters = list(unet.parameters()) + list(projection.parameters())
optimizer = torch.optim.AdamW(parameters, lr=1e-4, weight_decay=0.01, fused=True)

f = lambda u: math.cos((u + 0.008) / 1.008 * math.pi / 2) ** 2
betas = torch.tensor([min(1 - f((i + 1) / T) / f(i / T), 0.999) for i in range(T)], dtype=torch.float64)
bars = torch.cumprod(1 - betas, 0)
signal, spread = bars.sqrt().float(), (1 - bars).sqrt().float()


def at(table, t):
    return table[t].reshape(-1, 1, 1, 1)


def loss(images, embedding, text, states, none, none_states):
    b = images.shape[0]
    t = torch.randint(0, T, (b,))
    noise = torch.randn_like(images)
    drop_text = torch.rand(b) < 0.5
    drop_image = torch.rand(b) < 0.1
    text = torch.where(drop_text[:, None], none, text)
    states = torch.where(drop_text[:, None, None], none_states, states)
    null = projection.learned_classifier_free_guidance_embeddings
    embedding = torch.where(drop_image[:, None], null[None], embedding)
    tokens, label = projection(image_embeddings=embedding, prompt_embeds=text,
                               text_encoder_hidden_states=states,
                               do_classifier_free_guidance=False)
    x = at(signal, t) * images + at(spread, t) * noise
    mask = torch.ones(b, tokens.shape[1])
    grid = pixel_unshuffle(x, 4).contiguous(memory_format=torch.channels_last)
    y = pixel_shuffle(unet(grid, t, encoder_hidden_states=tokens, class_labels=label,
                           attention_mask=mask).sample, 4)
    return ((y - images) ** 2).flatten(1).mean(1).mean()


images = torch.randn(BATCH, 3, size, size).clamp(-1, 1)
batch = (images, torch.randn(BATCH, D), torch.randn(BATCH, D), torch.randn(BATCH, LENGTH, D),
         torch.randn(1, D), torch.randn(1, LENGTH, D))
times = []
for run in range(28):
    start = time.perf_counter()
    loss(*batch).backward()
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    if run >= 3:
        times.append(time.perf_counter() - start)
weights = sum(p.numel() for p in parameters)
print(json.dumps(dict(case="training-step", side="peer", runs=len(times),
                      shape=f"small decoder, {weights} weights, {BATCH} of {size} px",
                      min_seconds=min(times), median_seconds=statistics.median(times))))
