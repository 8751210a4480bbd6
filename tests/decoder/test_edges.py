"""Archives at the edge of a rule: the program, the specification and the second decoder all restore
the same bytes, or all refuse.
"""

import subprocess
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import bitsback
from bitsback.coding import alone
from bitsback.coding.block import FALLBACK
from bitsback.files.tokens import TokenWriter
from bitsback.format.layout import HEAD, NAMES, open_section, section
from bitsback.format.members import pack_files
from bitsback.format.parts import FOLDER, unpack_collection
from bitsback.models import Model
from bitsback.wire import varint
from folders import contents_of
from in_memory import pack
from model_parts import Parts
from packing import archive_of_block, archive_of_file, index_of
from reference import archive as spec
from reference import container_metadata
from reference.alone import decode as spec_decode
from reference.collection import read_collection
from reference.fields import ArchiveError
from second_decoder import PROGRAM

pytestmark = pytest.mark.rust

GREY = np.arange(12, dtype=np.uint8).reshape(3, 4)


def by_program(path: Path, out: Path) -> bool:
    try:
        bitsback.decompress(path, out)
    except bitsback.ArchiveError:
        return False
    return True


def by_second(path: Path, out: Path) -> bool:
    run = subprocess.run([PROGRAM, path, out], capture_output=True, text=True)
    assert "bug" not in run.stderr
    return run.returncode == 0


def by_specification(data: bytes) -> bool:
    try:
        kind = read_collection(spec.read_sections(data)[0].payload)[0]
        files = [] if kind is None else spec.decode_files(data)
        if kind is None:
            spec.decode(data)
        for file in files:
            if file.metadata:
                container_metadata.restore(np.asarray(file.array), file.metadata)
    except ArchiveError:
        return False
    return True


def array(dtype: str, axes: int, *shape: int) -> bytes:
    """The fields of an array of `C`."""
    return dtype.encode() + bytes([axes, len(shape)]) + b"".join(map(varint, shape)) + b"\0"


def archive(sections: Iterable[tuple[bytes, bytes]], blocks: Iterable[int]) -> bytes:
    body = HEAD + b"".join(section(*each) for each in sections)
    return body + index_of(body, blocks)


def no_arrays() -> bytes:
    """An npz file."""
    return archive([(b"C", b"\0\1\1\0"), (b"N", b"")], [])


def no_pictures() -> bytes:
    """A folder with a part of none."""
    parts = array("|u1", 1, 1, 2, 2) + array("|u1", 1, 0, 2, 2)
    block = b"\0\1\1|u1\2\2\2\0\0abcd"
    names = b"\1\0\1\0\0\1a"
    return archive([(b"C", b"\0\1\0\2" + parts), (b"N", names), (b"B", block)], [1])


def huge_result() -> bytes:
    """Two parts of less than 2^60 bytes each."""
    parts = array("|u1", 0, 1 << 59, 0) * 2
    runs = b"\1\1|u1\2" + varint(1 << 59) + b"\0\0\0"
    return archive([(b"C", b"\0\4\2" + parts), (b"B", b"\0" + runs), (b"B", b"\1" + runs)], [1, 1])


def rows_of_nothing() -> bytes:
    return archive_of_block("|u1", (0, 3), FALLBACK, b"\0\2\0" + zlib.compress(b"", wbits=-15))


def one_channel() -> bytes:
    """Items with an axis of one channel, by a model of images of any size with one channel."""
    parts = Parts(0, None)
    parts.data(1, 9)
    parts.distributions["p(x)"] = {"codec": "uniform"}
    pixels = np.random.default_rng(0).integers(0, 9, (40, 6, 7, 1), np.uint8)
    return pack(pixels, model=Model.build(*parts.model(["push x ~ p(x)"])), embed="always")


NO_TOKENS = varint(len(TokenWriter().end())) + b"\x78\x9c" + TokenWriter().end()


