"""The case `op` in PyTorch: one addition of two tensors of four elements, called from Python."""

import json
import statistics
import time

import torch

torch.set_num_threads(1)
a = torch.tensor([1.0, 2, 3, 4])
b = torch.tensor([5.0, 6, 7, 8])
COUNT = 100_000
times = []
with torch.no_grad():
    for run in range(8):
        start = time.perf_counter()
        for _ in range(COUNT):
            a + b
        if run:
            times.append((time.perf_counter() - start) / COUNT)
print(json.dumps(dict(case="op", side="peer", runs=len(times), shape="add [4]",
                      min_seconds=min(times), median_seconds=statistics.median(times))))
