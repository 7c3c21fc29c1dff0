"""One network of a folder in an engine that a user of diffusers might try: PyTorch as it is,
torch.compile with frozen weights, or OpenVINO.

The network is alone in memory and gets the inputs that `pipeline.py` wrote of a first step.
Prints JSON: seconds until it is ready (conversion, compilation and the first call), the median of
the further calls, peak memory, and the largest difference to PyTorch's values, relative to the largest of those.
Usage: python engine.py FOLDER PART INPUTS.pt CALLS [eager|compile|openvino] [float32|bfloat16]
"""

import json
import resource
import sys
import time

import torch
import diffusers

FOLDER, PART, INPUTS, CALLS = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
ENGINE = sys.argv[5] if len(sys.argv) > 5 else "eager"
DTYPE = getattr(torch, sys.argv[6] if len(sys.argv) > 6 else "float32")

with open(f"{FOLDER}/model_index.json") as index:
    kind = json.load(index)[PART][1]
inputs, expected = torch.load(INPUTS, weights_only=True)[PART]
network = getattr(diffusers, kind).from_pretrained(f"{FOLDER}/{PART}", torch_dtype=DTYPE).eval()


def first(output):
    """The tensor of a network's output, whatever holds it."""
    if isinstance(output, dict):
        output = next(iter(output.values()))
    return output[0] if isinstance(output, tuple) else output


class Positional(torch.nn.Module):
    """The network with its inputs in order, as OpenVINO takes them."""

    def __init__(self):
        super().__init__()
        self.network = network

    def forward(self, *values):
        return first(self.network(**dict(zip(inputs, values)), return_dict=False))


torch.set_grad_enabled(False)
begin = time.perf_counter()
if ENGINE == "compile":
    import torch._inductor.config
    torch._inductor.config.freezing = True
    compiled = torch.compile(network)

    def call():
        return first(compiled(**inputs, return_dict=False))
elif ENGINE == "openvino":
    import openvino
    values = [torch.as_tensor(value) for value in inputs.values()]
    converted = openvino.convert_model(Positional(), example_input=tuple(values))
    precision = {torch.float32: "f32", torch.bfloat16: "bf16"}[DTYPE]
    ready = openvino.Core().compile_model(
        converted, "CPU",
        {"INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "LATENCY",
         "INFERENCE_NUM_THREADS": torch.get_num_threads()})
    network = converted = None
    arrays = [value.float().numpy() if value.dtype == torch.bfloat16 else value.numpy()
              for value in values]

    def call():
        return torch.from_numpy(next(iter(ready(arrays).values())))
else:
    def call():
        return first(network(**inputs, return_dict=False))

output = call().float()
seconds_until_ready = time.perf_counter() - begin
times = []
for _ in range(CALLS):
    begin = time.perf_counter()
    call()
    times.append(time.perf_counter() - begin)
print(json.dumps({
    "part": PART, "engine": ENGINE, "ready_seconds": seconds_until_ready,
    "step_seconds": sorted(times)[len(times) // 2],
    "difference": ((output - expected.float()).abs().max() / expected.float().abs().max()).item(),
    "peak_memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))
