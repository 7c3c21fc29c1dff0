"""What the makers of golden files share.

Each maker, `Scripts/golden/<maker>.py`, opens the area of Tests/Golden that it writes to, writes
through it, and ends with `finish`, which puts the makers' versions, the seeds and the hash of each
file into the area's `manifest.json`. The test `GoldenManifestTests` compares them.

Run a maker by hand, from a virtual environment with Scripts/golden/requirements.txt:

    python Scripts/golden/clip.py

With those versions on one processor it writes the same bytes again, but for the dates in a few zip
archives and one colour profile, and its own path in TorchScript's debug records; another processor
rounds some last bits otherwise. Where a maker changed nothing else, keep the committed files and
hash them anew: python Scripts/golden/common.py
clip_tokenizer.py, pipelines.py and conversion.py each read what the one before wrote.
`Scripts/parity` imports from here, never the other way.
"""
import hashlib
import json
import shutil
from importlib import metadata
from pathlib import Path

GOLDEN = Path(__file__).resolve().parents[2] / "Tests" / "Golden"
LIMIT = 200_000  # bytes


class Area:
    """A folder of Tests/Golden, and what one maker writes there.

    `peers` names the Python packages whose values the files hold; none where they hold our own.
    `large` gives the reason for each file over the limit.
    """

    def __init__(self, name, maker, peers=(), seeds=(), large=None):
        self.folder = GOLDEN / name
        self.folder.mkdir(parents=True, exist_ok=True)
        self.maker = Path(maker).name
        self.entry = {
            # The CPU build of torch calls itself 2.13.0+cpu.
            "peers": {peer: metadata.version(peer).split("+")[0] for peer in peers},
            "seeds": list(seeds),
        }
        self.large = large or {}
        self.made = []

    def path(self, name):
        """Where a file goes."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        self.made.append(path)
        return path

    def emptied(self, name="."):
        """A folder, without what lay in it; every file that is written there counts."""
        folder = self.folder / name
        for old in folder.iterdir() if folder.exists() else ():
            if old.is_dir():
                shutil.rmtree(old)
            elif old != self.folder / "manifest.json":
                old.unlink()
        folder.mkdir(parents=True, exist_ok=True)
        self.made.append(folder)
        return folder

    def save(self, name, tensors):
        """Writes tensors, or what becomes tensors, as `name.safetensors`."""
        write(self.path(f"{name}.safetensors"), tensors)

    def json(self, name, value, end="\n", **style):
        """Writes a value as `name.json`."""
        self.path(f"{name}.json").write_text(json.dumps(value, **style) + end)

    def finish(self):
        """Hashes the files and puts this maker's part into the manifest."""
        files = set()
        for path in self.made:
            files |= {x for x in path.rglob("*") if x.is_file()} if path.is_dir() else {path}
        manifest = self.folder / "manifest.json"
        files.discard(manifest)
        hashes, large = {}, {}
        for path in sorted(files):
            name = path.relative_to(self.folder).as_posix()
            path.chmod(0o644)
            hashes[name] = digest(path)
            if path.stat().st_size > LIMIT:
                assert name in self.large, f"{name} is over {LIMIT} bytes"
                large[name] = self.large[name]
        entry = self.entry | {"files": hashes} | ({"large": large} if large else {})
        whole = json.loads(manifest.read_text()) if manifest.exists() else {}
        whole[self.maker] = entry
        store(manifest, whole)
        print(f"{self.folder.name}: {len(files)} files, "
              f"{sum(x.stat().st_size for x in files)} bytes")


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def store(manifest, entries):
    manifest.write_text(json.dumps(entries, sort_keys=True, indent=1) + "\n")


def write(path, tensors):
    """A safetensors file of copies: tensors that share storage cannot be saved together."""
    import torch
    from safetensors.torch import save_file

    save_file({key: torch.as_tensor(value).detach().clone().contiguous()
               for key, value in tensors.items()}, path)


def weights(module, group="weights"):
    """A module's parameters and buffers as a group of tensors."""
    return grouped(group, module.state_dict())


def gradients(module, group="gradients"):
    """The gradients of a module's parameters as a group of tensors."""
    return grouped(group, {key: value.grad for key, value in module.named_parameters()})


def grouped(group, tensors):
    """Tensors under `group.`, as copies that later steps leave alone."""
    return {f"{group}.{key}": value.detach().clone() for key, value in tensors.items()}


def randomise(model, seed, scale=0.08, norms=1):
    """Random weights everywhere: zero-initialised layers and unit norms would hide mistakes.

    The weights of norms lie around `norms`.
    """
    import torch

    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in model.named_parameters():
            value.copy_(torch.randn(value.shape, generator=random) * scale)
            if "norm" in name and name.endswith("weight"):
                value.add_(norms)
    return model.eval()


def main():
    """Hashes anew what the manifests list."""
    for manifest in sorted(GOLDEN.glob("*/manifest.json")):
        entries = json.loads(manifest.read_text())
        for entry in entries.values():
            entry["files"] = {name: digest(manifest.parent / name) for name in entry["files"]}
        store(manifest, entries)


if __name__ == "__main__":
    main()
