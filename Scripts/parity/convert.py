"""Checks that what `unclip convert` writes opens in transformers and diffusers and computes the same.

Run from the root of the repository, after a build:
    python Scripts/parity/convert.py [COMMAND]
COMMAND is the built `unclip`; .build/debug/unclip is the default. Makes tiny models with random
weights, writes them by the names of their first authors, converts them with the command, opens the
folder with `from_pretrained`, and prints the largest difference of each part's output. The exit
status is 1 when one is above 1e-5 or a weight differs.
"""
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from diffusers import PriorTransformer, UNet2DConditionModel, UNet2DModel, UnCLIPScheduler
from diffusers.pipelines.deprecated.unclip.text_proj import UnCLIPTextProjModel
from transformers import (CLIPImageProcessor, CLIPTextModelWithProjection,
                          CLIPVisionModelWithProjection)

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "golden"))
import conversion  # noqa: E402

LIMIT = 1e-5


def wave(*shape, phase=0.0):
    count = torch.Size(shape).numel()
    return torch.cos(0.5 * torch.arange(count, dtype=torch.float32) + phase).reshape(shape)


def convert(command, folder, *files, options=()):
    subprocess.run([command, "convert", *files, "--out", folder, "--head-width",
                    str(conversion.HEAD), "--dtype", "float32", *options], check=True,
                   stdout=subprocess.DEVNULL)


class Table:
    def __init__(self):
        self.worst = 0.0

    def compare(self, name, ours, theirs):
        difference = (ours - theirs).abs().max().item()
        self.worst = max(self.worst, difference)
        print(f"{name:24} {difference:.3g}")

    def state(self, name, ours, theirs):
        ours, theirs = ours.state_dict(), theirs.state_dict()
        same = ours.keys() == theirs.keys() and all(torch.equal(ours[k], theirs[k]) for k in ours)
        print(f"{name:24} {'equal' if same else 'DIFFERENT'} weights")
        if not same:
            self.worst = float("inf")


def clip(command, root, table):
    # The activation decides which configuration the peer needs; both are tried.
    for activation in ("quick_gelu", "gelu"):
        model, original = conversion.clip_model(activation)
        model = model.float()
        torch.save(original, root / f"clip_{activation}.pt")
        out = root / activation
        convert(command, out, root / f"clip_{activation}.pt", options=["--activation", activation])
        text = CLIPTextModelWithProjection.from_pretrained(out / "text_encoder").eval()
        vision = CLIPVisionModelWithProjection.from_pretrained(out / "image_encoder").eval()
        CLIPImageProcessor.from_pretrained(out / "feature_extractor")
        ids = torch.tensor([[48, 5, 7, 49, 49, 49, 49, 49, 49], [48, 1, 2, 3, 4, 5, 6, 7, 49]])
        pixels = wave(2, 3, 16, 16)
        both = model(input_ids=ids, pixel_values=pixels)
        unit = torch.nn.functional.normalize
        table.compare(f"text ({activation})", unit(text(ids).text_embeds), both.text_embeds)
        table.compare(f"vision ({activation})", unit(vision(pixels).image_embeds),
                      both.image_embeds)


def karlo(command, root, table):
    prior, names, statistics = conversion.prior_model()
    unet, projection = (x.float() for x in conversion.decoder_models())
    first, last = (conversion.upsampler_model(seed).float() for seed in (5, 6))
    torch.save({"state_dict": {"model." + k: v.float() for k, v in names.items()}},
               root / "prior.ckpt")
    torch.save(statistics, root / "stats.th")
    torch.save({"state_dict": {"model." + k: v for k, v in conversion.decoder_names(
        unet.state_dict(), projection.state_dict()).items()}}, root / "decoder.ckpt")
    torch.save({"state_dict": {
        prefix + k: v for prefix, model in (("model_first_steps.", first),
                                            ("model_last_step.", last))
        for k, v in conversion.unet(model.state_dict(), 2, 1).items()}}, root / "sr.ckpt")
    out = root / "karlo"
    convert(command, out, *(root / x for x in ("sr.ckpt", "stats.th", "prior.ckpt",
                                               "decoder.ckpt")))
    prior = prior.float()
    prior.clip_mean.data, prior.clip_std.data = (x[None] for x in statistics)
    opened = PriorTransformer.from_pretrained(out / "prior").eval()
    table.state("prior", opened, prior)
    arguments = dict(timestep=37, proj_embedding=wave(2, 12, phase=1),
                     encoder_hidden_states=wave(2, 5, 12, phase=2))
    table.compare("prior", opened(wave(2, 12), **arguments).predicted_image_embedding,
                  prior(wave(2, 12), **arguments).predicted_image_embedding)
    opened = UnCLIPTextProjModel.from_pretrained(out / "text_proj")
    table.state("text_proj", opened, projection)
    opened = UNet2DConditionModel.from_pretrained(out / "decoder").eval()
    table.state("decoder", opened, unet)
    arguments = dict(encoder_hidden_states=wave(1, 9, 16, phase=1),
                     class_labels=wave(1, 128, phase=2))
    table.compare("decoder", opened(wave(1, 3, 16, 16), 500, **arguments).sample,
                  unet(wave(1, 3, 16, 16), 500, **arguments).sample)
    for part, model in (("super_res_first", first), ("super_res_last", last)):
        opened = UNet2DModel.from_pretrained(out / part).eval()
        table.state(part, opened, model)
        table.compare(part, opened(wave(1, 6, 16, 16), 166).sample,
                      model(wave(1, 6, 16, 16), 166).sample)
    for part in ("prior", "decoder", "super_res"):
        UnCLIPScheduler.from_pretrained(out / f"{part}_scheduler")


def main():
    command = sys.argv[1] if len(sys.argv) > 1 else ".build/debug/unclip"
    table = Table()
    with tempfile.TemporaryDirectory() as folder, torch.no_grad():
        clip(command, Path(folder), table)
        karlo(command, Path(folder), table)
    sys.exit(0 if table.worst <= LIMIT else 1)


main()
