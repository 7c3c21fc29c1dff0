"""Makes Tests/Golden/diffusion: schedules, steps and losses of diffusers.

Two peers: diffusers' schedulers, called; and guided-diffusion, whose formulas (DDPM, IDDPM) are
written out below in float64 NumPy.
"""

import math

import numpy as np
import torch
from diffusers import (
    DDIMInverseScheduler, DDIMScheduler, DPMSolverMultistepScheduler, UnCLIPScheduler)
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import rescale_noise_cfg

from common import Area

SEED = 20
AREA = Area("diffusion", __file__, ["diffusers", "torch", "numpy"], [SEED, SEED + 1])
save = AREA.save


# Formulas of DDPM and IDDPM, float64.


def cosine_betas(steps):
    def f(u):
        return math.cos((u + 0.008) / 1.008 * math.pi / 2) ** 2

    return np.array([min(1 - f((i + 1) / steps) / f(i / steps), 0.999) for i in range(steps)])


def linear_betas(steps):
    return np.linspace(0.1 / steps, 20 / steps, steps)


class Tables:
    def __init__(self, betas):
        self.betas = betas
        self.bars = np.cumprod(1 - betas)
        self.before = np.concatenate([[1.0], self.bars[:-1]])
        self.variance = betas * (1 - self.before) / (1 - self.bars)
        self.log_variance = np.log(np.concatenate([self.variance[1:2], self.variance[1:]]))
        self.start = betas * np.sqrt(self.before) / (1 - self.bars)
        self.sample = (1 - self.before) * np.sqrt(1 - betas) / (1 - self.bars)

    def named(self, name):
        return {
            f"{name}.betas": self.betas,
            f"{name}.alpha_bars": self.bars,
            f"{name}.previous_alpha_bars": self.before,
            f"{name}.posterior_variance": self.variance,
            f"{name}.posterior_log_variance": self.log_variance,
            f"{name}.posterior_start": self.start,
            f"{name}.posterior_sample": self.sample,
        }


def schedules():
    out = Tables(cosine_betas(1000)).named("cosine") | Tables(linear_betas(1000)).named("linear")
    out |= {"cosine64.betas": cosine_betas(64), "linear250.betas": linear_betas(250)}
    unclip = UnCLIPScheduler()
    out |= {"cosine.float32.betas": unclip.betas, "cosine.float32.alpha_bars": unclip.alphas_cumprod}
    ddim = DDIMScheduler()
    out |= {"linear.float32.betas": ddim.betas, "linear.float32.alpha_bars": ddim.alphas_cumprod}
    # Lin et al. 2023, algorithm 1, on the linear schedule.
    root = np.sqrt(np.cumprod(1 - linear_betas(1000)))
    root = (root - root[-1]) * root[0] / (root[0] - root[-1])
    out["linear.zero_terminal.alpha_bars"] = root**2
    every = [0, 42, 83, 500, 998, 999]
    bars = np.cumprod(1 - cosine_betas(1000))[every]
    spaced = Tables(1 - bars / np.concatenate([[1.0], bars[:-1]]))
    out |= spaced.named("respaced") | {"respaced.timesteps": np.array(every)}
    save("schedules", out)


def timesteps():
    out = {}
    for n in (2, 3, 7, 15, 25, 50, 64, 100, 250, 999, 1000):
        scheduler = UnCLIPScheduler()
        scheduler.set_timesteps(n)
        out[f"uniform.{n}"] = scheduler.timesteps.flip(0)
    for spacing in ("leading", "trailing", "linspace"):
        for n in (7, 10, 50, 300):
            scheduler = DDIMScheduler(timestep_spacing=spacing)
            scheduler.set_timesteps(n)
            out[f"{spacing}.{n}"] = scheduler.timesteps.flip(0)
    for n in (1, 25, 50, 100, 250):
        step = next(i for i in range(1, 1001) if len(range(0, 1000, i)) == n)
        out[f"ddim.{n}"] = torch.tensor(range(0, 1000, step))
    for counts in ((10, 10, 15, 20, 20), (7,), (1, 25), (3, 3, 3)):
        taken, first = [], 0
        for i, count in enumerate(counts):
            size = 1000 // len(counts) + (1 if i < 1000 % len(counts) else 0)
            stride = 1 if count <= 1 else (size - 1) / (count - 1)
            at = 0.0
            for _ in range(count):
                taken.append(first + round(at))
                at += stride
            first += size
        out["sections." + ",".join(map(str, counts))] = torch.tensor(taken)
    save("timesteps", out)


