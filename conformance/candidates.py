"""Archives that may become conformance files: of every kind, forged, and of broken models."""

from __future__ import annotations

import hashlib
import io
import json
import os
import zlib
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any
from unittest import mock
from zipfile import ZIP_STORED

import numpy as np
import pydicom
import tifffile
from numpy.typing import NDArray
from PIL import Image
from pydicom.uid import RLELossless

import bitsback
import decoded_pictures
import random_counted
import reference
from archive import test_digits as bad_digits
from archive import test_value_lists as bad_lists
from bitsback import lzma2
from bitsback.coding import alone, chain, encoding, layouts
from bitsback.coding.alone import NOTHING, pack
from bitsback.coding.block import ADAPTIVE, DECODED, FALLBACK, MODEL, STREAMS, Method
from bitsback.coding.block_coding import Coding, coding_of_digits
from bitsback.coding.block_plan import BlockPlan
from bitsback.coding.decoded import encode_pixels, find_behind
from bitsback.coding.encoding import smallest_coding
from bitsback.coding.number_digits import cut_of
from bitsback.coding.plan import NO_MODEL
from bitsback.files import drawing
from bitsback.files.jpeg_samples import take_samples
from bitsback.format import adaptive
from bitsback.format.array_part import ONE, ArrayPart
from bitsback.format.index import Index, Place
from bitsback.format.layout import (
    COLLECTION,
    ENTRIES,
    HEAD,
    MAGIC,
    NAMES,
    REMOVED,
    STATS,
    VERSION,
    Cursor,
    open_section,
    section,
)
from bitsback.format.members import pack_files
from bitsback.format.parity import Window
from bitsback.format.parts import ARRAYS, FOLDER, FileCollection
from bitsback.format.runs import Run, pack_runs
from bitsback.format.tiles import Tiles
from bitsback.format.value_range import JpegColours
from bitsback.models import Model, bundled, file
from bitsback.models.embed import pack_model
from bitsback.models.item_shape import ItemShape
from bitsback.models.model import BoundModel
from broken_models import MODELS, broken, field, tensor
from decoder.test_decoder import png, rare_streams, zlib_stream
from fuzz import mutate, seeds
from fuzz.forged_metadata import take_apart
from images import test_animated_png, test_embedded, test_jpeg_samples
from images.test_deflate_streams import FILES as INFLATED
from images.test_deflate_tokens import PLAINTEXTS, raw
from images.test_embedded import COLOURS
from images.test_embedded import FILES as EMBEDDED
from images.test_hdf5_files import VOLUME
from images.test_hdf5_files import hdf5 as hdf5_file
from images.test_packed import FILES as PACKED
from images.test_tiff_encoders import written
from images.test_tiff_tokens import FILES as TIFF
from images.test_tiff_tokens import deflated_file
from jpeg_files import LOSSLESS, cut, in_strips, jpeg, picture, with_preview, without
from jpeg_files import STREAMS as JPEG_STREAMS
from model_parts import Parts, Tensors
from packing import (
    archive_of_block,
    archive_of_file,
    archive_of_files,
    index_of,
    replaced,
)
from random_counted import small_counted, small_flat, small_guesses
from random_programs import random_program
from random_wavefronts import random_wavefront, small_wavefront
from reference import (
    archive,
    container_metadata,
    jpeg_symbols,
    test_any_shape_refusals,
    test_jpeg_streams,
    test_refusals,
)
from reference.fields import ArchiveError, Reader
from reference.jpeg_coefficients import ZIGZAG, Coefficients
from reference.jpeg_colours import to_rgb
from reference.jpeg_mixing import Decisions
from reference.jpeg_streams import SYMBOLS, Details, write
from reference.jpeg_symbols import Distribution, probability
from reference.message import write_varint
from reference.model_file import identity
from written_symbols import END, archive_of_symbols, write_symbols
from zoo.dicom_files import dicom_file

TESTS = Path(reference.__file__).parent.parent
GOLDEN = ("archive/golden/*.bb", "collections/golden/*.bb", "chunks/golden/*.block")
PROGRAMS = 200
"""Random models."""
FORGERIES = 20_000
LANES = (1, 2, 3, 8, 9, 64)
_UNFINISHED = ".bitsback-0123456789ab.tmp"
DTYPES = {np.dtype("u1"): 0, np.dtype("i1"): 1, np.dtype("u2"): 2, np.dtype("i2"): 3,
          np.dtype("u4"): 4, np.dtype("i4"): 5}  # fmt: skip


def golden() -> Iterator[tuple[str, bytes]]:
    """The golden archives of the tests."""
    for pattern in GOLDEN:
        for path in sorted(TESTS.glob(pattern)):
            yield path.name, path.read_bytes()


_OWN_COMPRESSIONS = (
    ("fax, pages", "libtiff"), ("fax, pages", "another"), ("runs", "libtiff"), ("runs", "another"),
    ("codes", "libtiff"), ("codes", "imagecodecs"),
)  # fmt: skip


