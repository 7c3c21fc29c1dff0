"""Tiny models in the layouts of their first authors and in that of diffusers and transformers.

For each case there is the original file, made from diffusers' weights by the names that the
original code has, and diffusers' own state dict, to which the conversion must come back.
"""
import zipfile

import torch
from safetensors.torch import load_file

from common import GOLDEN, Area
from layouts import (clip_model, decoder_models, decoder_names, prior_model, unet,
                     upsampler_model)

AREA = Area("conversion", __file__, ["transformers", "diffusers", "torch"], range(1, 6))


def save(name, state):
    torch.save(state, AREA.path(name))


def clip():
    model, original = clip_model()
    state = model.state_dict()
    AREA.save("clip", state)
    # The file of transformers, with the buffers that its older versions wrote.
    save("clip_transformers.bin", {
        **state, "text_model.embeddings.position_ids": torch.arange(9)[None],
        "vision_model.embeddings.position_ids": torch.arange(17)[None]})
    save("clip_open.pt", {"epoch": 3, "name": "tiny",
                          "state_dict": {"module." + k: v for k, v in original.items()}})
    marks = dict(input_resolution=torch.tensor(16), context_length=torch.tensor(9),
                 vocab_size=torch.tensor(50))
    save("clip_openai.pt", {**original, **marks})
    torch.jit.script(tree({**original, **marks})).save(str(AREA.path("clip_script.pt")))


class Node(torch.nn.Module):
    def forward(self):
        return 0


def tree(state):
    """Modules in modules that have these keys, as OpenAI's archive has them."""
    root = Node()
    for key, value in state.items():
        *path, name = key.split(".")
        node = root
        for part in path:
            if part not in dict(node.named_children()):
                node.add_module(part, Node())
            node = dict(node.named_children())[part]
        node.register_buffer(name, value.contiguous().clone())
    return root


def prior():
    model, original, statistics = prior_model()
    AREA.save("prior", {**model.state_dict(), "clip_mean": statistics[0][None],
                     "clip_std": statistics[1][None]})
    save("prior.ckpt", {"state_dict": {"model." + k: v for k, v in original.items()}})
    save("stats.th", statistics)


def marked(state):
    """Row r of the n-th tensor holds 1000 n + r: files of such tensors deflate to little."""
    found = {}
    for n, (key, value) in enumerate(sorted(state.items())):
        rows = torch.arange(value.shape[0], dtype=torch.float32) + 1000 * n
        found[key] = rows.reshape(-1, *[1] * (value.dim() - 1)).expand(value.shape).contiguous()
    return found


def save_deflated(name, state):
    save(name, {"state_dict": state})
    file = AREA.path(name)
    with zipfile.ZipFile(file) as source:
        entries = [(x, source.read(x)) for x in source.namelist()]
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as target:
        for entry, content in entries:
            target.writestr(entry, content)


def networks():
    state, tokens = (marked(x.state_dict()) for x in decoder_models())
    save_deflated("decoder.ckpt", {"model." + k: v for k, v in decoder_names(
        state, tokens).items()})
    steps = marked(upsampler_model().state_dict())
    names = unet(steps, 2, 1)
    save_deflated("upsampler.ckpt", {
        prefix + k: v for prefix in ("model_first_steps.", "model_last_step.")
        for k, v in names.items()})
    shapes = {"decoder": state, "text_proj": tokens, "super_res_first": steps,
              "super_res_last": steps}
    AREA.json("networks", {
        name: {k: list(v.shape) for k, v in x.items()} for name, x in shapes.items()}, end="")


def pickled_folder():
    """Two parts of the golden pipeline as older transformers and diffusers write: one pickle, and
    several with an index."""
    model = GOLDEN / "pipeline" / "model"
    save("pickled/prior/diffusion_pytorch_model.bin",
         load_file(model / "prior" / "diffusion_pytorch_model.safetensors"))
    state = load_file(model / "text_encoder" / "model.safetensors")
    keys = sorted(state)
    # transformers kept the positions beside the weights in those days.
    state["text_model.embeddings.position_ids"] = torch.arange(4)[None]
    shards = {"pytorch_model-00001-of-00002.bin": keys[::2],
              "pytorch_model-00002-of-00002.bin": keys[1::2] + [
                  "text_model.embeddings.position_ids"]}
    for name, own in shards.items():
        save(f"pickled/text_encoder/{name}", {k: state[k] for k in own})
    AREA.json("pickled/text_encoder/pytorch_model.bin.index", {
        "metadata": {"total_size": sum(v.numel() * v.element_size() for v in state.values())},
        "weight_map": {k: name for name, own in shards.items() for k in own}}, end="", indent=1)


if __name__ == "__main__":
    clip()
    prior()
    networks()
    networks()
    pickled_folder()
    AREA.finish()