def walk(step, steps, shape, channels, draws):
    """Outputs, samples and noises of a chain whose model outputs are given at random."""
    draw = torch.Generator().manual_seed(SEED)
    noise = torch.Generator().manual_seed(SEED + 1)
    twin = torch.Generator().manual_seed(SEED + 1)
    sample = torch.randn(shape, generator=draw)
    rows = {"outputs": [], "samples": [sample], "starts": [], "noises": []}
    for i, t in enumerate(steps):
        output = torch.randn([shape[0], channels, *shape[2:]], generator=draw)
        result = step(output, i, t, sample, noise)
        rows["noises"].append(torch.randn(shape, generator=twin) if draws(t) else torch.zeros(shape))
        sample = result.prev_sample
        rows["outputs"].append(output)
        rows["samples"].append(sample)
        rows["starts"].append(result.pred_original_sample)
    return {k: torch.stack(v) for k, v in rows.items()}


def unclip_steps():
    out = {}
    cases = {
        "prior": (dict(prediction_type="sample", variance_type="fixed_small_log", clip_sample_range=5.0), 1),
        "decoder": (dict(prediction_type="epsilon", variance_type="learned_range"), 2),
        "upsampler": (dict(prediction_type="epsilon", variance_type="fixed_small_log"), 1),
        "unclipped": (dict(prediction_type="sample", variance_type="learned_range", clip_sample=False), 2),
    }
    for name, (settings, factor) in cases.items():
        for count in (7, 25):
            scheduler = UnCLIPScheduler(**settings)
            scheduler.set_timesteps(count)
            steps = scheduler.timesteps.tolist()

            def step(output, i, t, sample, generator):
                following = steps[i + 1] if i + 1 < len(steps) else None
                return scheduler.step(
                    output, t, sample, prev_timestep=following, generator=generator)

            rows = walk(step, steps, [2, 3, 2, 2], 3 * factor, lambda t: t > 0)
            out |= {f"{name}.{count}.{k}": v for k, v in rows.items()}
    # A process of 20 steps, each of them taken: the tabulated betas are used, not ratios.
    scheduler = UnCLIPScheduler(num_train_timesteps=20, variance_type="learned_range")
    scheduler.set_timesteps(20)
    rows = walk(
        lambda output, i, t, sample, g: scheduler.step(output, t, sample, generator=g),
        scheduler.timesteps.tolist(), [2, 3, 2, 2], 6, lambda t: t > 0)
    out |= {f"every.20.{k}": v for k, v in rows.items()}
    save("unclip_steps", out)


def ddim_steps():
    out = {}
    cases = {
        "epsilon": dict(prediction_type="epsilon"),
        "start": dict(prediction_type="sample"),
        "v": dict(prediction_type="v_prediction"),
        "unclipped": dict(prediction_type="v_prediction", clip_sample=False),
        "thresholded": dict(prediction_type="epsilon", thresholding=True, sample_max_value=2.5,
                            dynamic_thresholding_ratio=0.9),
        "linear": dict(prediction_type="sample", beta_schedule="linear"),
        "terminal": dict(prediction_type="v_prediction", beta_schedule="linear",
                         rescale_betas_zero_snr=True, timestep_spacing="trailing"),
    }
    for name, settings in cases.items():
        for eta in (0.0, 0.5):
            scheduler = DDIMScheduler(**(dict(beta_schedule="squaredcos_cap_v2") | settings))
            scheduler.set_timesteps(10)
            noises = []

            def step(output, i, t, sample, generator):
                noise = torch.randn(sample.shape, generator=generator) if eta > 0 and t > 0 else None
                still = torch.zeros_like(sample) if noise is None else noise
                return scheduler.step(
                    output, t, sample, eta=eta, use_clipped_model_output=True,
                    variance_noise=still if eta > 0 else None)

            rows = walk(step, scheduler.timesteps.tolist(), [2, 3, 2, 2], 3,
                        lambda t: eta > 0 and t > 0)
            out |= {f"{name}.{eta}.{k}": v for k, v in rows.items()}
        AREA.path(f"ddim_{name}.json").write_text(scheduler.to_json_string())
    save("ddim_steps", out)


