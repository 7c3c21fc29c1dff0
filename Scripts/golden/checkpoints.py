"""Files of PyTorch's zip and pickle format: honest ones with the tensors in them, and ones made to
mislead, with words of the error that must refuse them.
"""
import collections
import io
import os
import pickle
import struct
import tarfile
import zipfile
from unittest import mock

import torch

from common import Area

AREA = Area("checkpoints", __file__, ["torch"], [1])
TYPES = ["uint8", "int8", "int16", "int32", "int64", "bool", "float16", "bfloat16", "float32",
         "float64", "uint16", "uint32", "uint64", "float8_e5m2", "float8_e4m3fn"]


class Inner(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.proj = torch.nn.Linear(3, 2)
        self.names = [1, 2]

    def forward(self, x):
        return self.proj(x)


class Outer(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = Inner().half()
        self.scale = torch.nn.Parameter(torch.tensor(2.5))
        self.register_buffer("size", torch.tensor(7))

    def forward(self, x):
        return self.inner(x) * self.scale


def honest():
    """Each case's value; the tensors in it are found under dotted names."""
    torch.manual_seed(1)
    base = torch.randn(6, 5)
    cases = {
        "types": {name: (torch.arange(6) % 2).to(getattr(torch, name)).reshape(2, 3)
                  for name in TYPES},
        "views": {"whole": base, "rows": base[2:4], "transposed": base.t(), "column": base[:, 1],
                  "every": base[::2, ::3], "element": base[5, 4], "empty": base[:0],
                  "permuted": torch.arange(24.).reshape(2, 3, 4).permute(2, 0, 1)},
        "state": torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4)).state_dict(),
        "parameters": {"w": torch.nn.Parameter(base.clone()),
                       "frozen": torch.nn.Parameter(base[1].clone(), requires_grad=False)},
        "nested": {"epoch": 3, "lr": 1e-4, "name": "tiny", "done": True, "nothing": None,
                   "big": 1 << 40, "negative": -(1 << 33), "size": torch.Size([2, 3]),
                   "state_dict": collections.OrderedDict(a=base[0].clone(), b=base[1].clone()),
                   "moments": [base[2].clone(), (base[3].clone(), {7: base[4].clone()})]},
        "negated": {"w": torch._neg_view(base), "rows": torch._neg_view(base)[::2, 1:3],
                    "half": torch._neg_view(base.half())},
        "attributes": {"w": named(torch.nn.Parameter(base.clone())), "b": named(base[0].clone())},
    }
    # What weights_only reads beside the weights, by the protocol that torch.save is given.
    for protocol in (2, 4):
        cases[f"beside{protocol}"] = {
            "w": base, "seed": (1 << 64) - 1, "negative": -(1 << 70), "text": "a\udc80b",
            "set": {1, 2}, "empty": set(), "counter": collections.Counter("abca"),
            "complex": 1 + 2j, "bytes": b"\xff\x00", "none": b"", "array": bytearray(b"ab"),
            "layout": torch.strided, "dtype": torch.complex64, "device": torch.device("cpu")}
    return cases


def named(tensor):
    tensor.tag = "a Python attribute"
    return tensor


def flat(value, path=""):
    if isinstance(value, torch.Tensor):
        return {path: value.detach().resolve_neg()}
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, (list, tuple)):
        items = enumerate(value)
    else:
        return {}
    found = {}
    for key, item in items:
        found |= flat(item, f"{path}.{key}" if path else str(key))
    return found


def expect(name, value):
    AREA.save(name, flat(value))


def write_honest():
    for name, value in honest().items():
        protocol = int(name[-1]) if name.startswith("beside") else 2
        torch.save(value, AREA.path(f"{name}.pt"), pickle_protocol=protocol)
        expect(name, value)
    module = Outer().eval()
    torch.jit.script(module).save(str(AREA.path("script.pt")))
    expect("script", dict(module.state_dict()))
    # The same archive as an ordinary program writes zip files: deflated.
    views = AREA.path("views.pt")
    with zipfile.ZipFile(views) as source, \
            zipfile.ZipFile(AREA.path("deflated.pt"), "w", zipfile.ZIP_DEFLATED) as target:
        for entry in source.namelist():
            target.writestr(entry, source.read(entry))
    expect("deflated", honest()["views"])
    # And as one of more than 4 GB is written: with the sizes of zip64.
    zip64 = AREA.path("zip64.pt")
    with zipfile.ZipFile(views) as source:
        entries = [(x, source.read(x)) for x in source.namelist()]
    with mock.patch("zipfile.ZIP64_LIMIT", 0), mock.patch("zipfile.ZIP_FILECOUNT_LIMIT", 0), \
            zipfile.ZipFile(zip64, "w") as target:
        for entry, content in entries:
            target.writestr(entry, content)
    # The old record at the end then says that its sizes are elsewhere.
    whole = zip64.read_bytes()
    zip64.write_bytes(whole[:-14] + b"\xff" * 12 + whole[-2:])
    expect("zip64", honest()["views"])


