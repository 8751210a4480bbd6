"""The numbers of docs/worked-example.md, computed by the executable specification. Run this file to
print them: `PYTHONPATH=tests python tests/docs/worked_example.py`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from reference import chain
from reference.message import Message
from reference.model import Batch, Model, hash_outputs
from reference.program import read_program
from reference.steps import Step

PICTURE = np.array([[10, 20], [30, 40]], np.uint8)
ARCHIVE = [
    ("89 62 62 0D 0A 1A 0A", "magic"),
    ("07", "version"),
    ("43", "the section `C`"),
    ("0A", "10 bytes follow, and a CRC"),
    ("00", "features: none"),
    ("00", "container 0, a `.npy` file"),
    ("7C 75 31", "dtype `|u1`"),
    ("00", "axes 0: the array is one item"),
    ("02 02 02", "two dimensions, 2 and 2"),
    ("00", "no cut: one tile"),
    ("E6 EF E5 00", "CRC32C of the section, from `43` on"),
    ("42", "the section `B`"),
    ("0F", "15 bytes follow, and a CRC"),
    ("00", "its first tile is tile 0"),
    ("01", "one run"),
    ("01", "of one item"),
    ("7C 75 31", "of dtype `|u1`"),
    ("02 02 02", "with two dimensions, 2 and 2"),
    ("00", "value map of kind 0: elements are symbols"),
    ("00", "method 0, raw"),
    ("0A 14 1E 28", "the data: 10, 20, 30, 40"),
    ("6F 81 3A 82", "CRC32C of the section"),
    ("49", "the section `I`"),
    ("0A", "10 bytes follow, and a CRC"),
    ("01", "one section that is no block"),
    ("43 08 10", "`C`, 8 bytes from the start, of 16 bytes with kind, length and CRC"),
    ("01", "one run of blocks"),
    ("00 18 01", "behind no tiles that are in no block, 24 bytes from the start, of one block"),
    ("01 15", "of one tile, of 21 bytes with kind, length and CRC"),
    ("2A FA E2 C9", "CRC32C of the section"),
    ("10 00 00 00 00 00 00 00", "footer: the section `I` has 16 bytes"),
    ("62 62 1A 0A", "the end"),
]
"""The bytes of an archive of the picture, and their meaning."""

ITEMS = np.array([[1], [0], [0], [1]], np.uint8)


def model() -> tuple[str, dict[str, Any]]:
    """A model of one pixel of two levels, with a latent of four buckets."""
    about = {
        "format": "bitsback-model", "version": 1,
        "name": "one-pixel", "about": "one pixel and one latent", "licence": "CC0-1.0",
        "variables": {
            "x": {"channels": 1, "levels": 2, "size": [1, 1]},
            "z": {"channels": 1, "bits": 2},
        },
        "networks": {
            "posterior": {"sources": ["x"], "layers": [
                {"op": "flatten", "name": "pixel", "input": "x"},
                {"op": "lookup_table", "name": "mean", "input": "pixel"},
                {"op": "lookup_table", "name": "scale", "input": "pixel"},
            ]},
            "likelihood": {"sources": ["z"], "layers": [
                {"op": "image", "name": "cell", "input": "z", "grid": 1},
                {"op": "lookup_table", "name": "logit", "input": "cell"},
            ]},
        },
        "distributions": {
            "q(z|x)": {"codec": "gaussian", "precision": 16, "network": "posterior",
                       "outputs": ["mean", "scale"]},
            "p(x|z)": {"codec": "bernoulli", "precision": 8, "network": "likelihood",
                       "outputs": ["logit"]},
            "p(z)": {"codec": "uniform"},
        },
        "code": ["pop z ~ q(z|x)", "push x ~ p(x|z)", "push z ~ p(z)"],
        "chain": {"growth": 256, "batch": 2},
    }  # fmt: skip
    tensors = {
        "posterior.mean.table": np.array([-200, 200], np.int16),
        "posterior.scale.table": np.array([0, 1], np.uint8),
        "posterior.inverse_scale": np.where(np.arange(256) == 0, 98304, 131072).astype(np.uint32),
        "likelihood.logit.table": np.array([0, 1, 2, 3], np.uint8),
        "likelihood.probability": np.resize([26, 90, 166, 230], 256).astype(np.uint16),
    }
    test: dict[str, Any] = {"seed": 1, "count": 1, "sha256": {}}
    program = read_program(about | {"test": test}, tensors)
    test["sha256"] = dict(sorted(hash_outputs(program).items()))
    return json.dumps(about | {"test": test}), tensors


@dataclass
class Told(Message):
    """A message that keeps lines which say what happens to it."""

    lines: list[str] = field(default_factory=list)

    def push(self, lane: int, start: int, freq: int, precision: int) -> None:
        super().push(lane, start, freq, precision)
        self._tell("push", start, freq, precision)

    def pop(self, lane: int, start: int, freq: int, precision: int) -> None:
        super().pop(lane, start, freq, precision)
        self._tell("pop", start, freq, precision)

    def _tell(self, what: str, start: int, freq: int, precision: int) -> None:
        interval = f"[{start}, {start + freq}) of 2^{precision}"
        self.lines.append(f"    {what:4}  {interval:30}  {self.state}")

    @property
    def state(self) -> str:
        return f"head {self.heads[0]:016X}  tail of {len(self.tail)}"


def coded() -> tuple[bytes, list[str]]:
    """The data of a block of the items, and lines that say how they come about."""
    bound = Model(*model()).bound
    runs = bytes.fromhex("01 04 7C 75 31 02 01 01 00")
    start = chain.digest(runs, ITEMS.tobytes())
    first = chain.initial(start, 1)
    message = Told(first.heads, first.tail, first.depth)
    tail = " ".join(f"{word:08X}" for word in message.tail)
    lines = [
        f"digest  {start.hex(' ', 4).upper()}",
        f"head    {message.heads[0]:016X}",
        f"tail    {tail}",
        "",
    ]
    end = len(ITEMS)
    for size in chain.schedule(len(ITEMS), bound.growth, bound.batch):
        batch = Batch(bound, size)
        lines.append(f"batch   items {', '.join(map(str, range(end - size, end)))}")
        values = {"x": ITEMS[end - size : end].astype(np.int64).reshape(size, 1, 1, 1)}
        for step in bound.program.code:
            lines += _step(batch, step, message, values)
        lines.append("")
        end -= size
    data = message.to_bytes()
    lines += [f"data    {data[at : at + 16].hex(' ').upper()}" for at in range(0, len(data), 16)]
    return data, lines


def _step(batch: Batch, step: Step, message: Told, values: dict[str, Any]) -> list[str]:
    message.lines.clear()
    name, before = step.distribution.variable.name, dict(values)
    batch._run(step, step.pops, message, values)
    symbols = (values if step.pops else before)[name].ravel().tolist()
    verb = "pop" if step.pops else "push"
    codec = step.distribution.codec(before, batch.bound.size, batch.items)
    bounds = [[one.cumulative(c) for c in range(one.size + 1)] for one in codec.distributions]
    return [
        f"  {verb} {name} ~ {step.distribution.key}: {name} = {symbols}",
        *(f"    C     {' '.join(map(str, of))}" for of in bounds),
        *message.lines,
    ]


def described() -> str:
    """The description, a line for each of its keys, and for each variable and network."""
    about, lines = json.loads(model()[0]), []
    for key, value in about.items():
        if key in ("variables", "networks", "distributions"):
            inner = ",\n".join(f"    {json.dumps(k)}: {json.dumps(v)}" for k, v in value.items())
            lines.append(f"  {json.dumps(key)}: {{\n{inner}\n  }}")
        else:
            lines.append(f"  {json.dumps(key)}: {json.dumps(value)}")
    return "{\n" + ",\n".join(lines) + "\n}"


def texts() -> list[str]:
    """The parts of the page that are computed: the archive's bytes, the model, the block."""
    rows = "\n".join(f"| `{part}` | {meaning} |" for part, meaning in ARCHIVE)
    return [f"| bytes | meaning |\n| --- | --- |\n{rows}", described(), "\n".join(coded()[1])]


if __name__ == "__main__":
    print("\n\n".join(texts()))
