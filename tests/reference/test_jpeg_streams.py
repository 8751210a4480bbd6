"""JPEG streams: the specification restores what the core codes, of all kinds that Pillow writes,
cut, nested and among other bytes, and of encoders that choose otherwise.
"""

import random
import zlib
from collections.abc import Callable
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bitsback
from bitsback.coding import streams as core
from bitsback.coding.streams import JpegCoder, encode_streams
from bitsback.files.drawing import pack
from bitsback.files.jpeg_samples import take_samples
from bitsback.files.picture_files import file_of
from bundled_models import spec_models
from jpeg_files import STREAMS, cut, in_strips, jpeg, picture, with_preview, without
from reference import archive as spec
from reference.container_metadata import restore
from reference.fields import ArchiveError, Reader
from reference.jpeg_coefficients import ZIGZAG, Block
from reference.jpeg_markers import Skeleton
from reference.jpeg_streams import HEADER, SOI, Details, decode_streams, decompress, write
from reference.jpeg_symbols import Coefficients as Symbols
from reference.message import write_varint

CODERS: list[JpegCoder] = ["decisions", "symbols"]


def rounds_of(content: bytes) -> int:
    """Checks that the specification restores these bytes, from both coders; how often streams were
    taken out, and 4 more where they have strips.
    """
    heads = set()
    for coder in CODERS:
        data = encode_streams(np.frombuffer(content, np.uint8), coder=coder)
        assert data is not None
        assert decode_streams(data, len(content)) == content
        heads.add(data[0] % 8)
    (head,) = heads
    return head


@pytest.mark.parametrize("name", STREAMS)
def test_streams(name: str) -> None:
    assert rounds_of(STREAMS[name]()) % 4 == 1


@pytest.mark.parametrize("name", ["grey", "CMYK", "progressive", "arithmetic"])
def test_strips(name: str) -> None:
    assert rounds_of(in_strips(STREAMS[name](), 3)) == 5


def test_strips_of_several_streams() -> None:
    """The other ones have a state of their own."""
    one, other = in_strips(jpeg(picture("L"))), in_strips(jpeg(), 4)
    assert rounds_of(with_preview() + one + jpeg() + other) == 6


def test_a_strip_has_a_row_and_a_megabyte() -> None:
    assert rounds_of(in_strips(jpeg(picture(rows=17)))) == 5
    assert rounds_of(in_strips(jpeg(picture(rows=16)))) == 1
    assert rounds_of(in_strips(jpeg()).replace(b"\0\xff\xd9", b"\xff\xd9")) == 1


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_blocks": 1}])
@pytest.mark.parametrize("part", [0.6, 0.9])
def test_a_stream_that_is_cut(options: dict[str, Any], part: float) -> None:
    assert rounds_of(cut(jpeg(**options), part)) == 1


def test_streams_between_other_bytes() -> None:
    one, other = jpeg(picture("L")), jpeg(progressive=True, quality=50)
    assert rounds_of(b"before" + one + b"between\xff\xd8" + other + bytes(300)) == 1


@pytest.mark.parametrize("coder", CODERS)
def test_tables_in_front_of_a_tile(coder: JpegCoder) -> None:
    stream, before = without(jpeg(picture("L")), 0xC4, 0xDB)
    data = encode_streams(np.frombuffer(stream, np.uint8), before, coder)
    assert data is not None
    assert decode_streams(data, len(stream)) == stream


def test_a_preview_in_the_header_of_a_stream() -> None:
    assert rounds_of(with_preview()) == 2