def inversion_steps():
    out = {}
    for spacing in ("leading", "trailing"):
        scheduler = DDIMInverseScheduler(
            beta_schedule="squaredcos_cap_v2", clip_sample=False, timestep_spacing=spacing)
        scheduler.set_timesteps(10)
        rows = walk(
            lambda output, i, t, sample, g: scheduler.step(output, t, sample),
            scheduler.timesteps.tolist(), [2, 3, 2, 2], 3, lambda t: False)
        out |= {f"{spacing}.{k}": v for k, v in rows.items()}
    save("inversion_steps", out)


def solver_steps():
    out = {}
    for prediction in ("epsilon", "sample", "v_prediction"):
        scheduler = DPMSolverMultistepScheduler(
            beta_schedule="squaredcos_cap_v2", prediction_type=prediction, solver_order=2,
            algorithm_type="dpmsolver++", final_sigmas_type="zero", lower_order_final=True,
            timestep_spacing="trailing", thresholding=prediction == "epsilon",
            dynamic_thresholding_ratio=0.9, sample_max_value=2.5)
        scheduler.set_timesteps(10)
        draw = torch.Generator().manual_seed(SEED)
        sample = torch.randn([2, 3, 2, 2], generator=draw)
        outputs, samples = [], [sample]
        for t in scheduler.timesteps:
            output = torch.randn(sample.shape, generator=draw)
            sample = scheduler.step(output, t, sample).prev_sample
            outputs.append(output)
            samples.append(sample)
        out |= {
            f"{prediction}.outputs": torch.stack(outputs),
            f"{prediction}.samples": torch.stack(samples),
            f"{prediction}.timesteps": scheduler.timesteps,
        }
    save("solver_steps", out)


