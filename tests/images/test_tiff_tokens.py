"""TIFF files with deflate come back bit for bit whichever encoder wrote them, with their pixels
coded.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import imagecodecs
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from bitsback.errors import ArchiveError
from bitsback.files import picture_files
from bitsback.files.picture_files import file_of, split
from bitsback.files.tiff.tiff_metadata import Tiff
from reference import container_metadata as spec
from reference.fields import ArchiveError as Refused


def flushed(data: bytes) -> bytes:
    packer = zlib.compressobj(9)
    half = packer.compress(data[: len(data) // 2]) + packer.flush(zlib.Z_FULL_FLUSH)
    return half + packer.compress(data[len(data) // 2 :]) + packer.flush()


ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "libdeflate": lambda data: imagecodecs.deflate_encode(data, level=6),
    "zlib-ng": lambda data: imagecodecs.zlibng_encode(data, level=6),
    "zopfli": lambda data: imagecodecs.zopfli_encode(data),
    "flushed": flushed,
}


def smooth(*shape: int, dtype: str = "u1") -> NDArray[Any]:
    """Slopes with noise: [..., height, width]."""
    rng = np.random.default_rng(1)
    places = np.add.outer(np.arange(shape[-2]) * 3, np.arange(shape[-1]) * 2)
    return (places // 4 + rng.integers(0, 3, shape)).astype(dtype)


def rgb(*size: int) -> NDArray[Any]:
    return np.moveaxis(smooth(3, *size), 0, -1)


GREY: dict[str, Any] = {"photometric": "minisblack"}
FILES: dict[str, tuple[list[NDArray[Any]], dict[str, Any], dict[str, Any]]] = {
    "strips": ([rgb(40, 50)], {"rowsperstrip": 7, "photometric": "rgb"}, {}),
    "predicted strips": ([smooth(40, 50)], {"rowsperstrip": 7, "predictor": True}, {}),
    "old deflate": ([smooth(40, 50, dtype="u2")], {"compression": 32946, **GREY}, {}),
    "tiles": ([smooth(40, 50, dtype="u2")], {"tile": (16, 32), "predictor": True}, {}),
    "planes in tiles, big-endian": (
        [smooth(3, 40, 50, dtype="u2")],
        {"tile": (16, 16), "photometric": "rgb", "planarconfig": "separate"},
        {"byteorder": ">", "bigtiff": True},
    ),
    "floats": ([smooth(40, 50, dtype="f4")], {"predictor": 3, "rowsperstrip": 9}, {}),
    "two levels": ([smooth(161, 190) % 9 > 3], {"photometric": "miniswhite"}, {}),
    "reversed bits": ([smooth(161, 190) % 9 > 3], {"extratags": [(271, 3, 1, 2, True)]}, {}),
    "pages": ([smooth(20, 30), smooth(40, 30)], GREY, {}),
}


def deflated_file(name: str, encoder: str) -> bytes:
    """A file whose segments are made by an encoder."""
    pages, options, of_file = FILES[name]

    def encode(data: Any, **_: Any) -> bytes:
        made = ENCODERS[encoder](bytes(data))
        return bytes(int(f"{byte:08b}"[::-1], 2) for byte in made) if "bits" in name else made

    out = io.BytesIO()
    codecs = {8: encode, 32946: encode}
    with (
        patch.dict(tifffile.TIFF.COMPRESSORS._codecs, codecs),
        tifffile.TiffWriter(out, **of_file) as tiff,
    ):
        for page in pages:
            tiff.write(page, **{"compression": "zlib", "metadata": None, **options})
    # FillOrder, which tifffile does not write, takes the place of another tag.
    tags = [struct.pack("<HHI", tag, 3, 1) for tag in (271, 266)]
    return out.getvalue().replace(*tags)


def tokens_of(data: bytes) -> tuple[NDArray[Any], bytes, Tiff]:
    """Pixels and metadata of a file whose segments have tokens."""
    taken = split(io.BytesIO(data), True)
    assert taken is not None and taken.exact
    metadata = picture_files.unpack(taken.metadata)
    assert isinstance(metadata, Tiff) and metadata.deflated.coded
    return taken.pixels.whole(), taken.metadata, metadata


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("name", FILES)
def test_it_comes_back(name: str, encoder: str) -> None:
    data = deflated_file(name, encoder)
    pixels, packed, _ = tokens_of(data)
    assert file_of(pixels, packed) == data
    assert spec.restore(pixels, packed) == data


def test_segments_share_what_was_learned() -> None:
    """Tokens of many small segments take little more than those of a large one."""
    data = deflated_file("tiles", "libdeflate")
    assert len(tokens_of(data)[2].deflated.pack()) < 200


def test_tokens_need_a_check() -> None:
    pixels, _, metadata = tokens_of(deflated_file("tiles", "zopfli"))
    plain = metadata.anew()
    assert not plain.exact and file_of(pixels, bytes([plain.kind]) + plain.pack())
    forged = Tiff(**{**vars(metadata), "check": None})
    with pytest.raises(ArchiveError, match="impossible file"):
        picture_files.unpack(bytes([forged.kind]) + forged.pack())
    with pytest.raises(Refused, match="tokens of streams"):
        spec.restore(pixels, bytes([forged.kind]) + forged.pack())


def test_bytes_behind_a_stream_are_not_made_again() -> None:
    with patch.dict(ENCODERS, {"longer": lambda data: flushed(data) + b"\0"}):
        assert split(io.BytesIO(deflated_file("two levels", "longer")), True) is None


def test_changed_tokens_are_refused_or_make_the_file() -> None:
    data = deflated_file("strips", "libdeflate")
    pixels, packed, metadata = tokens_of(data)
    start = packed.index(metadata.deflated.coded)
    rng = np.random.default_rng(0)
    for _ in range(60):
        changed = bytearray(packed)
        changed[start + rng.integers(len(metadata.deflated.coded))] ^= 1 << int(rng.integers(8))
        try:
            assert file_of(pixels, bytes(changed)) == data
        except ArchiveError:
            continue
