"""Makes Tests/Golden/diffusion/repaint: the walk and the steps of diffusers' RePaintScheduler."""

import torch
from diffusers import RePaintScheduler

from common import Area

SEED = 22
AREA = Area("diffusion", __file__, ["diffusers", "torch"], [SEED, SEED + 1])


def walks():
    """The timesteps of a process of as many steps, ups included."""
    out = {}
    for steps, length, samples in ((10, 1, 3), (10, 3, 2), (25, 4, 5), (3, 1, 5), (5, 10, 4), (1, 1, 3)):
        scheduler = RePaintScheduler(num_train_timesteps=steps)
        scheduler.set_timesteps(steps, jump_length=length, jump_n_sample=samples)
        out[f"walk.{steps}.{length}.{samples}"] = scheduler.timesteps
    return out


def chain(eta):
    """A whole walk whose model outputs are given at random, with every noise."""
    draw = torch.Generator().manual_seed(SEED)
    noise = torch.Generator().manual_seed(SEED + 1)
    twin = torch.Generator().manual_seed(SEED + 1)
    scheduler = RePaintScheduler(
        num_train_timesteps=6, beta_schedule="squaredcos_cap_v2", eta=eta, clip_sample=False)
    scheduler.set_timesteps(6, jump_length=1, jump_n_sample=3)
    shape = [2, 3, 4, 4]
    sample = torch.randn(shape, generator=draw)
    start = torch.rand(shape, generator=draw) * 2 - 1
    mask = (torch.rand([1, 1, 4, 4], generator=draw) < 0.5).float()
    rows = {"outputs": [], "samples": [sample], "noises": []}
    last = scheduler.timesteps[0] + 1
    for t in scheduler.timesteps:
        rows["noises"].append(torch.randn(shape, generator=twin))
        if t < last:
            output = torch.randn(shape, generator=draw)
            rows["outputs"].append(output)
            sample = scheduler.step(output, t, sample, start, mask, noise).prev_sample
        else:
            sample = scheduler.undo_step(sample, last, noise)
        rows["samples"].append(sample)
        last = t
    out = {k: torch.stack(v) for k, v in rows.items()} | {"start": start, "mask": mask}
    return {f"chain.{eta}.{k}": v for k, v in out.items()}


if __name__ == "__main__":
    AREA.save("repaint", walks() | chain(0.0) | chain(1.0))
    AREA.finish()
