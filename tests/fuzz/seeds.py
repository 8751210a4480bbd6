"""Small archives and model files, whole, that the mutations begin from."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

import bitsback
from bitsback.models import Model, bundled
from random_models import random_context_model_file, random_model_file


@dataclass(frozen=True)
class Seed:
    name: str
    data: bytes
    items: tuple[bytes, ...]
    """Of an archive: the bytes of each item."""
    dtype: str = ""


@cache
def archives() -> list[Seed]:
    """Every method, one and two levels and bytes, one block and several, bundled and embedded
    models, odd shapes.
    """
    rng = np.random.default_rng(0)
    ink = drawn(bundled.load("mnist-binary"), 5)
    grey = drawn(bundled.load("mnist"), 3)
    numbers = rng.integers(0, 1000, (6, 4)).astype(">i4")
    bits = rng.integers(0, 2, (7, 3, 5)).astype(bool)
    arrays: list[tuple[str, NDArray[Any], dict[str, Any]]] = [
        ("chain", ink, {"model": "mnist-binary"}),
        ("chain of blocks", ink * np.uint8(255), {"model": "mnist-binary", "block": 2}),
        ("chain of bytes", grey, {"model": "mnist", "block": 2}),
        ("packed", bits, {"block": 4}),
        ("raw", numbers, {"block": 4}),
        ("doubles", np.array([[0.0, -0.0, np.nan], [1e300, 2.0, 3.0]]), {}),
        ("one item", np.array(7, ">u2"), {}),
        ("no items", np.zeros((0, 28, 28), np.uint8), {}),
        ("no elements", np.zeros((5, 0), np.float32), {}),
    ]
    for name, data in small_models().items():
        model = bitsback.load_model(data)
        arrays.append(
            (
                f"embedded {name}",
                drawn(model, 250),
                {"model": model, "embed": "always", "block": 125},
            )
        )
    return [
        Seed(name, compress(array, **options), *items_of(array)) for name, array, options in arrays
    ]


def models() -> list[bytes]:
    return list(small_models().values())


@cache
def small_models() -> dict[str, bytes]:
    """Files of models with every kind of likelihood and of layer."""
    common: dict[str, Any] = {"latents": 2, "hidden": 4}
    return {
        "bernoulli": random_model_file(shape=(9, 9), **common),
        "bernoulli over 8 bits": random_model_file(shape=(7, 7), bits=8, **common),
        "exponential": random_model_file(
            shape=(5, 4), likelihood="exponential", levels=13, likelihood_precision=20, **common
        ),
        "beta-binomial": random_model_file(
            shape=(6, 7), likelihood="beta-binomial", levels=256, likelihood_precision=24, **common
        ),
        "mixture in context": random_context_model_file(
            shape=(4, 5),
            window=(2, 1),
            planes=1,
            codec="mixture",
            levels=256,
            precision=22,
            components=2,
            **common,
        ),
    }


def drawn(model: Model, count: int) -> NDArray[np.uint8]:
    """Items that a model decodes from random bits."""
    words = np.random.default_rng(1).integers(0, 2**32, 20_000, np.uint32)
    message = bitsback.Message([2**40], words, 0)
    z = model.prior(count).pop(message)
    return model.likelihood(z).pop(message).reshape(count, *model.item_shape)


def compress(array: NDArray[Any], **options: Any) -> bytes:
    out = io.BytesIO()
    bitsback.compress(array, out, threads=1, **options)
    return out.getvalue()


def items_of(array: NDArray[Any]) -> tuple[tuple[bytes, ...], str]:
    if array.ndim == 0:
        return (array.tobytes(),), array.dtype.str
    return tuple(split(array)), array.dtype.str


def split(array: NDArray[Any]) -> Iterator[bytes]:
    for number in range(len(array)):
        yield array[
            number : number + 1
        ].tobytes()  # an array, since a scalar would lose its byte order
