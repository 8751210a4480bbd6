"""`bitsback.encode` and `decode`: one array as bytes, without an archive."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

import bitsback
from bitsback.format.layout import DTYPES
from bitsback.models import known
from bitsback.planner.candidates import Candidate
from bundled_models import spec_model, spec_models
from drawn_letters import lettering
from jpeg_files import jpeg
from reference import alone as spec
from reference.fields import ArchiveError as SpecError

SMALL_CONSTANT = 32  # bytes of a block alone besides those of its array and shape


def assert_same(found: NDArray[Any], array: NDArray[Any]) -> None:
    assert (found.dtype, found.shape) == (array.dtype, array.shape)
    assert found.tobytes() == array.tobytes()
    assert found.flags.writeable


@given(
    arrays.arrays(
        st.sampled_from(sorted(DTYPES)).map(np.dtype),
        arrays.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=6),
        elements=None,
    ),
    st.booleans(),
)
def test_every_array_comes_back(array: NDArray[Any], columns: bool) -> None:
    """Every array comes back, with its memory order, from little more bytes than it has."""
    given_array = np.asarray(array, order="F" if columns else "C")
    data = bitsback.encode(given_array)
    found = bitsback.decode(data)
    assert_same(found, given_array)
    assert found.flags.f_contiguous == given_array.flags.f_contiguous
    assert len(data) <= array.nbytes + SMALL_CONSTANT
    if not spec_models(data):
        assert_same(spec.decode(data).copy(order="K"), given_array)


@pytest.mark.parametrize("content", [jpeg(), gzip.compress(bytes(range(99)) * 9 + jpeg(), mtime=0)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_streams_come_back(content: bytes, dtype: type) -> None:
    """Those of JPEG and deflate, which are coded by what they hold; as digits they are none."""
    bytes_of_streams = np.frombuffer(content, np.uint8)
    for array in (bytes_of_streams.astype(dtype), np.tile(bytes_of_streams, (2, 1)).astype(dtype)):
        data = bitsback.encode(array)
        assert_same(bitsback.decode(data), array)
        if not spec_models(data):
            assert_same(spec.decode(data).copy(), array)
    assert len(bitsback.encode(bytes_of_streams)) < 0.9 * len(content)


@pytest.mark.parametrize("axes", ["auto", "yx", "zyx"])
@pytest.mark.parametrize("dtype", ["<u2", ">u2", "<i2", "|u1"])
def test_a_stack_comes_back_whatever_its_axes_are(
    volume: NDArray[np.uint16], dtype: str, axes: Any
) -> None:
    array = (volume // 8 if dtype == "|u1" else volume).astype(dtype)
    data = bitsback.encode(array, axes=axes)
    assert_same(bitsback.decode(data), array)
    assert len(data) < 0.65 * array.nbytes


@pytest.mark.parametrize("axes", ["auto", "yxc", "zyxc"])
def test_colours_come_back(volume: NDArray[np.uint16], axes: Any) -> None:
    array = np.stack([volume // 8, volume // 9, volume // 8 + 1], -1).astype(np.uint8)
    assert_same(bitsback.decode(bitsback.encode(array, axes=axes)), array)


def test_graphics_are_coded_by_a_model_that_counts() -> None:
    """Also with a blank middle, and of two levels."""
    drawn = lettering(200, 260)
    drawn[60:140, 80:180] = 255
    graphic = np.stack([drawn, 255 - drawn, drawn // 2], -1)
    for array, names in (
        (graphic, ["graphics", "graphics-grey"]),
        (drawn, ["graphics", "graphics-grey"]),
        (drawn < 128, ["bilevel"]),
    ):
        data = bitsback.encode(array)
        assert_same(bitsback.decode(data), array)
        assert len(data) < 0.9 * len(bitsback.encode(array, model="universal"))
        least = min(len(bitsback.encode(array, model=name)) for name in names)
        assert len(data) <= 1.02 * least


def test_noise_is_not_tried_with_models_that_count(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []
    plan = Candidate.plan

    def noted(candidate: Candidate, *others: Any) -> Any:
        tried.append(candidate.outline.name)
        return plan(candidate, *others)

    monkeypatch.setattr(Candidate, "plan", noted)
    rng = np.random.default_rng(0)
    array = rng.integers(0, 256, (32, 32, 3)).astype(np.uint8)
    assert_same(bitsback.decode(bitsback.encode(array)), array)
    assert set(tried) == {"universal"}


def test_three_columns_are_no_colours() -> None:
    array = np.zeros((1, 2, 1, 3), np.float32)
    array[0, 1, 0, 1:] = 0.3, 513
    assert_same(bitsback.decode(bitsback.encode(array, axes="yx")), array)


def test_what_is_coded_is_what_the_specification_says(
    bilevel: NDArray[np.bool_], volume: NDArray[np.uint16]
) -> None:
    for array, name in (
        (bilevel[:3], "mnist-binary"),
        (volume[:2, :6, :7], "universal"),
        (bilevel[0, 4:16, 4:16], "bilevel"),
        (np.zeros((9, 31)), "universal"),
        (np.arange(99.0), "universal"),
        (np.zeros((3, 0, 5), np.uint8), "universal"),
    ):
        coded = array.dtype.kind in "bu" and array.size
        data = bitsback.encode(array, model=name if coded else "auto")
        assert_same(spec.decode(data, [spec_model(name)]).copy(), np.ascontiguousarray(array))


def test_the_specification_refuses_what_is_damaged(bilevel: NDArray[np.bool_]) -> None:
    data = bitsback.encode(bilevel[:2], model="mnist-binary")
    for at in range(len(data)):
        damaged = bytearray(data)
        damaged[at] ^= 1 + at % 255
        with pytest.raises(SpecError):
            spec.decode(bytes(damaged), [spec_model("mnist-binary")])


@pytest.mark.parametrize("kind", ["chain", "planes", "fallback", "raw"])
def test_every_changed_byte_and_every_cut_is_an_error(
    kind: str, bilevel: NDArray[np.bool_], volume: NDArray[np.uint16]
) -> None:
    array = {
        "chain": bilevel[:2],
        "planes": volume[:2, :9, :9],
        "fallback": np.arange(60.0),
        "raw": np.frombuffer(bytes(range(7)), np.uint8),
    }[kind]
    data = bitsback.encode(array)
    for at in range(len(data)):
        damaged = bytearray(data)
        damaged[at] ^= 1 + at % 255
        for wrong in (bytes(damaged), data[:at]):
            with pytest.raises(bitsback.ArchiveError, match="a block of bitsback"):
                bitsback.decode(wrong)
    with pytest.raises(bitsback.ArchiveError):
        bitsback.decode(data + b"\0")


def test_a_newer_version_is_told_from_damage() -> None:
    data = bytearray(bitsback.encode(np.arange(5)))
    data[1] += 1
    with pytest.raises(bitsback.ArchiveError, match=r"version is 8.*update bitsback"):
        bitsback.decode(data)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_bytes_become_an_array_of_bytes(kind: Callable[[bytes], Any]) -> None:
    assert bitsback.decode(kind(bitsback.encode(kind(b"abc")))).tobytes() == b"abc"


def test_digits_take_no_more_than_in_an_archive(
    grey: NDArray[np.uint8], bilevel: NDArray[np.bool_]
) -> None:
    for digits, model in ((grey, "mnist-context"), (bilevel, "mnist-binary-context")):
        file = io.BytesIO()
        bitsback.compress(digits, file, model=model, block=64)
        with bitsback.open(file) as archive:
            in_archive = archive.reader.blocks[0].size
        assert len(bitsback.encode(digits, model=model)) <= in_archive


def test_white_paper_is_as_small_as_black(bilevel: NDArray[np.bool_]) -> None:
    black, white = (len(bitsback.encode(digits)) for digits in (bilevel, ~bilevel))
    assert abs(black - white) < 0.02 * black


def test_auto_tells_digits_from_what_is_as_large(volume: NDArray[np.uint16]) -> None:
    """Images of 28 x 28 pixels that are neither digits nor clothes."""
    y, x = np.mgrid[:28, :28]
    waves = np.stack([128 + 90 * np.sin((x * n + y * 2) / 40) for n in range(1, 9)])
    array = (waves + np.random.default_rng(0).normal(0, 2, waves.shape)).astype(np.uint8)
    assert len(bitsback.encode(array)) <= len(bitsback.encode(array, model="universal")) + 1
    assert len(bitsback.encode(array)) < 0.9 * len(bitsback.encode(array, model="mnist-context"))


def test_graphics_are_left_to_general_compressors() -> None:
    tiles = np.tile(np.random.default_rng(0).integers(0, 256, (16, 16), np.uint8), (16, 16))
    data = bitsback.encode(tiles)
    assert len(data) < 700
    assert_same(bitsback.decode(data), tiles)


@pytest.mark.parametrize("dtype", ["complex64", "M8[s]", "S3", "O", "U2", "i4,f2"])
def test_other_dtypes_are_refused(dtype: str) -> None:
    with pytest.raises(bitsback.InputError, match="bitsback cannot store the dtype"):
        bitsback.encode(np.zeros(3, dtype))


def test_what_cannot_be_done_is_refused(grey: NDArray[np.uint8]) -> None:
    with pytest.raises(bitsback.InputError, match="axes='xy': it must be one of 'auto', 'yx'"):
        bitsback.encode(grey, axes="xy")  # type: ignore[arg-type]
    with pytest.raises(bitsback.InputError, match=r"of the shape \(28, 28\) has too few axes"):
        bitsback.encode(grey[0], axes="zyx")
    with pytest.raises(bitsback.InputError, match="the model mnist codes items of the shape"):
        bitsback.encode(grey[:, :20], model="mnist")
    with pytest.raises(bitsback.InputError, match="one block has at most"):
        bitsback.encode(np.broadcast_to(np.zeros(1), (1 << 29,)))
    with pytest.raises(bitsback.ModelError, match="give a model file"):
        bitsback.encode(grey, model="nowhere")


def test_values_that_a_model_does_not_code_are_stored_all_the_same(grey: NDArray[np.uint8]) -> None:
    assert_same(bitsback.decode(bitsback.encode(grey, model="mnist-binary")), grey)


def test_a_model_of_ones_own_is_needed_to_decode(
    own_file: Path, drawn: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = bitsback.encode(drawn, model=own_file)
    assert len(data) < len(bitsback.encode(drawn))
    assert_same(bitsback.decode(data), drawn)
    monkeypatch.setattr(known, "_models", {})
    with pytest.raises(
        bitsback.ModelError, match=r"does not ship.*register_model.*BITSBACK_MODELS"
    ):
        bitsback.decode(data)
    assert_same(bitsback.decode(data, model=own_file), drawn)