def always() -> Iterator[tuple[str, str, bytes]]:
    """Archives of special contents, each with the section that defines them.

    Some have sections that a decoder may ignore, modes and links, or JPEG and deflate streams. Some
    are damaged at their end, or need a newer release. One has all bundled models. Others reveal a
    misreading, or lie at a limit.
    """
    yield "M1", "bundled models.bb", _of_all_models()
    yield from _of_misreadings()
    yield from _at_limits()
    yield "A1", "records without words.bb", _of_records_without_words()
    yield from _of_symbols()
    with TemporaryDirectory() as name:
        slope = np.add.outer(np.arange(500), np.arange(600)) // 5
        Image.fromarray(slope.astype(np.uint8)).save(f"{name}/slope.png")
        bitsback.compress([f"{name}/slope.png"], f"{name}/x.bb", model="fast", previews=True)
        yield "A5.17", "previews.bb", Path(name, "x.bb").read_bytes()
        yield "A5.19", "modes and links.bb", _of_entries(Path(name, "tree"))
        yield "A5.7", "JPEG streams.bb", _of_jpeg(Path(name, "jpeg"), _jpeg_files(), "best")
        symbols = _jpeg_files() | _extreme_streams()
        yield "J9", "JPEG streams as symbols.bb", _of_jpeg(Path(name, "symbols"), symbols)
        strips = in_strips(jpeg(picture(rows=40, columns=70), quality=95))
        too_short = strips.replace(b"\0\xff\xd9", b"\xff\xd9")
        strips_of_jpeg = {"strips.jpg": strips, "no strips.jpg": too_short}
        yield "J1", "strips of JPEG.bb", _of_jpeg(Path(name, "strips"), strips_of_jpeg, "best")
        yield "J9", "strips as symbols.bb", _of_jpeg(Path(name, "strips 2"), strips_of_jpeg)
        levels = _streams_of_symbols()
        yield "J9", "levels of symbols.bb", _of_jpeg(Path(name, "levels of symbols"), levels)
        yield "J4", "parts of JPEG streams.bb", _of_jpeg(Path(name, "parts"), _cut_streams())
        for kind, streams in _chosen_streams().items():
            yield "A5.7", f"{kind}.bb", _of_jpeg(Path(name, kind), streams, "best")
        yield "A5.7", "pixels of JPEG.bb", _of_files(Path(name, "decoded"), _decoded_files())
        inflated = {f"{each}.bin": make() for each, make in INFLATED.items()}
        nested = {"x.bin": INFLATED["a stream in a stream"]()}
        yield "A5.20", "a stream in a stream.bb", _of_files(Path(name, "nested"), nested)
        yield "A5.20", "deflate streams.bb", _of_files(Path(name, "deflate"), inflated)
        embedded = {each: make() for each, make in EMBEDDED.items()}
        yield "A5.20", "pictures in ZIP files.bb", _of_files(Path(name, "zip"), embedded)
        few = VOLUME[:2], {"chunks": (1, 40, 64), "shuffle": True, "compression": "gzip"}
        hdf5 = {
            "shuffled.h5": hdf5_file(a=few),
            "plain.h5": hdf5_file(a=(few[0].astype(">i2"), {})),
        }
        yield "A6.4", "data sets of HDF5.bb", _of_files(Path(name, "hdf5"), hdf5)
        yield "A6.9", "volumes in streams.bb", _of_files(Path(name, "packed"), PACKED)
        runs = {f"{frames}.dcm": _in_runs(frames) for frames in (1, 3)}
        yield "A6.10", "bytes in runs.bb", _of_files(Path(name, "runs"), runs)
        in_jpeg = {f"{each}.dcm": row.data for each, row in test_jpeg_samples.ROWS.restored.items()}
        yield "A6.11", "lossless JPEG.bb", _of_files(Path(name, "lossless"), in_jpeg)
        yield "A6.3", "pyramid.bb", _of_files(Path(name, "levels"), {"x.tif": _pyramid()})
        yield "A6.8", "PNG of other encoders.bb", _of_files(Path(name, "png"), _png_files())
        yield "A6.8", "PNG of zlib.bb", _of_files(Path(name, "zlib"), _zlib_files())
        far = {"x.bin": b"a stream: " + zlib.compress(_far_match(), 1)}
        yield "A6.8", "a match of zlib at its greatest distance.bb", _of_files(Path(name, "f"), far)
        tiff = {f"{each}.tif": deflated_file(each, "zlib-ng") for each in TIFF}
        yield "A6.3", "TIFF of other encoders.bb", _of_files(Path(name, "tiff"), tiff)
        own = {f"{' '.join(each)}.tif": written(*each) for each in _OWN_COMPRESSIONS}
        yield "A6.3", "TIFF in Group 4, LZW and runs.bb", _of_files(Path(name, "own"), own)
        Path(name, "y.bb").write_bytes((TESTS / "archive/golden/number.bb").read_bytes())
        with mock.patch.object(Window, "for_percent", _small_shards):
            bitsback.add_parity(f"{name}/y.bb", 20)
        yield "M10", "wavefronts.bb", _of_wavefronts(Path(name, "w"))
        yield "A5.18", "parity.bb", Path(name, "y.bb").read_bytes()
    block = bytes([alone.MAGIC, VERSION]) + b"|u1\1\3\0\2ababc"
    yield "A5.6", "raw with two values.block", block + archive.crc32c(block).to_bytes(4, "little")
    data = (TESTS / "collections/golden/changed.bb").read_bytes()
    yield "A9", "unfinished addition.bb", data + mutate.section("C", bytes(20)) + b"B"
    yield "A9", "damaged footer.bb", data[:-1] + b"?"
    yield "A9", "cut off.bb", data[:-40]
    kinds, counts = mutate.read(seeds.archives()[6].data)
    parts = [part for part in kinds if part[0] != "I"]
    collection = parts[0][1]
    yield "A10", "newer feature.bb", _archive([("C", b"\x40" + collection[1:]), *parts[1:]], counts)
    yield (
        "A10",
        "newer container.bb",
        _archive([("C", b"\0\5" + collection[2:]), *parts[1:]], counts),
    )
    yield "A10", "newer section.bb", _archive([parts[0], ("Q", b""), *parts[1:]], counts)
    unknown_kind = archive_of_file(b"\x0d", np.zeros((4, 5), np.uint8))
    yield "A10", "newer container metadata.bb", unknown_kind
    yield "A10", "newer version.bb", MAGIC + bytes([VERSION + 1]) + _archive(parts, counts)[8:]
    for name, body in (("method", b"\4\0!"), ("value map", b"\x22\7!"), ("bits", b"\x50\0!")):
        block = bytes([alone.MAGIC, VERSION]) + b"|u1\1\1" + body
        crc = archive.crc32c(block).to_bytes(4, "little")
        yield "A10", f"newer {name}.block", block + crc
    unknown = b"\x22\0" + bytes(16) + bytes(30)
    block = bytes([alone.MAGIC, VERSION]) + b"|u1\1\1" + unknown
    yield "A10", "newer model.block", block + archive.crc32c(block).to_bytes(4, "little")