def tiff(
    bits: int,
    pixels: NDArray[np.generic],
    flags: int = 0,
    segments: bytes = b"",
    deflate: bytes = b"\0",
) -> bytes:
    """A folder of a TIFF file of one strip. segments: the runs of segments, if not this one.
    deflate: the tokens of segments.
    """
    size = 3 * -(-4 * bits // 8)
    layout = b"".join(map(varint, (3, 4, 1, 1, bits, 3, 4, 1, flags)))
    segments = segments or b"\1\1\6" + varint(size)
    return archive_of_file(b"\4\1\1" + layout + segments + b"\0" + deflate + b"\0head", pixels)


def pages_of_no_layout() -> bytes:
    layout = bytes([3, 4, 1, 1, 8, 3, 4, 1, 0])
    head = b"\4\2\0" + layout + b"\1" + layout
    return archive_of_file(head + b"\1\1\6\x0c\0\0\0head", GREY)


def unknown_compression() -> bytes:
    layout = bytes([3, 4, 1, 1, 8, 3, 4, 2, 0])
    head = b"\4\1\1" + layout + b"\x1e\4\4\4\1\1\6\x0c"
    return archive_of_file(head + b"\0\0\0head", GREY)


CASES: dict[str, tuple[Callable[[], bytes], bool]] = {
    "no arrays": (no_arrays, False),
    "a part without pictures": (no_pictures, False),
    "a result of 2^60 bytes": (huge_result, False),
    "rows without elements": (rows_of_nothing, False),
    "one channel": (one_channel, True),
    "too many bits in a frame": (lambda: archive_of_file(b"\1\x30\1\0\3", GREY), False),
    "too many bits in TIFF": (lambda: tiff(2, GREY), False),
    "no multiples in TIFF": (lambda: tiff(4, GREY, 4), False),
    "inverted samples of 2 bits": (lambda: tiff(2, GREY % 4, 2), True),
    "flag 4 beside 16 bits": (lambda: tiff(16, GREY.astype("<u2"), 4), True),
    "flag 4 beside 1 bit": (lambda: tiff(1, GREY % 2 > 0, 4), True),
    "tokens without a check": (lambda: tiff(8, GREY, deflate=NO_TOKENS), False),
    "a run of no segments": (lambda: tiff(8, GREY, 0, b"\2\0\0\1\1\6\x0c"), False),
    "a run of no pages": (pages_of_no_layout, False),
    "an unknown compression": (unknown_compression, False),
}


@pytest.mark.parametrize("name", CASES)
def test_all_restore_an_archive_or_all_refuse_it(name: str, tmp_path: Path) -> None:
    make, sound = CASES[name]
    data = make()
    path = tmp_path / "x.bb"
    path.write_bytes(data)
    outs = [tmp_path / "program", tmp_path / "second"]
    assert by_program(path, outs[0]) == by_second(path, outs[1]) == by_specification(data) == sound
    if sound and outs[0].is_dir():
        made, other = ((out / "a").read_bytes() for out in outs)
        (file,) = spec.decode_files(data)
        assert container_metadata.restore(np.asarray(file.array), file.metadata) == made == other


def test_names_of_pictures_without_container_metadata(tmp_path: Path) -> None:
    """A file of the folder is no obstacle if it is restored under another name."""
    names = ["a.jpg", "a.jpg/b", ".png", "c.png", "d/.PGM", "d/e.PGM", "f.g/pgm"]
    path, outs = tmp_path / "x.bb", [tmp_path / "program", tmp_path / "second"]
    path.write_bytes(folder_of_grey(names))
    assert by_program(path, outs[0]) and by_second(path, outs[1])
    expected = {spec.restored_name(file) for file in spec.decode_files(path.read_bytes())}
    assert set(contents_of(outs[0])) == set(contents_of(outs[1])) == expected
    assert {"a.jpg.png", "a.jpg/b.png", ".png.png", "d/.PGM.png", "d/e.PGM"} < expected


def test_no_picture_is_restored_where_another_one_needs_a_folder(tmp_path: Path) -> None:
    path = tmp_path / "x.bb"
    for names in (["a", "a.png"], ["a", "a.png/b"]):
        path.write_bytes(folder_of_grey(names))
        assert not by_program(path, tmp_path / "out") and not by_second(path, tmp_path / "out")


def folder_of_grey(names: list[str]) -> bytes:
    """Pictures without container metadata."""
    count = len(names)
    collection = b"\0\1\0\1" + array("|u1", 1, count, *GREY.shape)
    block = b"\0\1" + varint(count) + b"|u1\2\3\4\0\0" + GREY.tobytes() * count
    files = bytes(open_section(pack_files(FOLDER, [(0, count)], names), NAMES))
    return archive([(b"C", collection), (b"N", files), (b"B", block)], [count])


def test_a_block_alone_without_elements_may_have_two_values(tmp_path: Path) -> None:
    block = b"\xbb\7|u1\1\0\x20\2ab"
    block += spec.crc32c(block).to_bytes(4, "little")
    (tmp_path / "x.block").write_bytes(block)
    assert by_second(tmp_path / "x.block", tmp_path / "out.npy")
    assert np.load(tmp_path / "out.npy").shape == spec_decode(block).shape == (0,)
    found = alone.unpack(block, alone.NOTHING, lambda _: pytest.fail("it needs no model"))
    assert found.shape == (0,)


def test_many_files_may_have_many_bytes() -> None:
    """Only the bytes count against the limit of an array, not files times bytes."""
    payload = b"\0\1\0\1" + array("|u1", 3, 1 << 30, 1 << 40)
    assert unpack_collection(memoryview(payload)).tiles == 1
    assert read_collection(payload)[1][0].tiles == 1
    with pytest.raises(bitsback.ArchiveError):
        unpack_collection(memoryview(b"\0\1\0\1" + array("|u1", 3, 1, 1 << 60)))