def training():
    """Losses by the formulas of IDDPM 3.1, on a 50-step cosine process; float64."""
    tables = Tables(cosine_betas(50))
    random = np.random.default_rng(SEED)
    t = np.array([0, 0, 1, 7, 25, 48, 49, 0])
    shape = (len(t), 3, 2, 4)
    start = random.integers(0, 256, shape) * 2 / 255 - 1
    start[0, 0, 0] = [-1, 1, -1, 1]
    noise = random.standard_normal(shape)
    output = np.concatenate(
        [random.standard_normal(shape), random.uniform(-1.2, 1.2, shape)], axis=1)

    def at(table):
        return table[t].reshape(-1, 1, 1, 1)

    sample = np.sqrt(at(tables.bars)) * start + np.sqrt(1 - at(tables.bars)) * noise
    value, mix = output[:, :3], (output[:, 3:] + 1) / 2
    log_variance = mix * np.log(at(tables.betas)) + (1 - mix) * at(tables.log_variance)
    true_mean = at(tables.start) * start + at(tables.sample) * sample
    out = {
        "timesteps": t, "start": start, "noise": noise, "sample": sample, "output": output,
        "posterior.mean": true_mean, "log_variance": log_variance,
        "large": np.log(np.concatenate([tables.variance[1:2], tables.betas[1:]]))[t],
    }

    def cdf(x):
        return 0.5 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))

    for kind in ("epsilon", "start", "v"):
        signal, deviation = np.sqrt(at(tables.bars)), np.sqrt(1 - at(tables.bars))
        predicted, target = {
            "epsilon": ((sample - deviation * value) / signal, noise),
            "start": (value, start),
            "v": (signal * sample - deviation * value, signal * noise - deviation * start),
        }[kind]
        mean = at(tables.start) * predicted + at(tables.sample) * sample
        v1, v2 = at(tables.log_variance), log_variance
        divergence = 0.5 * (v2 - v1 - 1 + np.exp(v1 - v2) + (true_mean - mean) ** 2 * np.exp(-v2))
        scale = np.exp(-0.5 * log_variance)
        above = cdf(scale * (start - mean + 1 / 255))
        below = cdf(scale * (start - mean - 1 / 255))
        likelihood = np.where(
            start < -0.999, np.log(np.maximum(above, 1e-12)),
            np.where(start > 0.999, np.log(np.maximum(1 - below, 1e-12)),
                     np.log(np.maximum(above - below, 1e-12))))
        rows = np.where(
            t == 0, -likelihood.mean((1, 2, 3)), divergence.mean((1, 2, 3))) / np.log(2)
        error = ((value - target) ** 2).mean((1, 2, 3))
        snr = tables.bars[t] / (1 - tables.bars[t])
        capped = np.minimum(snr, 5)
        weight = {"epsilon": capped / snr, "start": capped, "v": capped / (snr + 1)}[kind]
        out |= {
            f"{kind}.predicted_start": predicted, f"{kind}.target": target, f"{kind}.bound": rows,
            f"{kind}.error": error, f"{kind}.weight": weight,
            f"{kind}.total": np.array([(error + rows * 50 / 1000).mean()]),
            f"{kind}.weighted_total": np.array([(weight * error + rows * 50 / 1000).mean()]),
            f"{kind}.epsilon": (sample - signal * predicted) / deviation,
        }
    # Analytic-DPM, theorem 1 with the clip at the data's variance, on a respaced chain.
    moments = np.linspace(1.02, 0.35, 50)[::-1].copy()
    visited = np.array([0, 7, 25, 40, 49])
    bars = tables.bars[visited]
    before = np.concatenate([[1.0], bars[:-1]])
    skip = 1 - bars / before
    spread = np.clip((1 - bars) / bars * (1 - np.minimum(moments[visited], 1)), 0, 1)
    out |= {
        "analytic.moments": moments, "analytic.timesteps": visited,
        "analytic.variance": skip * (1 - before) / (1 - bars) + before * skip**2 / (1 - bars) ** 2 * spread,
    }
    save("training", out)


def guidance():
    draw = torch.Generator().manual_seed(SEED)
    conditional = torch.randn([3, 6, 4, 5], generator=draw)
    unconditional = torch.randn([3, 6, 4, 5], generator=draw)
    u, c = unconditional[:, :3], conditional[:, :3]
    mixed = u + 8.0 * (c - u)
    rescaled = rescale_noise_cfg(mixed, c, guidance_rescale=0.7)
    out = {
        "conditional": conditional, "unconditional": unconditional,
        "guided": torch.cat([mixed, conditional[:, 3:]], 1),
        "rescaled": torch.cat([rescaled, conditional[:, 3:]], 1),
    }
    start = torch.randn([3, 3, 5, 5], generator=draw) * torch.tensor([0.3, 1.0, 4.0]).view(3, 1, 1, 1)
    out["start"] = start
    for ratio, cap in ((0.995, 1.0), (0.9, 100.0), (0.95, 2.0)):
        scheduler = DDIMScheduler(
            thresholding=True, dynamic_thresholding_ratio=ratio, sample_max_value=cap)
        out[f"threshold.{ratio}.{cap}"] = scheduler._threshold_sample(start)
    save("guidance", out)


if __name__ == "__main__":
    for make in (
        schedules, timesteps, unclip_steps, ddim_steps, inversion_steps, solver_steps, training,
        guidance):
        make()
    AREA.finish()