def _of_misreadings() -> Iterator[tuple[str, str, bytes]]:
    """Archives that come out otherwise if the section is misread."""
    wide = tensor("down.inverse_scale", lambda old: np.full_like(old, 600))
    model = _model(broken("coupled", field("chain/growth", 256), wide))
    part = ArrayPart(np.dtype(np.uint8), (33, 3, 3), ONE, cut=(5, 3, 3))
    sizes = (6, (5, 3)), (1, (3, 3))
    drawn = [_drawn(model, count, model.shape_of(size), [count])[1] for count, size in sizes]
    colours = np.concatenate([x.reshape(-1) for x in drawn], dtype=np.uint8, casting="unsafe")
    tiles = Tiles(colours, tuple((count, (*size, 3)) for count, size in sizes))
    yield "M2.3", "coupled channels of two sizes.bb", _archive_of_tiles(model, part, tiles)
    rng = np.random.default_rng(0)
    rows = bytes([0, 1, 2, 3, 4]) + rng.bytes(5 * 4 * 3 * 2)
    data = b"\0\2\1" + zlib.compress(rows, wbits=-15)
    yield "A5.8", "green of 16 bits.bb", archive_of_block("<u2", (5, 4, 3), FALLBACK, data)
    stack = rng.integers(0, 9, (1, 2, 6, 7, 3)).cumsum(3).astype(np.uint8)
    data = _archive_of_items(bundled.load("universal"), stack, layouts.STACKS)
    yield "M4", "slices in colour.bb", data
    flat = tensor("x.flat", lambda old: (np.arange(len(old)) > 0).astype(np.uint8))
    data = _archive_by(_model(broken("groups", flat)), (3, 4), 3)
    yield "M3", "pixels outside are not flat.bb", data
    rough = rng.integers(0, 3, (11, 7), np.uint8)
    part = ArrayPart(rough.dtype, rough.shape, ONE, cut=(3, 4))
    shapes = ((1, (3, 4)), (1, (3, 3))) * 3 + ((1, (2, 4)), (1, (2, 3)))
    model = _model((json.dumps(small_counted()), {}))
    data = _archive_of_tiles(model, part, Tiles(rough.reshape(-1), shapes))
    yield "M6", "queues of several sizes.bb", data
    model = _model((json.dumps(small_guesses()), {}))
    often = (rng.integers(0, 20, (1, 24, 24)) % 7 // 6).astype(np.uint8)
    often[0, ::5] = 2
    yield "M6.1", "candidates of a step.bb", _archive_of_items(model, often)
    noise = decoded_pictures.pixels_of(_noise(8, 8, subsampling=0))
    blue = np.zeros((5, 6), np.int64)
    blue[2, 2], blue[4, 1] = 60, -50
    colours = np.stack([noise[:5, :6], np.moveaxis(to_rgb(100, blue, 0), 0, 2)])
    colours = colours.astype(np.uint8)
    part = ArrayPart.of_items("|u1", (5, 6, 3), 2)
    yield "A5", "model behind the blocks.bb", _with_model_behind()
    model = bundled.load("universal-mixed")
    plan = BlockPlan(Tiles.stacked(colours), model, JpegColours())
    yield "M4.1", "colours of JPEG mixed.bb", _archive_of_plan(plan, part, lanes=3)
    model = _model(small_wavefront(decay=[80, 100, 40]))
    alike = rng.integers(0, 9, (3, 4, 12)).cumsum(2).astype(np.uint8)
    yield "M10.4", "group of two of three.bb", _archive_of_items(model, alike)
    planes = np.random.default_rng(1).integers(0, 9, (2, 2, 5, 22, 3)).cumsum(3).astype(np.uint8)
    plan = BlockPlan(Tiles.stacked(planes), model, None, layouts.STACKS)
    part = ArrayPart.of_items("|u1", planes.shape[1:], len(planes))
    yield "M10.4", "planes in three lanes.bb", _archive_of_plan(plan, part, lanes=3)
    model = _model(small_wavefront(65536))
    deep = rng.integers(0, 9, (1, 12, 24, 3)).cumsum(2).astype("<u2")
    deep[:, 6:, 9:] += rng.integers(0, 65536, (1, 6, 15, 3), np.uint16)
    plan = BlockPlan(Tiles.stacked(deep), model, None)
    part = ArrayPart.of_items(deep.dtype.str, deep.shape[1:], len(deep))
    yield "M10", "units of deep levels.bb", _archive_of_plan(plan, part)
    flat_colours = rng.integers(0, 2, (2, 7, 12, 5)).cumsum(2).astype(np.uint8)
    flat_colours[:, 3:] = 7
    model = _model(small_wavefront(contexts=14))
    yield "M10.5", "contexts of five channels.bb", _archive_of_items(model, flat_colours)
    rough_colours = rng.integers(0, 3, (1, 14, 20, 3)).cumsum(2).astype(np.uint8)
    model = _model(small_wavefront(contexts=10))
    yield "M10.5", "contexts of small tables.bb", _archive_of_items(model, rough_colours)
    model = _model(small_wavefront(65536, contexts=12))
    plan, part = (
        BlockPlan(Tiles.stacked(deep), model, None),
        ArrayPart.of_items("<u2", (12, 24, 3), 1),
    )
    yield "M10.5", "deep levels by contexts.bb", _archive_of_plan(plan, part)
    plan = BlockPlan(Tiles.stacked(colours), model, JpegColours())
    part = ArrayPart.of_items("|u1", (5, 6, 3), 2)
    yield "M10.5", "colours of JPEG by contexts.bb", _archive_of_plan(plan, part)
    yield "M6", "point of a map.bb", _of_maps()
    model = _model((json.dumps(small_flat()), {}))
    yield "M6.3", "flat surroundings.bb", _archive_of_items(model, _few_ones((1, 13, 11)))
    yield "A5.6", "value maps of runs.bb", _of_value_maps()
    yield "A8", "difference to a model.bb", _of_difference()
    yield "A6.1", "layouts of rows.bb", archive_of_files(*_rows())
    yield "A6.3", "layouts of TIFF.bb", archive_of_files(*_tiff_pages())
    yield "J7", "lossless JPEG streams.bb", _of_samples()
    yield "J3", "several details.bb", _of_several_details()
    yield "J5", "number in the middle.bb", _of_the_middle()
    yield "A5.20", "bands of pictures.bb", _of_bands()
    for name, entries in _folders_and_links().items():
        yield "A5.19", f"{name}.bb", _of_one_file(ENTRIES, entries)
    name = write_varint(len(_UNFINISHED)) + _UNFINISHED.encode()
    yield "A5.12", "a name of unfinished files.bb", _of_one_file(NAMES, b"\1\0\1\0\0" + name)
    for name, data in _of_copies():
        yield "A5.15", f"{name}.bb", data
    yield "A6.10", "runs of rows.bb", archive_of_files(*_runs_of_rows())
    pixels = decoded_pictures.decoded(rows=24, columns=40, quality=85)
    behind = find_behind(pixels)
    assert behind is not None
    data = encode_pixels(Tiles.from_arrays([pixels], pixels.dtype), [behind])
    yield "A5.7", "coefficients 4-2-0.bb", archive_of_block("|u1", pixels.shape, DECODED, data)


def _of_copies() -> Iterator[tuple[str, bytes]]:
    """Archives of folders with copies, and others that break a rule of copies."""
    one, other = (
        b"P5 16 12 255\n" + np.add.outer(np.arange(12) * step, np.arange(16)).astype("u1").tobytes()
        for step in (3, 5)
    )
    files = {"a.pgm": one, "b": bytes(range(64)), "c.pgm": one, "copy.pgm": other}
    files |= {"d": files["b"], "e": other, "f.pgm": one}
    with TemporaryDirectory() as name:
        data, path = _of_files(Path(name, "x"), files), Path(name, "x.bb")
        yield "copies", data
        bitsback.remove(path, ["a.pgm", "b", "e"])
        yield "copies of removed files", path.read_bytes()
    with bitsback.open(data) as archive:
        listed, content = archive.reader.files.listed, archive.reader.files.collection
    kinds, counts = mutate.read(data)
    stats = listed.stats
    assert isinstance(content, FileCollection) and stats is not None, "it is a folder"

    def with_sections(**changed: bytes | None) -> bytes:
        """The archive with other payloads, by the kinds of their sections, or without them."""
        payloads = [(kind, changed.get(kind, payload)) for kind, payload in kinds if kind != "I"]
        return _archive([(kind, each) for kind, each in payloads if each is not None], counts)

    for name, changes in {
        "copy of a copy": {6: 4},
        "copy of itself": {2: 0},
        "copy of a file before the first": {2: 3},
    }.items():
        sizes = array("Q", [changes.get(number, size) for number, size in enumerate(stats.sizes)])
        packed = replace(stats, sizes=sizes).pack()
        yield name, with_sections(F=bytes(open_section(packed, STATS)))
    yield "copies without stats", with_sections(F=None)
    blocks = [payload for kind, payload in kinds if kind == "B"]
    pictures, names = b"\0" + blocks[1][1:], pack_files(ARRAYS, (), "ab")
    for name, container, described in (
        ("copies without names", FOLDER, ("U", b"\0")),
        ("copies in an npz file", ARRAYS, ("N", bytes(open_section(names, NAMES)))),
    ):
        some = FileCollection(container, (content.parts[1], content.parts[3])).pack()
        head = "C", bytes(open_section(some, COLLECTION))
        yield name, _archive([head, described, ("B", pictures)], counts[1:2])
    for name, changes in {
        "copies of no files": {"shape": (0,)},
        "copies with bytes": {"shape": (4, 1)},
        "copies of another dtype": {"dtype": np.dtype(bool)},
        "copies with a cut": {"cut": (1,)},
    }.items():
        parts = *content.parts[:3], replace(content.parts[3], **changes)
        packed = replace(content, parts=parts).pack()
        yield name, with_sections(C=bytes(open_section(packed, COLLECTION)))


def _of_all_models() -> bytes:
    """An npz file with an array by each bundled model, all of which are in it, whole."""
    parts, models, blocks = list[ArrayPart](), list[bytes](), list[bytes]()
    random = np.random.default_rng(0)
    for number, model in enumerate(map(bundled.load, bundled.names())):
        size = model.size or (16, 11)
        dtype = np.dtype("u1" if model.levels <= 256 else "<u2")
        steps = random.integers(0, 9, (1, *size)).cumsum(2)
        items = (steps // 8 % model.levels).astype(dtype)
        plan = _plan(model, Tiles.stacked(items), layouts.PICTURES)
        parts.append(ArrayPart.of_items(dtype.str, size, 1))
        models.append(section(b"M", pack_model(model, ())))
        blocks.append(section(b"B", write_varint(number) + _block_of_plan(plan)))
    collection = FileCollection(ARRAYS, tuple(parts)).pack()
    names = pack_files(ARRAYS, (), bundled.names())
    data = HEAD + b"".join([collection, names, *models, *blocks])
    return data + index_of(data, [1] * len(parts))


def _model(program: tuple[str, Tensors]) -> Model:
    return bitsback.load_model(file.write(*program))


def _noise(rows: int, columns: int, **options: Any) -> bytes:
    """A JPEG stream of saturated colours."""
    noise = np.random.default_rng(1).integers(0, 2, (rows, columns, 3), np.uint8) * 255
    out = io.BytesIO()
    Image.fromarray(noise).save(out, "JPEG", quality=90, **options)
    return out.getvalue()


def _archive_of_items(
    model: Model, items: NDArray[Any], layout: int = 0, base: Model | None = None
) -> bytes:
    part = ArrayPart.of_items(items.dtype.str, items.shape[1:], len(items))
    return _archive_of_tiles(model, part, Tiles.stacked(items), layout, base)


def _archive_of_tiles(
    model: Model, part: ArrayPart, tiles: Tiles, layout: int = 0, base: Model | None = None
) -> bytes:
    return _archive_of_plan(_plan(model, tiles, layout), part, base)


def _archive_of_plan(
    plan: BlockPlan, part: ArrayPart, base: Model | None = None, lanes: int = 1
) -> bytes:
    """An archive of an array in one block by a model, which is in it unless it is bundled."""
    parts = [
        ("C", b"\0\0" + part.pack_array()),
        ("B", b"\0" + _block_of_plan(plan, lanes)),
    ]
    if bundled.find(plan.model.identity[:16]) is None:
        parts.insert(1, ("M", pack_model(plan.model, None if base is None else [base])))
    return _archive(parts, [plan.tiles.count])


def _block_of_plan(plan: BlockPlan, lanes: int = 1) -> bytes:
    """All of a block but the number of its first tile."""
    method = Method(MODEL, plan.layout).pack()
    model = plan.model.identity[:16]
    return pack_runs(plan.runs) + bytes([method]) + model + plan.encode(lanes, False)


def _plan(model: Model, tiles: Tiles, layout: int) -> BlockPlan:
    """That of tiles which a writer may not code by this model."""
    return BlockPlan(tiles, model, layouts.map_for(model, tiles, layout), layout)


def _small_shards(place: int, length: int, percent: float) -> Window:
    """Two groups of several shards."""
    return Window(place, length, 8, 2, 2)


def _of_maps() -> bytes:
    """A model that finds a decision in the middle between two points of a probability map."""
    about = small_counted(2)
    codec = about["distributions"]["p(x)"]
    codec["contexts"] = [{"offset": 26, "limit": 255, "terms": []}]
    codec["mixers"] = [{"select": [], "start": 7680, "rates": [1000, 200]}]
    codec["maps"] = [4, 255]
    del codec["codec"]
    model = _model((json.dumps(random_counted.describe(2, codec)), {}))
    return _archive_of_items(model, (np.arange(25) % 5 != 4).astype(np.uint8).reshape(1, 5, 5))


def _of_value_maps() -> bytes:
    """A block whose runs have one size; the last runs have other values."""
    model = bundled.load("mnist-binary")
    digits = np.zeros((13, 28, 28), np.uint8)
    digits[:, 8:20, 12:15] = 1
    items = np.concatenate([digits[:6], 7 - 2 * digits[6:]])
    maps = ((3, b"\2\0\1"), (3, b"\4"), (3, b"\2\7\5"), (4, b"\4"))
    runs = b"\4" + b"".join(bytes([n]) + b"|u1\2\x1c\x1c" + values for n, values in maps)
    plan = _plan(model, Tiles.stacked(digits), layouts.PICTURES)
    data = chain.encode(plan.parts, plan.symbols, chain.digest(runs, items.tobytes()), 1)
    array = ArrayPart.of_items("|u1", (28, 28), len(items)).pack_array()
    block = b"\0" + runs + bytes([MODEL]) + model.identity[:16] + data
    return _archive([("C", b"\0\0" + array), ("B", block)], [len(items)])


def _with_model_behind() -> bytes:
    model = _model(small_wavefront())
    items = np.eye(5, 9, dtype=np.uint8)[np.newaxis]
    part = ArrayPart.of_items("|u1", (5, 9), 1).pack_array()
    block = b"\0" + _block_of_plan(_plan(model, Tiles.stacked(items), layouts.PICTURES))
    sections = [("C", b"\0\0" + part), ("B", block), ("M", pack_model(model)), ("v", b"?")]
    return _archive(sections, [1])


def _of_difference() -> bytes:
    """An archive with a model that differs a little from a bundled one."""
    base = bundled.load("mnist-binary-paper")
    tensors = {name: array.copy() for name, array in base.tensors.items()}
    name = next(name for name in tensors if name.endswith(".inverse_scale"))
    tensors[name][::2] += 3
    model = _model((base.description, tensors))
    return _archive_of_items(model, np.eye(28, dtype=np.uint8)[np.newaxis], base=base)


def _rows() -> Iterator[tuple[bytes, NDArray[Any]]]:
    """Container metadata of kind 1 of several layouts, and pixels."""
    grey = np.arange(27, dtype=np.uint8).reshape(3, 9) * 5
    wide = np.arange(15, dtype="<u2").reshape(3, 5) * 999
    for layout, pixels in (
        (4, grey),
        (16 + 4, grey % 16),
        (32 + 2, grey % 4),
        (48 + 4 + 1, grey % 2),
        (4, grey % 2 > 0),
        (128, grey % 2 > 0),
        (8 + 4, wide),
        (64 + 8, np.stack([wide, wide[::-1]], 2)),
        (8, np.stack([grey, grey // 2, grey // 3, grey // 4], 2)),
    ):
        rows = len(pixels) * (2 if layout & 64 else 1)
        yield bytes([1, layout, 2, 2, 1, 1, rows - 1]) + b"head", pixels


def _runs_of_rows() -> Iterator[tuple[bytes, NDArray[Any]]]:
    """Container metadata of kind 11 by each of the plain encoders, and pixels."""
    pixels = np.random.default_rng(0).integers(0, 2, (4, 7), np.uint8)
    for flags in range(4):
        segment = container_metadata.in_runs(pixels.ravel().tolist(), 7, flags, [])
        yield bytes([11, 1, flags, 1, 2, len(segment), 0]) + b"head", pixels


def _tiff_pages() -> Iterator[tuple[bytes, NDArray[Any]]]:
    """Container metadata of kind 4 of several layouts without compression, and pixels."""
    page = np.arange(35, dtype=np.uint8).reshape(5, 7)
    in_tiles, beyond = 32, 4 * 3 * 4 - page.size
    noise = np.arange(beyond, dtype=np.uint8) % 3
    for pixels, bits, flags, padding in (
        (page % 16 * 17, 4, 4, b""),
        (page % 4 * 85, 2, 4 + 2, b""),
        (page.astype("<f4") / 3, 32, 128 + 256, b""),
        (page * 9, 8, in_tiles + 16, noise.tobytes()),
        (page % 3 > 0, 1, in_tiles + 8, (noise > 0).tobytes()),
        (page.astype("<u2") * 999, 16, in_tiles + 2 + 1, b""),
    ):
        count, rows, columns = (4, 3, 4) if flags & in_tiles else (1, 5, 7)
        length = rows * -(-columns * bits // 8)
        layout = (*page.shape, 1, 1, bits, rows, columns, 1, flags)
        segments = (1, 1, *layout, 1, count, 2 * len("|"), length)
        metadata = b"".join(map(write_varint, segments)) + b"\1" + bytes(4) + b"\0"
        metadata += write_varint(len(padding)) + padding + b"||||others"
        yield container_metadata.sealed(pixels, b"\4" + metadata), pixels


def _at_limits() -> Iterator[tuple[str, str, bytes]]:
    """Archives that cost as much as they may, or a little more."""
    counted = _model((json.dumps(small_counted(2)), {}))
    for more, name in ((0, "at the limit"), (1, "above the limit")):
        yield "A5.8", f"zeros {name}.bb", _of_zeros(more)
        yield "M9", f"batch {name}.bb", _of_batch(more)
        for of, model, shape, layout in (
            ("planes", bundled.load("universal-16"), lambda n: (n, 1, 17), layouts.PICTURES),
            ("series", bundled.load("series"), lambda n: (1, n), layouts.SERIES),
            ("contexts", counted, lambda n: (n, 1, 1), layouts.PICTURES),
        ):
            yield "M9", f"{of} {name}.bb", _of_most(model, shape, layout, more)


def _of_records_without_words() -> bytes:
    """A block by the method adaptive whose finite message has no words for its pops."""
    records = np.array([[7, 1], [7, 256], [9, 256]], ">u2")
    data = adaptive.pack(records)
    assert data is not None
    values = data[: 4 + data[3]]  # columns, their numbers of values, and the values
    message = bitsback.Message([1 << 32], ()).to_bytes()
    runs = pack_runs([Run(3, records.dtype, (2,), None)])
    block = runs + bytes([Method(ADAPTIVE).pack()]) + values + message
    part = ArrayPart.of_items(">u2", (2,), 3)
    return _archive([("C", b"\0\0" + part.pack_array()), ("B", b"\0" + block)], [3])


def _of_zeros(more: int) -> bytes:
    """As many elements as their bytes may claim by the method fallback, and so many more."""
    for size in range(30, 1000):
        count = 2**16 + 2**12 * size + more
        data = b"\1\0\0" + lzma2.compress(bytes(count))
        if len(data) == size:
            return archive_of_block("|u1", (count,), FALLBACK, data)
    raise AssertionError


def _of_batch(more: int) -> bytes:
    """A model whose batches have the most memory, or a little more."""
    pixels = 3400
    batch = 2**28 // (2 * 2 * pixels + 4 * 4 * pixels)
    parts = Parts(0, (1, pixels))
    parts.data(1, 256)
    parts.latent("z", 1, 8, grid=1)
    net = parts.net("up", ["x"])
    parts.distribution("q(z|x)", "gaussian", 24, net, net.linear("x", 1), 1, 256)
    net = parts.net("down", ["z"])
    parts.distribution("p(x|z)", "beta-binomial", 24, net, "z", 1, 256)
    parts.distributions["p(z)"] = {"codec": "uniform"}
    code = ["pop z ~ q(z|x)", "push x ~ p(x|z)", "push z ~ p(z)"]
    description, tensors = parts.model(code, batch=batch)
    data = _archive_of_items(_model((description, tensors)), np.zeros((1, 1, pixels), np.uint8))
    if not more:
        return data
    changed = json.loads(description)
    changed["chain"]["batch"] += more
    return _with_model(archive.read_sections(data), json.dumps(changed), tensors)


def _of_most(
    model: Model, shape: Callable[[int], tuple[int, ...]], layout: int, more: int
) -> bytes:
    """As many items, or as large ones, as their bytes may claim by a model, and so many more.
    shape: of an array of items.
    """

    def is_too_much(n: int) -> bool:
        plan = _plan(model, Tiles.stacked(_few_ones(shape(n))), layout)
        return not plan.affordable(len(plan.encode(1, False)))

    least = bisect_left(range(1, 2**16), True, key=is_too_much)
    return _archive_of_items(model, _few_ones(shape(least + more)), layout)


def _few_ones(shape: tuple[int, ...]) -> NDArray[Any]:
    ones: NDArray[Any] = (np.arange(np.prod(shape)) % 97 == 9).astype(np.uint8)
    return ones.reshape(shape)


def _in_runs(frames: int) -> bytes:
    """A DICOM file with RLE Lossless."""
    pixels = np.add.outer(np.arange(frames * 12) ** 2, np.arange(30)).astype("<u2") // 7
    dataset = pydicom.dcmread(io.BytesIO(dicom_file(pixels, frames=frames)))
    dataset.compress(RLELossless, encoding_plugin="pydicom")
    out = io.BytesIO()
    dataset.save_as(out)
    return out.getvalue()


def _of_several_details() -> bytes:
    """An archive of a JPEG stream whose details have several entries for a place."""
    skeleton, plane, details = test_jpeg_streams.CHOICES["padding"]()
    stream = write(skeleton, [plane], Details(details, len(skeleton.scans)))
    padding, cuts = b"\4\3\1\0\0\x0e\0\0\1", b"\0\0\4junk\0\0\0"
    several = b"\0" + padding + b"\0\0" + cuts

    def changed(rest: bytes) -> bytes:
        reader = Reader(rest)
        heads = [reader.varint() for _ in range(7)]
        own = reader.take(heads[4])
        assert reader.take(heads[5]) == details
        heads[5] = len(several)
        return b"".join(map(write_varint, heads)) + own + several + rest[reader.at :]

    with TemporaryDirectory() as name:
        kinds, counts = mutate.read(_of_files(Path(name, "x"), {"x.jpg": stream}))
    parts = [(k, (k == "B" and mutate.with_streams(part, changed)) or part) for k, part in kinds]
    return _archive(parts[:-1], counts)


def _of_the_middle() -> bytes:
    """An archive of a JPEG stream whose coded number is the middle of the interval at the first
    decision.
    """
    whole = test_jpeg_streams.skeleton_of(False, side=24)
    skeleton = test_jpeg_streams.changed(whole, b"\0\x18\0\x18", b"\0\x18\0\x10")
    assert skeleton.frame
    probabilities = list[int]()
    with mock.patch.object(Decisions, "pop", lambda _, p: probabilities.append(p) or 0):
        Coefficients(bytes(4)).pop(skeleton.frame)
    middle = ((2**32 - 1) * probabilities[0] >> 16).to_bytes(4, "big")
    planes = None
    while planes is None:  # the number ends with as many zeros as the other decisions need
        try:
            planes = Coefficients(middle).pop(skeleton.frame)
        except ArchiveError:
            middle += b"\0"
    stream = write(skeleton, planes, Details(b"", 1))
    heads = len(stream), 1, 0, len(stream), len(skeleton.data), 0, 0
    rest = lzma2.compress(b"".join(map(write_varint, heads)) + skeleton.data)
    data = b"\1\0\1" + write_varint(len(rest)) + rest + middle
    with TemporaryDirectory() as name:
        kinds, counts = mutate.read(_of_files(Path(name, "x"), {"x.jpg": stream}))
    block = b"\0" + pack_runs([Run(1, np.dtype("u1"), (len(stream),), None)])
    block += bytes([Method(STREAMS).pack()]) + data
    return _archive([(kind, block if kind == "B" else part) for kind, part in kinds[:-1]], counts)


def _of_symbols() -> Iterator[tuple[str, str, bytes]]:
    """Archives of a JPEG stream of one block, whose symbols are at a limit, or break a rule."""
    skeleton = test_jpeg_streams.skeleton_of(False, step=16, side=8)
    assert skeleton.frame
    frame = skeleton.frame

    def of_symbols(*chosen: int, end: tuple[int, int] = (END, END)) -> bytes:
        """With all symbols and a whole stream, as of a reader that refuses none of them."""
        symbols = iter(chosen)
        with mock.patch.object(jpeg_symbols, "require"):
            coded, planes = write_symbols(frame, lambda *_: next(symbols), end)
        assert next(symbols, None) is None
        return archive_of_symbols(skeleton, coded, planes)[0]

    greatest, least = (13, 12, 63, 248), (14, 12, 63, 248)  # 32,767 and -32,767
    for rule, name, chosen in (
        ("J9.6", "the greatest coefficients", (0, 2, *greatest, *least, 0)),
        ("J9.6", "a coefficient above the greatest", (0, 1, 13, 12, 63, 249, 0)),
        ("J9.6", "a coefficient below the least", (0, 1, 14, 12, 63, 249, 0)),
        ("J9.6", "DC above the greatest", (0, 0, 13, 12, 63, 249)),
        ("J9.6", "DC below the least", (0, 0, 14, 12, 63, 249)),
        ("J9.6", "an exponent of 16", (0, 0, 13, 14, 0, 0)),
        ("J9.6", "the last symbol of a coefficient", (0, 1, 15, 0, 0, 0)),
        ("J9.6", "the last symbol of DC", (0, 0, 15, 0, 0)),
        ("J9.4", "zero at the last place", (0, 1, 0, 0)),
        ("J9.3", "the fifth place of a group", (3, 4, 1, *[0] * 16)),
    ):
        yield rule, f"{name}.bb", of_symbols(*chosen)
    yield "J9.2", "the greatest weights of symbols.bb", _of_great_weights()
    chosen = 1, 0, 1, 0, 4, 11, 0, 13, 2, 7  # of the block that docs/jpeg-format.md traces
    yield "J9", "the traced block of symbols.bb", of_symbols(*chosen)
    yield "J9.1", "another state behind symbols.bb", of_symbols(*chosen, end=(END + 1, END))
    yield "J9.1", "the other state behind symbols.bb", of_symbols(*chosen, end=(END, END + 1))
    symbols = iter(chosen)
    coded, planes = write_symbols(frame, lambda *_: next(symbols))
    for rule, name, changed, rounds in (
        ("J9.1", "symbols of half a word more", coded + b"\0", 1),
        ("J9.1", "symbols of a word more", coded + b"\0\0", 1),
        ("J9.1", "symbols of a word less", coded[:-2], 1),
        ("J9.1", "symbols of three words", coded[:6], 1),
        ("J1", "unknown rounds of symbols", coded, 1 + 2 * SYMBOLS),
    ):
        yield rule, f"{name}.bb", archive_of_symbols(skeleton, changed, planes, rounds)[0]


def _of_great_weights() -> bytes:
    """An archive of a JPEG stream whose weights of groups become as great as they can."""
    skeleton = test_jpeg_streams.skeleton_of(False, step=16, side=176)
    assert skeleton.frame

    def choose(accepted: range, blended: list[Distribution]) -> int:
        """A symbol that the second distribution expects, and the first one does not."""
        if not blended:
            return accepted[0]
        first, second, *_ = blended
        few = range(1, 4) if len(blended) == 3 else accepted
        return max(few, key=lambda s: probability(second, s) - probability(first, s))

    coded, planes = write_symbols(skeleton.frame, choose)
    return archive_of_symbols(skeleton, coded, planes)[0]


def _streams_of_symbols() -> dict[str, bytes]:
    """JPEG streams of four components, and of coefficients of all sizes in several components."""
    skeleton, planes = test_jpeg_streams.components()
    rng = np.random.default_rng(5)
    files = {"four.jpg": write(skeleton, planes, Details(b"", 1))}

    def add(name: str, step: int, of_size: Callable[[int], NDArray[Any]]) -> None:
        """of_size: coefficients of so many blocks, in zigzag order."""
        steps = [number.to_bytes(2, "big") * 64 for number in (3, step)]
        changed = test_jpeg_streams.changed(skeleton, *steps)
        rough = []
        for plane in planes:
            drawn = np.zeros((len(plane), 64), int)
            drawn[:, ZIGZAG] = of_size(len(plane))
            rough.append(drawn.tolist())
        files[f"{name}.jpg"] = write(changed, rough, Details(b"", 1))

    def falling(greatest: float, blocks: int) -> NDArray[Any]:
        return rng.laplace(0, np.geomspace(greatest, 0.3, 64) * rng.uniform(0.2, 2, (blocks, 1)))

    def lone(blocks: int) -> NDArray[Any]:
        large = (rng.random((blocks, 64)) < 0.01) * rng.integers(-4000, 4001, (blocks, 64))
        return rng.laplace(0, 0.5, (blocks, 64)).astype(int) + large

    def greatest(blocks: int) -> NDArray[Any]:
        return rng.choice([-16_000, 0, 16_000], (blocks, 64)) * (np.arange(64) < 9)

    for number, size in enumerate((2, 40, 700)):
        add(f"rough {number}", 3, partial(falling, size))
    for step in (1, 255, 65_535):
        add(f"lone {step}", step, lone)
        add(f"greatest {step}", step, greatest)
    skeleton, planes = test_jpeg_streams.components((0x32, 0x21))
    add("two", 3, partial(falling, 40))
    return files


def _of_bands() -> bytes:
    """An archive of a ZIP file with two pictures of several bands."""
    pictures = [test_embedded.png(colours) for colours in (COLOURS, COLOURS[::-1])]
    content = test_embedded.zipped(ZIP_STORED, a=pictures[0], b=pictures[1])
    with TemporaryDirectory() as name, mock.patch.object(encoding, "_BAND", 5000):
        return _of_files(Path(name, "bands"), {"a.zip": content})


def _folders_and_links() -> dict[str, bytes]:
    """Sections `E` of one file: modes, folders and links at each limit, and beyond it."""

    def text(content: str) -> bytes:
        return write_varint(len(content.encode())) + content.encode()

    def said(mode: int, folders: list[str], links: list[tuple[str, str]]) -> bytes:
        """All folders with the mode 755, and all times 0."""
        out = b"\0" + write_varint(1) + write_varint(1 + mode) + write_varint(len(folders))
        out += b"".join(text(folder) + write_varint(0o756) + b"\0" for folder in folders)
        out += write_varint(len(links))
        return out + b"".join(text(name) + text(target) + b"\0" for name, target in links)

    link = [("link", "private")]
    return {
        "all bits of a mode": said(0o7777, [""], link),
        "the longest name of a link": said(0o644, [""], [("é" * 127 + "a", "é" * 2047 + "a")]),
        "too long a name of a link": said(0o644, [""], [("é" * 128, "private")]),
        "too long a target": said(0o644, [""], [("link", "é" * 2048)]),
        "a folder in a link": said(0o644, ["", "link/folder"], link),
        "a folder called like a link": said(0o644, ["", "link"], link),
        "a link without a name": said(0o644, [""], [("", "private")]),
        "a folder of unfinished files": said(0o644, ["", f"a/{_UNFINISHED}"], link),
        "a link to unfinished files": said(0o644, [""], [(f"{_UNFINISHED}/moves", "private")]),
    }


def _of_one_file(kind: bytes, payload: bytes) -> bytes:
    """An archive of a folder with one file, `private`, with another section of this kind."""
    with TemporaryDirectory() as name:
        data = _of_files(Path(name, "x"), {"private": b"private"})
    return replaced(data, kind, payload)


def _pyramid() -> bytes:
    """A TIFF file with two smaller levels of two pages."""
    out = io.BytesIO()
    pixels = (np.add.outer(np.arange(40), np.arange(64) ** 2) // 9).astype(np.uint8)
    with tifffile.TiffWriter(out) as tiff:
        for page in (pixels, pixels[::-1]):
            tiff.write(page, subifds=2, photometric="minisblack", metadata=None)
            for step in (2, 4):
                tiff.write(page[::step, ::step], subfiletype=1, photometric="minisblack")
    return out.getvalue()


def _of_entries(folder: Path) -> bytes:
    """An archive of a folder with modes, links and an empty folder."""
    (folder / "empty").mkdir(parents=True)
    (folder / "private").write_text("private")
    (folder / "link").symlink_to("private")
    (folder / "root").symlink_to("/")
    for number, path in enumerate([folder / "private", folder / "empty", folder]):
        path.chmod(0o700 - 0o100 * (number == 0))
    for path in (folder / "link", folder / "root", folder / "private", folder / "empty", folder):
        os.utime(path, ns=(0, 10**18), follow_symlinks=False)
    bitsback.compress(folder, f"{folder}.bb")
    return Path(f"{folder}.bb").read_bytes()


def _of_jpeg(folder: Path, files: dict[str, bytes], model: str = "auto") -> bytes:
    """The same of JPEG files, which no general compressor codes although they resemble each other.

    model: which chooses the coder of coefficients.
    """
    with mock.patch.object(encoding, "without_model", lambda *_: iter(())):
        return _of_files(folder, files, model)


def _of_files(folder: Path, files: dict[str, bytes], model: str = "auto") -> bytes:
    """An archive of a folder with these files, byte for byte."""
    folder.mkdir()
    for name, content in files.items():
        path = folder / name
        path.write_bytes(content)
        path.chmod(0o644)
        os.utime(path, ns=(0, 10**18))
    folder.chmod(0o755)
    os.utime(folder, ns=(0, 10**18))
    bitsback.compress(folder, f"{folder}.bb", model=model)
    return Path(f"{folder}.bb").read_bytes()


def _of_wavefronts(path: Path) -> bytes:
    """An archive of colour pictures by a random model, which nothing else is chosen over."""
    rng = np.random.default_rng(3)
    pictures = rng.integers(0, 30, (2, 19, 21, 3)).cumsum(2).astype(np.uint8)
    path.write_bytes(file.write(*random_wavefront(1)))
    with mock.patch.object(encoding, "without_model", lambda *_: iter(())):
        bitsback.compress(pictures, f"{path}.bb", model=path)
    return Path(f"{path}.bb").read_bytes()


def _jpeg_files() -> dict[str, bytes]:
    """Streams of all kinds, one with a preview, one without tables, and two in a file."""
    whole = {name: make() for name, make in (JPEG_STREAMS | LOSSLESS).items()}
    files = {f"{number:02}.jpg": content for number, content in enumerate(whole.values())}
    files["preview.jpg"] = with_preview()
    files["standard tables.jpg"], _ = without(jpeg(picture("L")), 0xC4)
    files["two.bin"] = b"before" + whole["grey"] + bytes(99) + whole["one block"] + b"behind"
    files["cut.jpg"] = cut(whole["progressive"], 0.7)
    return files


def _extreme_streams() -> dict[str, bytes]:
    """JPEG streams with the greatest coefficients and steps."""
    found = {}
    for name in ("greatest values", "greatest values, arithmetic"):
        skeleton, plane, details = test_jpeg_streams.CHOICES[name]()
        found[f"{name}.jpg"] = write(skeleton, [plane], Details(details, len(skeleton.scans)))
    return found


def _cut_streams() -> dict[str, bytes]:
    """JPEG streams that end early, and one whose last units are not full."""
    return {
        "arithmetic.jpg": cut(JPEG_STREAMS["arithmetic"](), 0.6),
        "grey.jpg": cut(jpeg(picture("L", 24, 32)), 0.7),
        "sequential.jpg": cut(jpeg(picture(rows=24, columns=32)), 0.5),
        "whole.jpg": jpeg(picture(rows=20, columns=20), progressive=True),
    }


def _chosen_streams() -> dict[str, dict[str, bytes]]:
    """JPEG streams of encoders with other choices than libjpeg's, by their kinds."""
    kinds: dict[str, dict[str, bytes]] = {}
    for number, (name, make) in enumerate(test_jpeg_streams.CHOICES.items()):
        if "greatest" in name or "12 bits" in name:  # which the specification takes long for
            continue
        skeleton, plane, details = make()
        frame = skeleton.frame
        assert frame
        kind = "arithmetic" if frame.arithmetic else "progressive" if frame.progressive else "other"
        stream = write(skeleton, [plane], Details(details, len(skeleton.scans)))
        kinds.setdefault(f"{kind} JPEG streams", {})[f"{number:02}.jpg"] = stream
    return kinds


def _of_samples() -> bytes:
    """An archive of lossless JPEG streams of encoders with other choices."""
    pictures = []
    for skeleton in test_jpeg_streams.SAMPLES.values():
        stream = write(skeleton, test_jpeg_streams.samples(skeleton), Details(b"", 1))
        taken = take_samples(stream)
        assert taken is not None
        pictures.append((drawing.pack(taken.metadata), taken.samples))
    return archive_of_files(*pictures)


def _decoded_files() -> dict[str, bytes]:
    """Pictures that were JPEG, of all kinds that are found."""
    files = {}
    for number, make in enumerate(decoded_pictures.DECODED.values()):
        out = io.BytesIO()
        Image.fromarray(make()).save(out, "BMP")
        files[f"{number}.bmp"] = out.getvalue()
    return files


def _far_match() -> bytes:
    """Bytes that repeat 32,506 bytes later, and nowhere else."""
    again, numbers = b"far and again", b"".join(b"%d," % (n * n) for n in range(6000))
    return b"?" + again + numbers[: 32_506 - len(again)] + again + b"!"


def _zlib_files() -> dict[str, bytes]:
    """Pictures by each level and strategy of zlib."""
    noise = Random(1).randbytes(1 << 15)
    repeated = b"".join(noise[at : at + 40] for at in (0, 262, 263, 100, 300))
    streams = {
        f"{name} {level}": raw(b"\0" + PLAINTEXTS[name][:5_000], level, 8 + level % 2, level // 5)
        for name in ("letters", "words", "runs")
        for level in range(1, 10)
    }
    return _in_rows(
        streams
        | {
            "far": raw(b"\0" + noise[:32_505] + repeated, 1),
            "far and lazy": raw(b"\0" + noise[:32_505] + repeated, 6),
            "a run at a time": raw(b"\0" + PLAINTEXTS["runs"][:5_000], 6, 8, zlib.Z_RLE),
            "no matches": raw(b"\0" + PLAINTEXTS["words"][:5_000], 6, 8, zlib.Z_HUFFMAN_ONLY),
        }
    )


def _png_files() -> dict[str, bytes]:
    """Pictures whose streams zlib does not make."""
    return _in_rows(rare_streams())


def _in_rows(streams: dict[str, bytes]) -> dict[str, bytes]:
    """Pictures of a row with these streams."""
    return {
        f"{name}.png": png(len(plaintext) - 1, 1, 0, zlib_stream(stream, plaintext))
        for name, stream in streams.items()
        for plaintext in [zlib.decompress(stream, -15)]
    }


def valid() -> Iterator[tuple[str, bytes]]:
    """Other archives that a decoder restores."""
    known = {data for _, data in golden()}
    for seed in [*seeds.archives(), *seeds.collections()]:
        if seed.data not in known:
            yield f"{seed.name}.bb", seed.data
    yield from of_numbers()
    for name, data in (decoded_pictures.SOUND | decoded_pictures.BAD).items():
        shape = decoded_pictures.SHAPE
        yield f"coefficients, {name}.bb", archive_of_block("|u1", shape, DECODED, data)
    for number in range(PROGRAMS):
        program = random_program(number)
        model = bitsback.load_model(program.to_bytes())
        yield f"random model {number}.bb", _archive_by(model, program.size, number)


def of_numbers() -> Iterator[tuple[str, bytes]]:
    """Blocks alone with lists of values and with digits, and others that break their rules."""
    y, x = np.mgrid[:18, :20]
    rough = x * 9 + y * 7 + np.random.default_rng(0).integers(0, 40, x.shape)
    for kind in ("u4", "i4", "u8", "i8", "f2", "f4", "f8"):
        for order in "<>":
            few = (rough % 250).astype(order + kind) * np.dtype(kind).type(3)
            yield f"few values {order}{kind}.block", bitsback.encode(few)
            many = np.sqrt(rough + np.random.default_rng(1).random(x.shape)) * 2.0**11
            array = many.astype(order + kind)
            if kind != "f2":
                cut, digits = cut_of(array.reshape(-1))
                for model in ("universal", None):
                    ways = [_coding_of(digit.reshape(x.shape), model) for digit in digits]
                    coding = coding_of_digits(Tiles.stacked(array[np.newaxis]), cut, ways)
                    block = pack(array.dtype, array.shape, 2, coding, False, NOTHING)
                    yield f"digits {order}{kind} by {model}.block", block
    for name, (dtype, data) in bad_digits.BAD.items():
        yield f"digits {name}.block", bad_digits.block_of(dtype, data)
    universal = bundled.identity("universal")[:16]
    for name, (dtype, data) in bad_lists.BAD.items():
        body = (
            bytes([alone.MAGIC, VERSION])
            + dtype.encode()
            + b"\1\2"
            + bytes([MODEL + 32])
            + data
            + universal
        )
        crc = archive.crc32c(body + bytes(9)).to_bytes(4, "little")
        yield f"values {name}.block", body + bytes(9) + crc


def _coding_of(digit: np.ndarray[Any, Any], name: str | None) -> Coding:
    """How a digit is coded, by a model or by none."""
    tiles = Tiles.stacked(digit[np.newaxis])
    plan = None if name is None else BlockPlan.for_model(bundled.load(name), tiles)
    if plan is None or int(digit.min()) == int(digit.max()):
        return smallest_coding(tiles, NO_MODEL, "deflate").coding
    data = plan.encode(1, False)
    assert data is not None
    return Coding(Method(MODEL), plan.value_map, [data], plan.model)


def _archive_by(model: Model, size: tuple[int, int], seed: int) -> bytes:
    """An archive of images that a model decodes from random bits, in two blocks, with the model in
    it.
    """
    rows, columns = size
    shape = (
        ItemShape(1, 3 * rows, 4 * columns, 1 + seed % 4, model.levels)
        if model.any_shape
        else model.shape_of(None if model.size else size)
    )
    dtype = np.dtype("u1" if shape.levels <= 256 else "<u2")
    item = (shape.rows, shape.columns, shape.channels)[: 2 + (shape.channels > 1)]
    counts = [max(400 // shape.elements, 1), 2]
    array = ArrayPart.of_items(dtype.str, item, sum(counts)).pack_array()
    parts = [("C", b"\0\0" + array), ("M", pack_model(model))]
    for number, count in enumerate(counts):
        bound, x = _drawn(model, count, shape, [seed, number])
        x = x.astype(dtype)
        runs = pack_runs([Run(count, dtype, item, None)])
        content = hashlib.sha256(runs + x.tobytes()).digest()
        data = chain.encode([bound], x, content, LANES[seed % len(LANES)])
        first = write_varint(number and counts[0])
        parts.append(("B", first + runs + b"\2" + model.identity[:16] + data))
    return _archive(parts, counts)


def _drawn(
    model: Model, count: int, shape: ItemShape, seed: list[int]
) -> tuple[BoundModel, NDArray[Any]]:
    """Items that a model decodes from random bits, and the model bound to them."""
    words = np.random.default_rng(seed).integers(0, 2**32, 9000, np.uint32)
    bound = model.bind([(count, shape)])
    return bound, np.asarray(bound.pop(bitsback.Message([2**40], words, 0)))


def _archive(parts: list[tuple[str, bytes]], counts: list[int]) -> bytes:
    """The sections, with an index, and the footer. counts: the tiles of each block."""
    data = HEAD + b"".join(mutate.section(*part) for part in parts)
    return data + index_of(data, counts)


def forged() -> Iterator[tuple[str, bytes]]:
    """Damaged and forged variants of valid archives, mostly such that must be refused."""
    sources = [seed.data for seed in [*seeds.archives(), *seeds.collections()]]
    small = [data for data in sources if len(data) < 6000]
    for number in range(FORGERIES):
        random = Random(number)
        data, other = random.choice(small), random.choice(small)
        change = mutate.mutate if number % 10 == 0 else mutate.forge
        yield f"forged {number}.bb", change(random, data, other)
    for number, data in enumerate(seeds.hostile()):
        yield f"hostile {number}.bb", data


def forged_metadata() -> Iterator[tuple[str, bytes]]:
    """Archives of one picture, stored raw, whose container metadata are damaged."""
    taken = filter(None, (take_apart(seed.data) for seed in seeds.collections()))
    files = [file for one in taken for file in one.files if file.metadata]
    pictures = {file.metadata: np.asarray(file.array) for file in files}
    sources = [(metadata, pixels) for metadata, pixels in pictures.items() if pixels.size < 40_000]
    for number in range(FORGERIES):
        random = Random(number)
        (metadata, pixels), (other, _) = random.choice(sources), random.choice(sources)
        changed = mutate.mutate(random, metadata, other)
        yield f"forged metadata {number}.bb", archive_of_file(changed, pixels)


def of_animations() -> Iterator[tuple[str, bytes]]:
    """Archives of an animated PNG file whose container metadata break a rule."""
    for name, row in test_animated_png.ROWS.forged.items():
        yield f"animation with {name}.bb", archive_of_file(row.metadata, row.pixels)


def of_generations() -> Iterator[tuple[str, bytes]]:
    """Archives that were continued and break a rule of generations, of the index, or of files that
    were removed.
    """
    data = (TESTS / "collections/golden/changed.bb").read_bytes()
    with bitsback.open(data) as opened:
        index = opened.reader.directory.index
    assert index is not None
    body, sections, blocks = data[: index.end], list(index.sections), list(index.blocks)
    head = next(number for number, place in enumerate(sections) if place.kind == b"C")
    start, first = index.start, Cursor(data, len(HEAD)).section()

    def lists(number: int, **change: Any) -> list[Place]:
        return [*sections[:number], replace(sections[number], **change), *sections[number + 1 :]]

    yield "older-footer", data[: start - 1] + b"?" + data[start:]
    yield "no-end", data[:-1]
    changed = {
        "no-collection": (sections[:head] + sections[head + 1 :], blocks),
        "two-collections": ([Place(b"C", 8, len(first)), *sections], blocks),
        "block-among-sections": (lists(head + 1, kind=b"B"), blocks),
        "index-among-sections": (lists(head + 1, kind=b"I"), blocks),
        "other-kind": (lists(head + 1, kind=b"F"), blocks),
        "unknown-kind": (lists(head + 1, kind=b"Q"), blocks),
        "left-out-section": (sections[: head + 1] + sections[head + 2 :], blocks),
        "collection-later": (lists(head, offset=start + 1, size=sections[head].size - 1), blocks),
        "block-missing": (sections, blocks[1:]),
        "block-missing-behind": (sections, blocks[:-1]),
        "block-without-tiles": (sections, [replace(blocks[0], items=0), *blocks[1:]]),
    }
    for name, (places, of) in changed.items():
        end = max(place.end for place in [*places, *of])
        yield f"{name}.bb", data[:end] + Index(places, of).pack()
    collection = bytes(open_section(body[start : sections[head].end], b"C"))
    without = mutate.section("C", bytes([collection[0] & ~REMOVED]) + collection[1:])
    yield "removed-without-feature.bb", body[:start] + without + data[sections[head].end :]
    for seed in seeds.collections():
        if "unordered" in seed.name:
            kinds, counts = mutate.read(seed.data)
            parts = [(kind, payload) for kind, payload in kinds if kind != "I"]
            parts[0] = "C", bytes([parts[0][1][0] | REMOVED]) + parts[0][1][1:]
            yield f"feature of removal {seed.name}.bb", _archive(parts, counts)


def of_broken_models() -> Iterator[tuple[str, bytes]]:
    """Archives with a model that breaks a rule, and the data that the whole model makes: a decoder
    that does not know the rule restores many of them.
    """
    whole = {name: _blocks_of(name) for name in MODELS}
    for number, (model, change) in enumerate(_changes()):
        description, tensors = broken(model, change)
        if all(array.size for array in tensors.values()):
            yield f"broken model {number}.bb", _with_model(whole[model], description, tensors)


def _changes() -> Iterator[tuple[str, Any]]:
    """The changes of the tests of refusals, by the model that they break."""
    for module in (test_refusals, test_any_shape_refusals):
        for rows in vars(module).values():
            if not isinstance(rows, list):
                continue
            for row in rows:
                if isinstance(row, tuple) and row and row[0] in MODELS:
                    change = field if len(row) == 4 else tensor
                    yield from ((row[0], change(row[1], value)) for value in row[2])


def _blocks_of(name: str) -> list[archive.Section]:
    model = bitsback.load_model(file.write(*broken(name)))
    size = model.size or (5, 3)
    return archive.read_sections(_archive_by(model, size, 3))


def _with_model(sections: list[archive.Section], description: str, tensors: Tensors) -> bytes:
    """The archive with another model in place of its own."""
    told = identity(description, tensors)[:16]
    old = next(section.payload[:16] for section in sections if section.kind == "M")
    parts = [
        (
            section.kind,
            _plain_model(told, description, tensors)
            if section.kind == "M"
            else section.payload.replace(old, told),
        )
        for section in sections[:-1]
    ]
    _, tiles = archive.read_index(sections[-1])
    return _archive(parts, [count for _, count in tiles])


def _plain_model(told: bytes, description: str, tensors: Tensors) -> bytes:
    """The payload of an `M` section, each tensor in rows."""
    text = description.encode()
    heads, planes = b"", b""
    for name in sorted(tensors, key=str.encode):
        array = tensors[name]
        heads += write_varint(len(name.encode())) + name.encode() + bytes([DTYPES[array.dtype]])
        heads += bytes([array.ndim]) + b"".join(map(write_varint, array.shape)) + b"\0"
        bits = 8 * array.itemsize
        signed = np.ascontiguousarray(array).view(f"i{array.itemsize}").reshape(-1)
        folded = ((signed << 1) ^ (signed >> bits - 1)).astype(f"<i{array.itemsize}")
        planes += folded.view(np.uint8).reshape(-1, array.itemsize).T.tobytes()
    start = write_varint(len(text)) + text + b"\0" + write_varint(len(tensors))
    return told + lzma2.compress(start + heads + planes)