# MARK: made to mislead

def call(function, *arguments):
    class Call:
        def __reduce__(self):
            return function, arguments
    return Call()


def archive(pickled, storage=bytes(16), entries=(), name="data.pkl"):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("archive/" + name, pickled)
        file.writestr("archive/data/0", storage)
        for key, value in entries:
            file.writestr(key, value)
    return buffer.getvalue()


def text(value):
    value = value.encode()
    return b"X" + struct.pack("<I", len(value)) + value


def number(value):
    length = (value.bit_length() + 8) // 8
    return b"\x8a" + bytes([length]) + value.to_bytes(length, "little", signed=True)


def numbers(values):
    return b"(" + b"".join(map(number, values)) + b"t"


def tensor(count=4, offset=0, shape=(4,), strides=(1,), key="0", storage="FloatStorage"):
    """The pickle of a dictionary with one tensor."""
    return (b"\x80\x02}" + text("w") + b"ctorch._utils\n_rebuild_tensor_v2\n("
            + b"(" + text("storage") + f"ctorch\n{storage}\n".encode() + text(key) + text("cpu")
            + number(count) + b"tQ" + number(offset) + numbers(shape) + numbers(strides)
            + b"\x89ccollections\nOrderedDict\n)RtRs.")


def hostile():
    """(name, bytes, words of the error)"""
    for protocol in (0, 2, 4):
        yield f"system-{protocol}", archive(pickle.dumps(
            {"w": call(os.system, "exit 1")}, protocol)), "posix.system"
    yield "eval", archive(pickle.dumps(call(eval, "1"), 2)), "__builtin__.eval"
    yield "nested-reduce", archive(
        b"\x80\x02ccollections\nOrderedDict\n)Rccollections\nOrderedDict\nc__builtin__\ngetattr\n"
        b"\x85RR."), "__builtin__.getattr"
    yield "call-of-value", archive(b"\x80\x02}" + text("a") + b"\x85R."), "a call of a dictionary"
    yield "call-of-storage-class", archive(
        b"\x80\x02ctorch\nFloatStorage\n)R."), "a call of torch.FloatStorage"
    yield "build-plain", archive(b"\x80\x02}}b."), "a state set on a dictionary"
    yield "build-tensor", archive(tensor()[:-2] + b"}bs."), "a state set on a tensor"
    yield "object", archive(pickle.dumps(argparse_namespace(), 2)), "argparse.Namespace"
    yield "new-object", archive(b"\x80\x02ctorch\nSize\n)\x81."), "a new torch.Size"
    yield "old-object", archive(b"(ios\nsystem\n."), "a new object of a class"
    yield "registry", archive(b"\x80\x02\x82\x01."), "copyreg"
    yield "module-in-plain-archive", archive(b"\x80\x02c__torch__\nM\n)\x81."), "__torch__.M"
    yield "conjugate", archive(tensor()[:-4] + b"}" + text("conj") + b"\x88stRs."), "\"conj\""
    yield "metadata", archive(tensor()[:-4] + b"}" + text("x\x1b") + b"Nst" + b"Rs."), "\"x?\""
    yield "negated-integers", archive(
        tensor(count=2, shape=(2,), storage="LongStorage")[:-4] + b"}" + text("neg") + b"\x88st"
        + b"Rs."), "\"neg\""
    yield "arguments", archive(tensor()[:-4] + b"NNtRs."), "other arguments than PyTorch"
    yield "subclass", archive(
        b"\x80\x02(ctorch._tensor\n_rebuild_from_type_v2\n(ctorch._utils\n_rebuild_tensor_v2\n"
        b"ccollections\nOrderedDict\n)}tR."), "asks for collections.OrderedDict"
    yield "set-of-tensors", archive(
        b"\x80\x04\x8f(" + tensor()[2:-2].split(b"w", 1)[1] + b"\x90."), "a set of tensors"
    yield "long-name", archive(b"\x80\x02c" + b"a" * 200 + b"\nb\n."), "neither a tensor"
    yield "escape-name", archive(b"\x80\x02ca\x1b[31m\nb\n."), "a?[31m.b"
    yield "cycle", archive(b"\x80\x02]q\x00h\x00a."), "nested without end"
    yield "bomb", archive(b"\x80\x02]" + b"".join(
        b"q" + bytes([i]) + b"]h" + bytes([i]) + b"ah" + bytes([i]) + b"a" for i in range(40))
        + b"."), "nested without end"
    yield "deep", archive(b"\x80\x02)" + b"\x85" * 100_000 + b"."), "nested without end"
    yield "memo", archive(b"\x80\x02h\x05."), "never remembered"
    yield "underflow", archive(b"\x80\x02\x85."), "not there"
    yield "mark", archive(b"\x80\x02t."), "a mark that is not there"
    yield "no-stop", archive(b"\x80\x02}"), "ends too soon"
    yield "text-size", archive(b"\x80\x02X\xff\xff\xff\x7fab."), "a text of 2147483647 bytes"
    yield "long-size", archive(b"\x80\x02\x8b\xff\xff\xff\x7f."), "whole number of 2147483647"
    yield "odd-items", archive(b"\x80\x02}(Nu."), "a key without a value"
    yield "instruction", archive(b"\x80\x02\xff."), "instruction 255"
    yield "protocol", archive(b"\x80\x09N."), "protocol 9"
    yield "count", archive(tensor(count=1 << 40)), "of which there are fewer"
    yield "count-overflow", archive(tensor(count=(1 << 63) - 1)), "of which there are fewer"
    yield "negative-count", archive(tensor(count=-1)), "names a storage"
    yield "offset", archive(tensor(offset=1)), "reaches beyond its storage"
    yield "offset-overflow", archive(tensor(offset=(1 << 63) - 1)), "reaches beyond its storage"
    yield "negative-offset", archive(tensor(offset=-1)), "describes a tensor"
    yield "stride", archive(tensor(strides=(2,))), "reaches beyond its storage"
    yield "stride-overflow", archive(tensor(shape=(3,), strides=(1 << 62,))), "beyond its storage"
    yield "negative-stride", archive(tensor(strides=(-1,))), "describes a tensor"
    yield "repeat", archive(tensor(shape=(1 << 30, 4), strides=(0, 1))), "repeats its elements"
    yield "shape", archive(tensor(shape=(1 << 50,))), "too large"
    yield "shape-overflow", archive(
        tensor(shape=(1 << 62, 1 << 62, 0), strides=(1, 1, 1))), "too large"
    yield "axes", archive(tensor(shape=(1,) * 40, strides=(1,) * 40)), "describes a tensor"
    yield "strides-missing", archive(tensor(shape=(2, 2), strides=(1,))), "describes a tensor"
    yield "storage-missing", archive(tensor(key="9")), "which is not there"
    yield "storage-path", archive(tensor(key="../../../etc/passwd")), "which is not there"
    yield "storage-type", archive(tensor(storage="QInt8Storage")), "torch.QInt8Storage"
    yield "entry-path", archive(tensor(), entries=[("../x", b"")]), 'named "../x"'
    yield "no-pickle", archive(b".", name="other.pkl"), "no data.pkl"
    yield "big-endian", archive(tensor(), entries=[("archive/byteorder", b"big")]), "big-endian"
    whole = archive(tensor())
    yield "truncated", whole[:len(whole) - 30], "cut off"
    yield "half", whole[:len(whole) // 2], "cut off"
    yield "checksum", whole.replace(b"_rebuild_tensor_v2", b"_rebuild_tensor_v3"), "checksum"
    method = bytearray(whole)
    place = whole.index(b"PK\x01\x02")
    method[place + 10] = 12
    yield "method", bytes(method), "method 12"
    crypt = bytearray(whole)
    crypt[place + 8] |= 1
    yield "encrypted", bytes(crypt), "encrypted"
    size = bytearray(whole)
    size[place + 20:place + 28] = struct.pack("<II", 0x7FFFFFFF, 0x7FFFFFFF)
    yield "entry-size", bytes(size), "lies outside the file"
    lines = bytearray(whole)
    end = whole.index(b"PK\x05\x06")
    lines[end + 10:end + 12] = b"\xf0\xff"
    yield "entry-count", bytes(lines), "65520 entries"
    legacy = io.BytesIO()
    torch.save({"w": torch.ones(2)}, legacy, _use_new_zipfile_serialization=False)
    yield "legacy", legacy.getvalue(), "before 1.6"
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w", format=tarfile.USTAR_FORMAT) as file:
        file.addfile(tarfile.TarInfo("storages"))
    yield "tar", tar.getvalue()[:1024], "a tar archive"
    yield "pointer", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "git lfs"
    yield "page", b"<!DOCTYPE html><html>", "a web page"
    yield "empty", b"", "it is empty"
    yield "noise", bytes(range(200)), "does not begin as"


def argparse_namespace():
    import argparse
    return argparse.Namespace(a=1)


def write_hostile():
    cases = {}
    tensors = {}
    for name, content, words in hostile():
        cases[name] = words
        tensors[name] = torch.tensor(list(content), dtype=torch.uint8)
    AREA.save("hostile/files", tensors)
    AREA.json("hostile/words", cases, end="", indent=1)


if __name__ == "__main__":
    write_honest()
    write_hostile()
    AREA.finish()
