"""A small, simple size-agnostic model: each element is coded as its difference to the previous one
in the row, or, in a stack, in the previous slice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bitsback.codecs import Categorical, Uniform
from bitsback.message import Message
from bitsback.models import Model, bundled
from bitsback.models.item_shape import ItemShape, Shapes
from bitsback.models.model import BoundModel
from reference import codecs as spec
from reference.message import Message as SpecMessage

_TOKENS = 16
"""Each difference 0, -1, 1, -2, ... below the last one has its own token."""
_FREQUENCIES = [1600] * 5 + [17] * 10 + [22]
_PRECISION = 13

Codecs = tuple[Callable[[int], Any], Callable[[int, int], Any]]
"""Functions that make a codec of some tokens, and one of some symbols of some levels."""


def _token_codec(count: int) -> Any:
    return Categorical(np.array(_FREQUENCIES, np.uint32), _PRECISION, (count,))


def _uniform_codec(levels: int, count: int) -> Any:
    return Uniform(levels, (count,))


def push_planes(
    message: Any, symbols: NDArray[Any], shapes: Sequence[ItemShape], codecs: Codecs
) -> None:
    ends = np.cumsum([int(np.prod(shape[:4])) for shape in shapes])
    for shape, end in zip(reversed(shapes), ends[::-1].tolist(), strict=True):
        item = symbols[end - int(np.prod(shape[:4])) : end].astype(np.int64)
        difference = np.diff(_in_order(item.reshape(shape[:4])), axis=0, prepend=0)
        folded = _fold(difference.reshape(-1) % shape.levels, shape.levels)
        tokens = np.minimum(folded, _TOKENS - 1)
        others = folded[tokens == _TOKENS - 1]
        codecs[1](shape.levels, len(others)).push(message, others)
        codecs[0](len(tokens)).push(message, tokens)


def pop_planes(
    message: Any, shapes: Sequence[ItemShape], dtype: np.dtype[Any], codecs: Codecs
) -> NDArray[Any]:
    found = []
    for shape in shapes:
        size = int(np.prod(shape[:4]))
        folded = np.array(codecs[0](size).pop(message), np.int64)
        others = folded == _TOKENS - 1
        folded[others] = codecs[1](shape.levels, int(others.sum())).pop(message)
        difference = _unfold(folded, shape.levels)
        slices, rows, columns, channels = shape[:4]
        if slices > 1:
            item = np.cumsum(difference.reshape(shape[:4]), 0)
        else:
            item = np.cumsum(difference.reshape(columns, slices, rows, channels), 0)
            item = np.moveaxis(item, 0, 2)
        found.append((item % shape.levels).astype(dtype).reshape(-1))
    return np.concatenate(found)


def _in_order(item: NDArray[np.int64]) -> NDArray[np.int64]:
    return item if len(item) > 1 else np.moveaxis(item, 2, 0)


def _fold(value: NDArray[np.int64], levels: int) -> NDArray[np.int64]:
    """0, -1, 1, -2, ... modulo the levels as 0, 1, 2, 3, ..."""
    return np.where(2 * value < levels, 2 * value, 2 * (levels - value) - 1)


def _unfold(folded: NDArray[np.int64], levels: int) -> NDArray[np.int64]:
    return np.where(folded % 2, levels - (folded + 1) // 2, folded // 2)


class StandIn(Model):
    """The part of a size-agnostic model that the archive uses."""

    any_shape = True
    levels = 65_536

    def bind(self, shapes: Shapes) -> BoundModel:
        return BoundStandIn(self, tuple(shapes), None)  # type: ignore[arg-type]


class BoundStandIn(BoundModel):
    @property
    def _each(self) -> list[ItemShape]:
        return [shape for count, shape in self.shapes for _ in range(count)]

    def push(
        self, message: Message, x: NDArray[Any], batches: Any = None, atomic: bool = True
    ) -> None:
        assert x.dtype == self._dtype
        assert batches in (None, [(self.items, 1)])
        push_planes(message, x, self._each, (_token_codec, _uniform_codec))

    def pop(self, message: Message, batches: Any = None, atomic: bool = True) -> NDArray[Any]:
        assert batches in (None, [(self.items, 1)])
        return pop_planes(message, self._each, self._dtype, (_token_codec, _uniform_codec))

    @property
    def _dtype(self) -> np.dtype[Any]:
        most = max(shape.levels for _, shape in self.shapes)
        return np.dtype(np.uint8 if most <= 256 else np.uint16)

    @property
    def memory(self) -> int:
        return 64 * self.elements

    @property
    def macs(self) -> int:
        return 64 * self.elements

    @property
    def steps(self) -> int:
        return 0


class SpecPlanes:
    """The codec of items of these shapes, to the specification."""

    def __init__(self, shapes: list[ItemShape]) -> None:
        self.shapes = shapes

    def pop(self, message: SpecMessage) -> list[int]:
        def tokens(count: int) -> Any:
            return spec.Array([spec.Categorical(_FREQUENCIES, _PRECISION)] * count)

        def uniform(levels: int, count: int) -> Any:
            return spec.Array([spec.Uniform(levels)] * count)

        symbols: list[int] = pop_planes(
            message, self.shapes, np.dtype(np.uint16), (tokens, uniform)
        ).tolist()
        return symbols


class SpecStandIn:
    """The same stand-in for the specification."""

    any_shape = learns = True

    def __init__(self, identity: bytes) -> None:
        self.identity = identity

    def planes(self, shapes: Sequence[Any]) -> SpecPlanes:
        return SpecPlanes([ItemShape(*shape) for shape in shapes])

    plane_memory = plane_macs = staticmethod(
        lambda shapes: sum(64 * int(np.prod(shape[:4], dtype=object)) for shape in shapes)
    )


def stand_in() -> StandIn:
    name = "stand-in"
    return StandIn(
        name=name, about="", licence="", variables={}, size=None, keys={}, code=(), growth=1,
        batch=1, autoregressive=False, serial=False, wavefront=False, counted=False,
        planes=1, cost=0,
        description="", tensors={"many": np.zeros(1 << 20, np.uint8)},  # so it is not embedded
        identity=hashlib.sha256(name.encode()).digest(),
        networks={}, outputs={}, distributions={},
    )  # fmt: skip


def only_one_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    """Removes all size-agnostic models from the bundled ones."""
    of_one_shape = tuple(name for name in bundled.names() if not bundled.outline(name).any_shape)
    monkeypatch.setattr(bundled, "names", lambda: of_one_shape)


def ship(monkeypatch: pytest.MonkeyPatch) -> StandIn:
    """Puts the stand-in among the bundled models, in place of the size-agnostic ones."""
    model = stand_in()
    load, outline, identity = bundled.load, bundled.outline, bundled.identity
    of_one_shape = tuple(name for name in bundled.names() if not outline(name).any_shape)
    monkeypatch.setattr(bundled, "names", lambda: (*of_one_shape, model.name))
    monkeypatch.setattr(bundled, "load", lambda name: model if name == model.name else load(name))
    monkeypatch.setattr(
        bundled, "outline", lambda name: model if name == model.name else outline(name)
    )
    monkeypatch.setattr(
        bundled,
        "identity",
        lambda name: model.identity if name == model.name else identity(name),
    )
    find = bundled.find
    monkeypatch.setattr(
        bundled,
        "find",
        lambda prefix: model if model.identity.startswith(prefix) else find(prefix),
    )
    return model
