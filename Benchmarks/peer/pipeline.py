"""`unclip bench pipeline` in diffusers: it opens the same folder and generates from it.

Prints the same JSON fields. OUT.npy gets the image's values for a comparison, INPUTS.pt what each
network is given at its first step and what it answers, for `engine.py`.
Usage: python pipeline.py FOLDER STEPS [float32|bfloat16] [OUT.npy] [INPUTS.pt]
"""

import json
import os
import resource
import sys
import time


def since_start():
    """Seconds since the kernel started this process."""
    with open("/proc/self/stat") as stat, open("/proc/uptime") as uptime:
        began = int(stat.read().rsplit(")", 1)[1].split()[19]) / os.sysconf("SC_CLK_TCK")
        return float(uptime.read().split()[0]) - began


import torch  # noqa: E402
import diffusers  # noqa: E402
import transformers  # noqa: E402
from diffusers.pipelines.deprecated.unclip import UnCLIPPipeline  # noqa: E402
from diffusers.pipelines.deprecated.unclip.text_proj import UnCLIPTextProjModel  # noqa: E402

FOLDER, STEPS = sys.argv[1], int(sys.argv[2])
DTYPE = sys.argv[3] if len(sys.argv) > 3 else "float32"
OUT, INPUTS = (sys.argv[4:] + [None, None])[:2]

# Part by part: public folders name the projection's module by its old path, which this version
# does not look up.
KIND = {"torch_dtype": getattr(torch, DTYPE)}
with open(f"{FOLDER}/model_index.json") as index:
    classes = {key: value for key, value in json.load(index).items() if key[0] != "_"}
parts = {}
for name, (library, kind) in classes.items():
    if name in ("image_encoder", "feature_extractor"):
        continue
    home = {"diffusers": diffusers, "transformers": transformers}.get(library)
    cls = getattr(home, kind) if home else UnCLIPTextProjModel
    options = {} if "scheduler" in name or name == "tokenizer" else KIND
    parts[name] = cls.from_pretrained(f"{FOLDER}/{name}", **options)
pipeline = UnCLIPPipeline(**parts)
pipeline.set_progress_bar_config(disable=True)

seen = {}
if INPUTS:
    import inspect

    def keep(name):
        """Keeps the inputs and the output of a network's first call."""
        network = parts[name]
        forward = network.forward

        def call(*args, **kwargs):
            output = forward(*args, **kwargs)
            if name not in seen:
                given = inspect.signature(forward).bind(*args, **kwargs).arguments
                given = {**{key: value for key, value in given.items() if key != "kwargs"},
                         **given.get("kwargs", {})}
                given.pop("return_dict", None)
                given = {key: torch.as_tensor(value).clone() for key, value in given.items()
                         if value is not None}
                first = output[0] if isinstance(output, tuple) else next(iter(output.values()))
                seen[name] = (given, first.clone())
            return output

        network.forward = call

    for name in ("prior", "decoder", "super_res_first"):
        keep(name)

marks = {}
for name in ("prior", "decoder", "super_res"):
    scheduler = getattr(pipeline, f"{name}_scheduler")

    def step(*args, _step=scheduler.step, _own=marks.setdefault(name, []), **kwargs):
        result = _step(*args, **kwargs)
        _own.append(since_start())
        return result

    scheduler.step = step

begin = since_start()
image = pipeline(
    "a red apple", generator=torch.Generator().manual_seed(0), prior_num_inference_steps=STEPS,
    decoder_num_inference_steps=STEPS, super_res_num_inference_steps=STEPS, output_type="np",
).images[0]
if OUT:
    import numpy
    numpy.save(OUT, image)
if INPUTS:
    torch.save(seen, INPUTS)

stages, last = [], begin
for name, own in marks.items():
    times = sorted(b - a for a, b in zip(own, own[1:]))
    stages.append({"name": {"super_res": "upsampler"}.get(name, name),
                   "first_seconds": own[0] - last, "step_seconds": times[len(times) // 2]})
    last = own[-1]
print(json.dumps({
    "first_step_seconds": marks["prior"][0],
    "peak_memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    "stages": stages, "threads": torch.get_num_threads()}))