def test_an_archive(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in ("grey", "one block"):
        (tmp_path / "in" / f"{name}.jpg").write_bytes(STREAMS[name]())
    bitsback.compress(tmp_path / "in", tmp_path / "x.bb")
    data = (tmp_path / "x.bb").read_bytes()
    for file in spec.decode_files(data, spec_models(data)):
        assert file.array.tobytes() == (tmp_path / "in" / file.name).read_bytes()


def segment(marker: int, content: bytes) -> bytes:
    return bytes([0xFF, marker]) + (2 + len(content)).to_bytes(2, "big") + content


def skeleton_of(
    progressive: bool,
    interval: int = 0,
    step: int = 3,
    precision: int = 8,
    conditions: bytes | None = None,
    lines: bool = False,
    side: int = 32,
) -> Skeleton:
    """One component of 4 x 4 blocks, or of other sides in pixels, with codes of all symbols, or
    with conditions of arithmetic coding. lines: the height stands behind the first scan.
    """
    codes = [
        segment(0xC4, bytes([table]) + bytes(8) + bytes([255, 1]) + bytes(6) + bytes(range(256)))
        for table in (0x00, 0x10)
    ]
    sizes = (0 if lines else side).to_bytes(2, "big") + side.to_bytes(2, "big")
    frame = bytes([precision]) + sizes + bytes([1, 1, 0x11, 0])
    head = segment(0xDB, bytes([0x10]) + step.to_bytes(2, "big") * 64) + b"".join(codes)
    if conditions is not None:
        head += segment(0xCC, conditions)
        head += segment(0xCA if progressive else 0xC9, frame)
    else:
        head += segment(0xC2 if progressive else 0xC1, frame)
    head += segment(0xDD, interval.to_bytes(2, "big"))
    bands = [(0, 63, 0)]
    if progressive:
        bands = [(0, 0, 0x01), (1, 63, 0x02), (1, 63, 0x21), (0, 0, 0x10), (1, 63, 0x10)]
    scans = [segment(0xDA, bytes([1, 1, 0, first, last, bits])) for first, last, bits in bands]
    scans.insert(1, segment(0xDC, b"\0\x20") if lines else b"")
    return Skeleton(head + b"".join(scans) + b"\xff\xd9")


def blocks(large: bool, count: int = 16) -> list[Block]:
    """With zeros in the end, or else all other than zero from the first scan on."""
    drawn = np.random.default_rng(0).laplace(0, 3, (count, 64)).astype(int)
    if large:
        return (drawn + np.where(drawn < 0, -4, 4)).tolist()
    for block in drawn:
        block[ZIGZAG[1 + abs(block[0]) % 9 * 5 :]] = 0
    return drawn.tolist()


def corrections_of(zeros: int) -> list[Block]:
    """Coefficients of which the first 15 blocks have 15 * 63 - zeros corrections."""
    drawn = blocks(True)
    for r in ZIGZAG[64 - zeros :]:
        drawn[14][r] = 0
    return drawn


def lossless(
    predictor: int, interval: int = 0, low: int = 0, precision: int = 16, alone: bool = True
) -> Skeleton:
    """A component of 12 rows and 10 columns, or two in one scan, the first one with two samples
    across and down.
    """
    code = bytes([0, 0, 0, 0, 0, 17]) + bytes(11) + bytes(range(17))
    parts = [(1, 0x11)] if alone else [(1, 0x22), (2, 0x11)]
    frame = bytes([precision, 0, 12, 0, 10, len(parts)])
    frame += b"".join(bytes([name, factors, 0]) for name, factors in parts)
    scan = bytes([len(parts)]) + b"".join(bytes([name, 0]) for name, _ in parts)
    head = segment(0xC4, code) + segment(0xC3, frame) + segment(0xDD, interval.to_bytes(2, "big"))
    return Skeleton(head + segment(0xDA, scan + bytes([predictor, 0, low])) + b"\xff\xd9")


def samples(skeleton: Skeleton) -> list[list[int]]:
    """Random ones behind a zero, whose difference is 2^15 if samples have 16 bits."""
    assert skeleton.frame
    rng = np.random.default_rng(2)
    most = 2**skeleton.frame.precision >> skeleton.scans[0].low
    return [
        [0, *rng.integers(0, most, one.rows * one.columns - 1).tolist()]
        for one in skeleton.frame.components
    ]


def components(
    factors: tuple[int, ...] = (0x31, 0x12, 0x11, 0x22), conditions: bytes | None = None
) -> tuple[Skeleton, list[list[Block]]]:
    """A stream of components of odd sampling, and their blocks."""
    frame = bytes([8, 0, 21, 0, 30, len(factors)])
    frame += b"".join(bytes([name, one, 0]) for name, one in enumerate(factors))
    one = skeleton_of(False, 2, conditions=conditions)
    head = one.data[: one.data.index(b"\xff\xc1" if conditions is None else b"\xff\xc9")]
    kind = 0xC1 if conditions is None else 0xC9
    scan = bytes([len(factors)])
    scan += b"".join(bytes([name, 0]) for name in range(len(factors))) + b"\0\x3f\0"
    skeleton = Skeleton(head + segment(kind, frame) + segment(0xDA, scan) + b"\xff\xd9")
    assert skeleton.frame
    drawn = blocks(False, 25)
    return skeleton, [drawn[: one.rows * one.columns] for one in skeleton.frame.components]


@pytest.mark.parametrize("conditions", [None, b""])
def test_four_components_of_odd_sampling(conditions: bytes | None) -> None:
    skeleton, planes = components(conditions=conditions)
    assert [len(plane) for plane in planes] == [12, 8, 4, 16]
    assert rounds_of(write(skeleton, planes, Details(b"", 1))) == 1


SAMPLES = {
    **{f"predictor {n}": lossless(n) for n in range(1, 8)},
    "restarts": lossless(4, 20),
    "restarts in rows": lossless(7, 7),
    "few bits, point transform": lossless(5, 10, 1, 2),
    "two components": lossless(6, 5, alone=False),
    "two components, odd restarts": lossless(6, 3, alone=False),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_choices_of_lossless_encoders(name: str) -> None:
    skeleton = SAMPLES[name]
    stream = write(skeleton, samples(skeleton), Details(b"", 1))
    taken = take_samples(stream)
    assert taken is not None
    assert details_in(Reader(taken.metadata.rest), len(stream)) == b""
    assert restore(taken.samples, pack(taken.metadata)) == stream
    assert file_of(taken.samples, pack(taken.metadata)) == stream


def test_samples_of_other_pictures_are_refused() -> None:
    """By the program and the specification alike, without other errors."""
    rng = random.Random(0)
    stream = write(SAMPLES["restarts"], samples(SAMPLES["restarts"]), Details(b"", 1))
    taken = take_samples(stream, 0, ((30, b"a header"),))
    assert taken is not None
    whole, pixels = pack(taken.metadata), taken.samples
    made = stream[:30] + b"a header" + stream[30:]
    assert restore(pixels, whole) == file_of(pixels, whole) == made
    pictures = [
        pixels,
        pixels[1:],
        pixels[:, 1:],
        np.stack([pixels, pixels], -1),
        pixels.view("<i2"),
    ]
    for number in range(200):
        place, other = rng.randrange(1, len(whole)), pictures[number % len(pictures)]
        data = whole[:place] + bytes([rng.randrange(256)]) + whole[place + 1 :]
        data = data[: rng.choice([len(data), rng.randrange(1, len(data))])]
        outcomes = []
        for make in (file_of, restore):
            try:
                outcomes.append(make(other, data))
            except (bitsback.ArchiveError, ArchiveError):
                outcomes.append(None)
        assert outcomes[0] == outcomes[1]


def wide() -> list[Block]:
    """Coefficients of all sizes, of 3 x 3 blocks, as the specification takes long."""
    drawn = np.random.default_rng(1).laplace(0, 1, (9, 64)) * 5000 / np.arange(1, 65)
    return drawn.clip(-16_000, 16_000).astype(int).tolist()


def greatest() -> list[Block]:
    return [[16_383 * (-1) ** n, *[32_767 * (-1) ** (n // 7)] * 63] for n in range(9)]


def details_of(
    flags: int = 0,
    padding: dict[int, int] | None = None,
    zero_runs: dict[int, int] | None = None,
    breaks: dict[int, int] | None = None,
    cuts: dict[int, tuple[int, bytes]] | None = None,
) -> bytes:
    out = bytes([flags])
    for entries in (padding or {}, zero_runs or {}, breaks or {}):
        out += write_varint(len(entries))
        before = 0
        for place, value in entries.items():
            out += write_varint(place - before) + write_varint(value)
            before = place
    for scan, (units, rest) in (cuts or {}).items():
        out += write_varint(scan) + write_varint(units) + write_varint(len(rest)) + rest
    return out


def changed(skeleton: Skeleton, before: bytes, after: bytes) -> Skeleton:
    assert before in skeleton.data
    return Skeleton(skeleton.data.replace(before, after))


def between_scans(*segments: bytes) -> Skeleton:
    """A progressive stream with a segment in front of each of its first scans."""
    head, *scans = skeleton_of(True).data.split(b"\xff\xda")
    for own, scan in zip_longest(segments, scans, fillvalue=b""):
        head += own + b"\xff\xda" + scan
    return Skeleton(head)


def steps(step: int) -> bytes:
    """A segment of a table of steps of two bytes."""
    return segment(0xDB, bytes([0x10]) + step.to_bytes(2, "big") * 64)


def test_steps_greater_than_those_of_the_model() -> None:
    stream, _ = without(jpeg(), 0xDB)
    tables = steps(5_000) + steps(5_000).replace(b"\x10", b"\x11", 1)
    assert rounds_of(stream[:2] + tables + stream[2:]) == 1


LINES = b"\xff\xdc\0\4\0\x08"
"""A segment that tells of 8 lines."""

CHOICES: dict[str, Callable[[], tuple[Skeleton, list[Block], bytes]]] = {
    "zeros": lambda: (skeleton_of(False, 4), blocks(False), details_of(1)),
    "padding": lambda: (skeleton_of(True, 2), blocks(False), details_of(0, {3: 1, 17: 0})),
    "no restarts": lambda: (skeleton_of(False, 3), blocks(False), details_of(4)),
    "zero runs": lambda: (skeleton_of(False), blocks(False), details_of(0, zero_runs={4: 1})),
    "zero runs of a band": lambda: (
        skeleton_of(True),
        blocks(False),
        details_of(0, zero_runs={21: 1, 24: 1}),
    ),
    "breaks": lambda: (skeleton_of(True), [[9] + [0] * 63] * 16, details_of(0, breaks={30: 1})),
    "runs of corrections": lambda: (skeleton_of(True), blocks(True), b""),
    "937 corrections": lambda: (skeleton_of(True), corrections_of(8), b""),
    "938 corrections": lambda: (skeleton_of(True), corrections_of(7), b""),
    "long runs": lambda: (skeleton_of(True), blocks(True), details_of(2)),
    "greatest values": lambda: (
        skeleton_of(False, step=65_535, side=24),
        greatest(),
        b"",
    ),
    "12 bits": lambda: (skeleton_of(False, precision=12, side=24), wide(), b""),
    "12 bits, arithmetic": lambda: (
        skeleton_of(True, precision=12, conditions=b"", side=24),
        wide(),
        b"",
    ),
    "number of lines": lambda: (skeleton_of(False, lines=True), blocks(False), b""),
    "conditions": lambda: (
        skeleton_of(False, 2, conditions=bytes([0x00, 0x52, 0x10, 0x0A]), side=24),
        wide(),
        b"",
    ),
    "conditions, progressive": lambda: (
        skeleton_of(True, 5, conditions=bytes([0x00, 0xFF, 0x10, 0x3F]), side=24),
        blocks(True)[:9],
        b"",
    ),
    "greatest values, arithmetic": lambda: (
        skeleton_of(False, step=65_535, conditions=b"", side=24),
        greatest(),
        b"",
    ),
    "no restarts, arithmetic": lambda: (
        skeleton_of(False, 3, conditions=b""),
        blocks(False),
        details_of(4),
    ),
    "bytes behind a scan": lambda: (
        skeleton_of(False, 7),
        blocks(False),
        details_of(0, cuts={0: (0, b"\xff\xd0 and so on")}),
    ),
    "a symbol with two codes": lambda: (
        changed(skeleton_of(False), bytes(range(256)), bytes(range(255)) + b"\0"),
        blocks(False),
        b"",
    ),
    "steps between scans": lambda: (between_scans(steps(5), steps(7)), blocks(False), b""),
    "steps behind the first scan": lambda: (between_scans(steps(0), steps(7)), blocks(False), b""),
    "no steps": lambda: (skeleton_of(False, step=0), blocks(False), b""),
    "intervals between scans": lambda: (
        between_scans(*(segment(0xDD, bytes([0, n])) for n in (4, 0, 3))),
        blocks(False),
        b"",
    ),
    "bytes between segments": lambda: (
        changed(skeleton_of(False), b"\xff\xda", b"\xff\x01\xff\xff\xda"),
        blocks(False),
        b"",
    ),
    "lines before the frame": lambda: (
        changed(skeleton_of(False, lines=True), b"\xff\xc1", segment(0xFE, LINES) + b"\xff\xc1"),
        blocks(False),
        b"",
    ),
    "lines that are cut off": lambda: (
        changed(skeleton_of(False), b"\xff\xd9", LINES[:-1]),
        blocks(False),
        b"",
    ),
    "lines of a known height": lambda: (
        changed(skeleton_of(False), b"\xff\xd9", LINES + b"\xff\xd9"),
        blocks(False),
        b"",
    ),
    "another band": lambda: (
        changed(skeleton_of(False), b"\0\x3f\0", b"\1\5\x10"),
        blocks(False),
        b"",
    ),
}


@pytest.mark.parametrize("name", CHOICES)
def test_choices_of_encoders(name: str) -> None:
    """The core finds the details of streams that the specification writes."""
    skeleton, plane, details = CHOICES[name]()
    stream = write(skeleton, [plane], Details(details, len(skeleton.scans)))
    assert rounds_of(stream) == 1
    assert found_details(stream) == details
    assert details == b"" or write(skeleton, [plane], Details(b"", 0)) != stream


def found_details(stream: bytes) -> bytes:
    data = encode_streams(np.frombuffer(stream, np.uint8), coder="decisions")
    assert data is not None
    reader = Reader(data, 1)
    assert reader.varint() == 0
    coder = reader.byte()
    return details_in(Reader(decompress(reader.take(reader.varint()), coder)), len(stream))


def details_in(reader: Reader, length: int) -> bytes:
    """Those of the only stream that a round has left, of so many bytes."""
    total, count, gap, size, skeleton, details, tables = (reader.varint() for _ in range(7))
    assert (total, count, gap, size, tables) == (length, 1, 0, length, 0)
    reader.take(skeleton)
    return reader.take(details)


def forged(streams: list[tuple[bytes, int]], size: int) -> bytes:
    """A block of streams without scans: the skeleton of each, and the number of its tables."""
    rest = write_varint(size) + write_varint(len(streams))
    for skeleton, tables in streams:
        own = 2 + len(skeleton)
        rest += b"".join(map(write_varint, (0, own, len(skeleton), 0, tables)))
    rest += b"".join(skeleton for skeleton, _ in streams)
    packer = zlib.compressobj(9, zlib.DEFLATED, -15, 9, zdict=HEADER)
    packed = packer.compress(rest) + packer.flush()
    return b"\1\0\0" + write_varint(len(packed)) + packed + b"\xff"


@pytest.mark.parametrize(
    ("tables", "number", "well"),
    [
        (segment(0xFE, bytes(4088)) + b"\xff\xd9", 1, True),
        (segment(0xFE, bytes(4089)) + b"\xff\xd9", 1, False),
        (segment(0xFE, bytes(10)), 1, False),
        (segment(0xFE, bytes(10)) + b"\xff\xd9", 3, False),
        (b"\xff\xd9", 1, True),
    ],
)
def test_tables_of_another_stream(tables: bytes, number: int, well: bool) -> None:
    own = b"\xff\xd9"
    content = SOI + tables + SOI + own
    data = forged([(tables, 0), (own, number)], len(content))
    if well:
        assert decode_streams(data, len(content)) == content
        assert core.decode_streams(memoryview(data), len(content)) == content
        return
    with pytest.raises(ArchiveError):
        decode_streams(data, len(content))
    with pytest.raises(bitsback.ArchiveError):
        core.decode_streams(memoryview(data), len(content))


TRACED = bytes.fromhex("02007FD758091A009FA07CFD")
"""The symbols of the block that docs/jpeg-format.md traces."""


def traced(data: bytes) -> tuple[Symbols, list[list[Block]]]:
    frame = skeleton_of(False, step=16).frame
    assert frame
    one = replace(frame.components[0], rows=1, columns=1)
    symbols = Symbols(data)
    return symbols, symbols.pop(replace(frame, rows=1, columns=1, components=[one]))


def test_a_traced_block_of_symbols() -> None:
    symbols, planes = traced(TRACED)
    symbols.done()
    block = [0] * 64
    for r, u in zip(ZIGZAG, [30, -7, 2, 0, 1], strict=False):
        block[r] = u
    assert planes == [[block]]
    assert symbols.weights[0][1] == [18978, 8935, 1374]
    assert symbols.group_weights[0] == [13100, 6702]
    assert symbols.of([], "G0", 0, 0, 0) == [
        2775, 28101, 32052, 32386, 32485, 32572, 32623, 32667,
        32677, 32704, 32722, 32738, 32744, 32747, 32758, 32760,
    ]  # fmt: skip


@pytest.mark.parametrize("data", [TRACED[:-2], TRACED[:-1], TRACED + bytes(2), TRACED[:6]])
def test_refusals_of_symbols(data: bytes) -> None:
    with pytest.raises(ArchiveError):
        traced(data)[0].done()


@pytest.mark.parametrize("coder", CODERS)
def test_refusals_of_strips(coder: JpegCoder) -> None:
    content = in_strips(jpeg(picture("L", 32, 32), quality=95))
    data = encode_streams(np.frombuffer(content, np.uint8), coder=coder)
    assert data is not None
    reader = Reader(data, 3)
    reader.take(reader.varint())
    head, strips = data[: reader.at], Reader(reader.take(reader.varint()))
    rest = reader.data[reader.at :]
    one, other = (strips.take(strips.varint()) for _ in range(2))

    def joined(*parts: bytes) -> bytes:
        field = b"".join(write_varint(len(part)) + part for part in parts)
        return head + write_varint(len(field)) + field + rest

    assert joined(one, other) == data
    changed = [
        joined(one),
        joined(other, one),
        joined(one, other, other),
        joined(one, other[:-5]),
        joined(one + b"\0", other),
        joined(one, b""),
        head + write_varint(2**40) + data[len(head) + 2 :],
        head + write_varint(3) + write_varint(2**60)[:3] + rest,
        b"\1" + head[1:] + rest,
        b"\1" + data[1:],
        b"\x15" + data[1:],
        bytes([data[0] ^ 8]) + data[1:],
        b"\4" + data[1:],
    ]
    for forged in changed:
        with pytest.raises(ArchiveError):
            decode_streams(forged, len(content))
        with pytest.raises(bitsback.ArchiveError):
            core.decode_streams(memoryview(forged), len(content))


@pytest.mark.parametrize("coder", CODERS)
def test_refusals(coder: JpegCoder) -> None:
    content = jpeg(picture("L", 8, 8))
    data = encode_streams(np.frombuffer(content, np.uint8), coder=coder)
    assert data is not None
    changed = [
        (b"\0" + data[1:], len(content)),
        (b"\3" + data[1:], len(content)),
        (data[:1] + write_varint(65_537) + data[2:], len(content)),
        (data[:2] + b"\2" + data[3:], len(content)),
        (data[:1] + b"\1" + data[2:], len(content)),
        (data, len(content) + 1),
        (data + b"\0", len(content)),
        (data[:-9], len(content)),
    ]
    for forged, size in changed:
        with pytest.raises(ArchiveError):
            decode_streams(forged, size)
