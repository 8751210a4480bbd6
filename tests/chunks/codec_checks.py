"""The tests of numcodecs for every codec (`numcodecs/tests/common.py`, which newer versions
lack).
"""

from __future__ import annotations

import array
import json
from collections.abc import Callable, Iterator
from typing import Any

import numcodecs
import numpy as np
import pytest
from numcodecs.compat import ensure_bytes, ensure_ndarray
from numpy.typing import NDArray


def forms(content: bytes) -> Iterator[Any]:
    """Objects that export these bytes as a buffer."""
    yield content
    yield bytearray(content)
    yield array.array("b", content)
    yield np.frombuffer(content, "u1")
    yield memoryview(content)


def check_encode_decode(given: NDArray[Any], codec: Any) -> None:
    """Checks that an array and its memory in any buffer come back, from any buffer and into any."""
    for source in (given, *forms(given.tobytes("A"))):
        encoded = ensure_bytes(codec.encode(source))
        for data in forms(encoded):
            assert_same_memory(codec.decode(data), given)
        outs: list[Callable[[], Any]] = [
            lambda: np.empty_like(given),
            lambda: bytearray(given.nbytes),
        ]
        for out in outs:
            made = out()
            codec.decode(encoded, out=made)
            assert_same_memory(made, given)


def assert_same_memory(found: Any, given: NDArray[Any]) -> None:
    order: Any = "F" if given.flags.f_contiguous else "C"
    typed = ensure_ndarray(found).view(given.dtype).reshape(given.shape, order=order)
    np.testing.assert_array_equal(typed, given)


def check_arrays_stay_arrays(given: NDArray[Any], codec: Any) -> None:
    """Checks that an array comes back with its dtype, elements and memory order."""
    encoded = codec.encode(given)
    out = np.empty_like(given)
    codec.decode(encoded, out=out)
    for found in (codec.decode(encoded), codec.decode(ensure_ndarray(encoded)), out):
        assert isinstance(found, np.ndarray)
        assert (found.dtype, found.shape) == (given.dtype, given.shape)
        assert found.tobytes("A") == given.tobytes("A")


def check_config(codec: Any) -> None:
    """Checks that a codec survives a round trip of its configuration through JSON."""
    assert numcodecs.get_codec(json.loads(json.dumps(codec.get_config()))) == codec


def check_objects_are_refused(codec: Any) -> None:
    """Checks that arrays of objects are refused: they hold pointers, which decoding would
    overwrite.
    """
    with pytest.raises(TypeError):
        codec.encode(np.array(["foo", "bar", "baz"], dtype=object))
    with pytest.raises(TypeError):
        codec.decode(codec.encode(np.arange(10)), out=np.empty(10, dtype=object))
