"""Research archives restore their images, as a whole and block by block, in the same
environment.
"""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bitsback
from bitsback import ArchiveError, InputError, Message, ModelError
from bitsback.coding import chain as archive_chain
from bitsback_lab import research
from bitsback_lab.research import float_models
from bitsback_lab.research.float_file import read_header
from bitsback_lab.research.float_models import codec_of
from research.models import Linear, Network, Steps, digits, linear, values


@pytest.mark.parametrize(
    ("model", "images"),
    [
        (linear(), digits()),
        (linear(), digits().astype(bool)),
        (linear(), digits(1)),
        (linear(), digits().astype(">u2")),
        (Network(), values()),
        (research.Functions(*Steps(9.0).functions()), np.arange(-50, 50, dtype=np.int8)),
    ],
    ids=["numpy", "bools", "one", "big-endian", "torch", "functions"],
)
@pytest.mark.parametrize("block", [1024, 17])
def test_it_comes_back(model: Any, images: Any, block: int, tmp_path: Path) -> None:
    path = tmp_path / "x.bb"
    summary = research.compress(images, model, path, block=block)
    assert (summary.shape, summary.items, summary.bytes_in) == (
        images.shape, len(images), images.nbytes,
    )  # fmt: skip
    assert summary.bytes_out == path.stat().st_size
    assert summary.blocks == -(-len(images) // block)
    back = research.decompress(path, model)
    assert back.dtype == images.dtype
    np.testing.assert_array_equal(back, images)


def test_some_images_decode_their_blocks_alone(tmp_path: Path) -> None:
    images, path = digits(50), tmp_path / "x.bb"
    research.compress(images, linear(), path, block=10)
    with path.open("rb") as file:
        header = read_header(file, "x")
        first = file.tell()
    data = bytearray(path.read_bytes())
    data[first + header.blocks[0][1] // 2] ^= 1  # in block 0
    path.write_bytes(data)
    for items in (slice(10, 50), slice(-1, None), slice(40, 12, -7), slice(20, 20), slice(33, 34)):
        found = research.decompress(path, linear(), items=items)
        np.testing.assert_array_equal(found, images[items])
    with pytest.raises(ArchiveError, match=r"x\.bb: block 0: its checksum"):
        research.decompress(path, linear(), items=slice(9, 11))


def test_a_block_is_the_chain_of_docs_research() -> None:
    """Codes by hand: from the digest's initial message, batches from the end."""
    images, model = digits(40), linear()
    message = archive_chain.initial(float_models.digest(images), 1)
    end = 40
    for size in (1, 1, 1, 1, 1, 1, 2, 3, 4, 5, 7, 10, 3):  # 96 / 256 of the coded items, up to 40
        codec_of(model, size).push(message, images[end - size : end])
        end -= size
    assert end == 0
    file = io.BytesIO()
    research.compress(images, model, file)
    file.seek(0)
    header = read_header(file, "x")
    assert header.blocks == ((40, len(file.read())),)
    assert message.to_bytes() in file.getvalue()


def test_start_up_is_small() -> None:
    """The digest supplies the first bits back: a block takes the model's bits and the digest."""
    images, model = digits(90), linear()
    file = io.BytesIO()
    research.compress(images, model, file, batch=1)
    file.seek(0)
    ((_, size),) = read_header(file, "x").blocks
    codec = codec_of(model, 1)
    message = Message.random()
    for image in images[::-1]:
        codec.push(message, image[None])
    growth = message.net_bits
    assert growth - 10 < 8 * size - 256 < growth + 160


class Random(Linear):
    """A layer with random outputs, as with dropout."""

    def likelihood(self, z: Any) -> Any:
        noise = np.random.default_rng().normal(size=z.shape)
        return super().likelihood(z + noise)


class OfAnotherShape(Linear):
    def likelihood(self, z: Any) -> Any:
        return bitsback.codecs.Uniform(2, (len(z), 16))


@pytest.mark.parametrize(
    ("model", "why"),
    [
        (Random(linear().weights), "the same floats each time"),
        (OfAnotherShape(linear().weights), r"codes symbols of shape \(1, 16\), not \(1, 4, 4\)"),
    ],
)
def test_a_model_that_cannot_be_decoded_with_writes_nothing(
    model: Any, why: str, tmp_path: Path
) -> None:
    with pytest.raises((ModelError, bitsback.MessageError), match=why):
        research.compress(digits(), model, tmp_path / "x.bb")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("images", "settings", "why"),
    [
        (np.zeros((3, 4, 4), np.float32), {}, "not float32"),
        (np.zeros((0, 4, 4), np.uint8), {}, r"shape \(0, 4, 4\)"),
        (np.uint8(3), {}, "one at least"),
        (digits(), {"block": 0}, "block must be from 1"),
        (digits(), {"growth": 257}, "growth must be from 1 to 256"),
        (digits(), {"batch": 0}, "batch must be"),
    ],
)
def test_what_cannot_be_held_is_refused(images: Any, settings: Any, why: str) -> None:
    with pytest.raises(InputError, match=why):
        research.compress(images, linear(), io.BytesIO(), **settings)


def test_files_are_not_replaced_unless_asked(tmp_path: Path) -> None:
    path = tmp_path / "x.bb"
    path.write_bytes(b"mine")
    with pytest.raises(InputError, match=r"x\.bb"):
        research.compress(digits(), linear(), path)
    assert path.read_bytes() == b"mine"
    research.compress(digits(), linear(), path, force=True)
    np.testing.assert_array_equal(research.decompress(path, linear()), digits())


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no file"):
        research.decompress(tmp_path, linear())


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere"):
        research.decompress(tmp_path / "nowhere.bb", linear())
