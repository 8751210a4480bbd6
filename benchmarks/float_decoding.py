"""Decoding errors when the decoder computes a little differently from the encoder: with floats, and
with bitsback.

    python benchmarks/float_decoding.py
    python benchmarks/float_decoding.py --json docs/paper/float_decoding.json

A float coder (float_bb_ans.py) encodes images of the binarised MNIST test set: PyTorch, float32,
one thread, ten images at a time. Then its message is decoded with one change at a time. bitsback
codes the same images with the integer model of the same recipe; where the same change is possible,
it must write the same bytes and read them. Images are counted in the order of decoding. Needs
./train[torch]; torch.compile also needs a C++ compiler.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Literal, TypeVar
from unittest.mock import patch

import numpy as np
import torch
from float_bb_ans import STEP, FloatBitsBack, Message, Networks, Pixels
from float_networks import FloatVae, NumpyNetworks, TorchNetworks
from harness import compress, decompress, images, report, symbols
from integer_networks import IntegerVae, Ints, Product

import bitsback
from bitsback import _core
from bitsback.coding import chain

RECIPES = Path(__file__).resolve().parent.parent / "recipes"
MODELS = ("mnist-binary-paper", "mnist-binary")
BLOCKS, LANES = 4, 4

Result = TypeVar("Result")


@dataclass(frozen=True)
class Change:
    """One change; the defaults are the settings of the float encoder.

    bitsback: the same change there, in words, or none. environment: variables of a process that is
    started for the change.
    """

    name: str
    bitsback: str
    at_a_time: int = STEP
    dtype: torch.dtype = torch.float32
    library: Literal["torch", "compiled", "numpy"] = "torch"
    threads: int = 1
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def of_network(self) -> bool:
        """Whether the change affects how a network is computed rather than where everything
        runs.
        """
        return (self.at_a_time, self.dtype, self.library) != (STEP, torch.float32, "torch")


def _processor(name: str, variable: str, value: str, simd: str) -> Change:
    environment = {variable: value, "BITSBACK_SIMD": simd}
    return Change(f"{name}: {variable}={value}", f"BITSBACK_SIMD={simd}", environment=environment)


# Waiting threads sleep; otherwise they would occupy the cores of a busy machine. Results do not
# change.
PATIENT = {"OMP_WAIT_POLICY": "PASSIVE"}

CHANGES = (
    Change("nothing", "nothing"),
    Change("network on 1 image at a time, not 10", "1 at a time", at_a_time=1),
    Change("network on 5 images at a time, not 10", "5 at a time", at_a_time=5),
    Change("float64, not float32", "network in float64", dtype=torch.float64),
    Change("bfloat16, not float32", "", dtype=torch.bfloat16),
    Change("2 threads, not 1", "2 threads", threads=2, environment=PATIENT),
    Change("4 threads, not 1", "4 threads", threads=4, environment=PATIENT),
    _processor("PyTorch without AVX", "ATEN_CPU_CAPABILITY", "default", "scalar"),
    _processor("PyTorch with AVX2", "ATEN_CPU_CAPABILITY", "avx2", "avx2"),
    _processor("matrix products without AVX", "MKL_CBWR", "COMPATIBLE", "scalar"),
    _processor("matrix products with AVX2", "MKL_CBWR", "AVX2", "avx2"),
    Change("NumPy, not PyTorch", "network in NumPy", library="numpy"),
    Change("torch.compile", "network in torch.compile", library="compiled"),
    Change(
        "torch.compile with TORCHINDUCTOR_FREEZING=1",
        "network in torch.compile",
        library="compiled",
        environment={"TORCHINDUCTOR_FREEZING": "1"},
    ),
)


@dataclass(frozen=True)
class Coded:
    """Images, uint8 [n, pixels], and what they were encoded to before anything changed."""

    model: str
    x: Pixels
    message: Message
    """Message of the float coder."""
    archive: bytes
    chain: bytes
    """Message of one bitsback block."""


def encode(model: str, x: Pixels) -> Coded:
    """Encodes x with floats and with bitsback. The number of images is a multiple of STEP."""
    vae, integer = _load(model)
    message = FloatBitsBack(TorchNetworks(vae), vae.latents, vae.pixels).encode(x)
    parts = [integer.bind([(len(x), integer.shape_of())])]
    block = chain.encode(parts, x.reshape(-1), chain.digest(b"", x.tobytes()), LANES)
    return Coded(model, x, message, _compress(integer, x, 1), block)


def _load(model: str) -> tuple[FloatVae, bitsback.Model]:
    return FloatVae(RECIPES / f"{model}-float.safetensors"), bitsback.load_model(model)


def _compress(model: bitsback.Model, x: Pixels, threads: int) -> bytes:
    return compress(x.reshape(-1, *model.whole_size()), model, -(-len(x) // BLOCKS), threads)


def row(coded: Coded, change: Change) -> dict[str, str]:
    """A row of the table: both coders under one change, in this process."""
    before = torch.get_num_threads()
    torch.set_num_threads(change.threads)
    try:
        vae, model = _load(coded.model)
        coder = FloatBitsBack(_float_networks(vae, change), vae.latents, vae.pixels)
        floats = str(decode_floats(coder, coded.message, coded.x))
        if not change.bitsback:
            integers = "has no floats"
        else:
            same, right = (_other_network if change.of_network else _other_surroundings)(
                coded, model, change
            )
            integers = f"{verdict(same, right)} ({change.bitsback})"
    finally:
        torch.set_num_threads(before)
    return {"change": change.name, "float": floats, "bitsback": integers}


def verdict(same: bool, right: bool) -> str:
    """The verdict on bitsback: whether it wrote the same bytes and read the right images."""
    return (
        f"{'same bytes' if same else 'OTHER BYTES'},"
        f" {'all images right' if right else 'WRONG IMAGES'}"
    )


# Floats.


@dataclass(frozen=True)
class Decoded:
    """The result of decoding with floats: the number of right images before the first wrong one,
    and the numbers of decoded and wrong images from there on.
    """

    right: int
    rest: int
    wrong: int
    error: str | None

    def __str__(self) -> str:
        if not self.rest and self.error is None:
            return f"all {self.right:,} images right"
        noun = "image" if self.right == 1 else "images"
        wrong = f", {100 * self.wrong // self.rest} % of the rest wrong" if self.rest else ""
        return f"{self.right:,} {noun} right{wrong}, {self.error or 'no error'}"


def decode_floats(coder: FloatBitsBack, message: Message, x: Pixels) -> Decoded:
    """Decodes a copy of the message and compares with x; an error ends the decoding."""
    right: list[bool] = []
    error = None
    try:
        for batch in coder.decode(copy.deepcopy(message), len(x)):
            right += (batch == x[len(right) : len(right) + STEP]).all(1).tolist()
    except (
        ArithmeticError,
        EOFError,
        LookupError,
        ValueError,
    ) as caught:  # garbage may lead to any error
        error = f"{type(caught).__name__} after {len(right):,}"
    first = right.index(False) if False in right else len(right)
    return Decoded(first, len(right) - first, right.count(False), error)


def _float_networks(vae: FloatVae, change: Change) -> Networks:
    if change.library == "numpy":
        return NumpyNetworks(vae)
    return TorchNetworks(vae, change.dtype, change.at_a_time, compiled=change.library == "compiled")


# bitsback: whether it wrote the same bytes, and read the right images.


def _other_surroundings(coded: Coded, model: bitsback.Model, change: Change) -> tuple[bool, bool]:
    written = _compress(model, coded.x, change.threads)
    restored = decompress(coded.archive, change.threads)
    return written == coded.archive, np.array_equal(restored.reshape(coded.x.shape), coded.x)


def _other_network(coded: Coded, model: bitsback.Model, change: Change) -> tuple[bool, bool]:
    vae = IntegerVae(model, product(change), change.at_a_time)
    written = vae.encode(coded.x, chain.digest(b"", coded.x.tobytes()), LANES)
    restored = vae.decode(bitsback.Message.from_bytes(coded.chain), len(coded.x))
    return written == coded.chain, np.array_equal(restored, coded.x)


def product(change: Change) -> Product:
    """The product of integer matrices with the change: in int64, or in float64, which is exact
    below 2^53.
    """
    if change.library == "numpy":
        return np.matmul
    dtype = torch.float64 if change.dtype == torch.float64 else torch.int64
    multiply: Callable[[torch.Tensor, torch.Tensor], torch.Tensor] = torch.matmul
    if change.library == "compiled":
        multiply = torch.compile(lambda a, b: a @ b, dynamic=True)

    def in_torch(a: Ints, b: Ints) -> Ints:
        out: Ints = (
            multiply(torch.from_numpy(a).to(dtype), torch.from_numpy(b).to(dtype))
            .to(torch.int64)
            .numpy()
        )
        return out

    return in_torch


# All of them.


def in_new_process(environment: Mapping[str, str], work: Callable[[], Result]) -> Result:
    """The result of `work` in a new process with these environment variables, which libraries read
    only once.
    """
    with patch.dict(os.environ, environment), ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(work).result()


def possible(change: Change) -> bool:
    """Whether the change can be made on this machine."""
    simd = change.environment.get("BITSBACK_SIMD")
    if simd is not None and simd not in _core.simd_paths():
        return False
    return change.library != "compiled" or _can_compile()


def _can_compile() -> bool:
    try:
        torch.compile(lambda a: a + 1)(torch.zeros(1))
    except Exception:  # no compiler, or an unknown one
        return False
    return True


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", choices=MODELS, default=MODELS[0])
    parser.add_argument(
        "--images", type=int, default=2_000, help="of the test set, tens (default %(default)s)"
    )
    parser.add_argument(
        "--json", type=Path, metavar="PATH", help="write the rows of the table to this file, too"
    )
    options = parser.parse_args()
    if options.images % STEP or not STEP <= options.images <= 10_000:
        parser.error(f"--images must be a multiple of {STEP}, from {STEP} to 10000")
    torch.set_num_threads(1)
    coded = encode(options.model, symbols(images(options.images)))
    changes = [change for change in CHANGES if possible(change)]
    rows = []
    for change in changes:
        work = partial(row, coded, change)
        rows.append(in_new_process(change.environment, work) if change.environment else work())
    notes = [
        f"cannot be changed on this machine: {change.name}"
        for change in CHANGES
        if change not in changes
    ]
    title = f"{options.images:,} images, {options.model}, PyTorch {torch.__version__}"
    report(title, rows, notes, as_json=False)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
