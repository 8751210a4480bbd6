"""Small valid archives and model files, from which the mutations start."""

import gzip
import io
import struct
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

import bitsback
from bitsback.archive.arrays.stored import Stored
from bitsback.archive.container.source import decode
from bitsback.files.drawing import pack
from bitsback.files.formats import ONE_ARRAY
from bitsback.files.jpeg_samples import take_samples
from bitsback.format.array_part import ArrayPart
from bitsback.format.layout import HEAD, section
from bitsback.format.parts import FOLDER, FileCollection
from bitsback.format.runs import Run, pack_runs
from bitsback.format.unnamed import pack_unnamed
from bitsback.models import bundled, file
from bitsback.wire import varint
from decoded_pictures import decoded
from in_memory import drawn, in_order
from jpeg_files import cut, in_strips, jpeg, picture, with_preview, without
from jpeg_files import stored as stored_jpeg
from packing import archive_of_files, index_of
from plane_models import only_one_shape
from random_counted import random_counted
from random_models import random_context_model_file, random_model_file
from random_wavefronts import small_wavefront
from reference.container_metadata import chunk
from reference.jpeg_colours import to_rgb
from reference.jpeg_streams import Details, write
from reference.test_jpeg_streams import SAMPLES, samples
from zoo.gif_files import Drawn, gif_file
from zoo.tiff_files import by_hand

GOLDEN = Path(__file__).parents[1] / "collections" / "golden"


@dataclass(frozen=True)
class Seed:
    name: str
    data: bytes
    items: tuple[bytes, ...]
    """The bytes of each item of an archive."""
    dtype: str = ""
    stored: tuple[bytes, ...] = ()
    """The bytes of each tile of an archive in the order of blocks. They remain readable if the
    description is damaged.
    """


@cache
def archives() -> list[Seed]:
    """Archives with every method, one and two levels and bytes, one block and several, bundled and
    embedded models, and odd shapes.
    """
    rng = np.random.default_rng(0)
    ink = drawn(bundled.load("mnist-binary"), 5)
    grey = drawn(bundled.load("mnist"), 3)
    numbers = rng.integers(-(2**31), 2**31, (6, 4, 1, 5)).astype(">i4")
    bits = rng.integers(0, 2, (7, 3, 20)).astype(bool)
    smooth = np.add.outer(np.arange(4), np.add.outer(np.arange(20) ** 2, np.arange(25))) // 5
    smooth = smooth.astype(np.uint8)
    noisy = smooth[0, :, :16] + rng.integers(0, 30, (20, 16))
    y, cb, cr = smooth[:3].astype(int)
    colours = np.ascontiguousarray(np.moveaxis(to_rgb(y, cb - 128, cr - 128), 0, -1), np.uint8)
    arrays: list[tuple[str, NDArray[Any], dict[str, Any]]] = [
        ("chain", ink, {"model": "mnist-binary"}),
        ("chain of blocks", ink * np.uint8(255), {"model": "mnist-binary", "block": 2}),
        ("chain of bytes", grey, {"model": "mnist", "block": 2}),
        ("multiset", in_order(np.concatenate([ink, ink[:2]])), {"unordered": True}),
        ("multisets", in_order(grey), {"model": "mnist", "block": 2, "unordered": True}),
        ("packed", bits, {"block": 4, "stack": False}),
        ("raw", numbers, {"block": 4}),
        ("deflated", smooth, {"model": "fast", "block": 2}),
        ("shuffled", smooth.astype(">u2") * 300, {"general": True, "block": 2}),
        ("deflated bits", smooth > 60, {"model": "fast"}),
        ("doubles", np.array([[0.0, -0.0, np.nan], [1e300, 2.0, 3.0]]), {}),
        ("one item", np.array(7, ">u2"), {}),
        ("tiles", smooth, {"tile": 16, "block": 3}),
        ("series", smooth.reshape(-1)[:300], {"model": "series", "block": 200}),
        ("table", smooth[0, :, :3], {"model": "series"}),
        ("counted", np.kron(smooth[0] > 30, np.ones((3, 3), bool)), {"model": "bilevel"}),
        ("colours of JPEG", colours, {"model": "universal"}),
        ("wavefronts", colours, {"model": "universal-fast"}),
        ("JPEG behind pixels", decoded(rows=80, columns=96, quality=85)[5:, 3:], {"stack": False}),
        ("listed", noisy.astype("<u4") * np.uint32(10**7 + 9), {"model": "universal"}),
        ("listed floats", (noisy * 0.1 - 3).astype(">f8"), {"model": "universal"}),
        ("range", noisy - np.int64(2**62), {"model": "universal"}),
        ("digits", -np.sqrt(noisy + rng.random(noisy.shape)).astype("<f4"), {}),
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
    made = [(name, array, compress(array, **options)) for name, array, options in arrays]
    made.append(("with parity", numbers, with_parity(compress(numbers, block=4))))
    made.append(("joined", np.concatenate([smooth, smooth]), joined(smooth, smooth)))
    found = [Seed(name, data, *items_of(array), stored=stored(data)) for name, array, data in made]
    return [*found, frames()]


def frames() -> Seed:
    """DICOM files whose frames are the slices of stacks."""
    data = (GOLDEN / "frames.bb").read_bytes()
    opened = bitsback.open(io.BytesIO(data))
    items = tuple(content(opened[number]) for number in range(len(opened)))
    return Seed("frames", data, items, stored=stored(data))


def joined(items: NDArray[Any], slices: NDArray[Any]) -> bytes:
    """An archive of items followed by a stack in tiles."""
    with TemporaryDirectory() as name:
        shards = [Path(name) / "items.bb", Path(name) / "slices.bb"]
        shards[0].write_bytes(compress(items, model="fast", stack=False, block=3))
        shards[1].write_bytes(compress(slices, model="fast", stack=True, tile=16))
        out = io.BytesIO()
        bitsback.merge(shards, out)
        return out.getvalue()


def with_parity(data: bytes) -> bytes:
    """The archive with another generation."""
    with TemporaryDirectory() as name:
        path = Path(name) / "x.bb"
        path.write_bytes(data)
        bitsback.add_parity(path, 5)
        return path.read_bytes()


def stored(data: bytes) -> tuple[bytes, ...]:
    """The tiles of an archive."""
    opened = bitsback.open(io.BytesIO(data))
    return tuple(
        tile.tobytes() for task in opened.reader.tasks() for tile in decode(opened.reader, task)
    )


@cache
def collections() -> list[Seed]:
    """Archives of files: pictures of several parts and modes, arrays, pages, and idx files."""
    rng = np.random.default_rng(0)
    ink, grey = drawn(bundled.load("mnist-binary"), 6), drawn(bundled.load("mnist"), 3)
    with TemporaryDirectory() as name:
        folder = Path(name)
        pictures = folder / "in"
        for number, item in enumerate(ink):
            save(item.astype(bool), pictures / f"{number}.png")
        for number, item in enumerate(grey):
            save(item, pictures / "deep" / "er" / f"{number}.jpg.bmp")
        save(rng.integers(0, 256, (5, 4, 3), np.uint8), pictures / "deep" / "colour.tif")
        save(rng.integers(0, 256, (20, 40, 3), np.uint8), pictures / "deep" / "other.png")
        save(np.add.outer(np.arange(20), np.arange(30)).astype("<u2"), pictures / "Ü.pgm.png")
        classes = folder / "classes"
        for number, item in enumerate(ink):
            save(item.astype(bool), classes / "ab"[number % 2] / f"{number}.png")
        exact = folder / "exact"
        for number in range(2):
            save(rng.integers(0, 9, (20, 40), np.uint8), exact / f"{number}.pgm")
            save(rng.integers(0, 256, (9, 8, 3), np.uint8), exact / f"{number}.jpg")
            (exact / f"{number}.png").write_bytes(own_png(rng.integers(0, 4, (30, 40), np.uint8)))
        (exact / "empty.txt").touch()
        with zipfile.ZipFile(exact / "pictures.zip", "w", zipfile.ZIP_STORED) as members:
            members.writestr(zipfile.ZipInfo("a.pgm"), (exact / "0.pgm").read_bytes())
            members.writestr(zipfile.ZipInfo("b.png"), (exact / "1.png").read_bytes())
        copies = folder / "copies"
        copies.mkdir()
        for number, original in enumerate(("0.pgm", "0.jpg", "0.pgm", "0.png", "0.jpg", "0.png")):
            (copies / f"{number}").write_bytes((exact / original).read_bytes())
        with_metadata = folder / "metadata"
        save_with_metadata(with_metadata)
        np.savez(folder / "x.npz", ink=ink, nothing=np.zeros((0, 3)), one=np.array(7, ">i2"))
        labels = np.arange(6) % 2
        np.savez(folder / "pairs.npz", ink=np.concatenate([ink[:5], ink[:1]]), labels=labels)
        pages = [Image.fromarray(item) for item in (*grey, *ink[:2] * np.uint8(255))]
        pages[2].save(folder / "x.tif", save_all=True, append_images=pages)
        (folder / "x.idx").write_bytes(
            bytes([0, 0, 8, 3])
            + b"".join(size.to_bytes(4, "big") for size in grey.shape)
            + grey.tobytes()
        )
        (folder / "x.idx.gz").write_bytes(gzip.compress((folder / "x.idx").read_bytes()))
        seeds = []
        made: list[tuple[Path, dict[str, Any]]] = [
            (pictures, {}),
            (exact, {"files": "exact"}),
            (exact, {"hashes": "sha256"}),
            (with_metadata, {}),
            (with_metadata, {"files": "exact"}),
            (folder / "x.npz", {}),
            (folder / "x.tif", {}),
            (pictures / "deep", {"unordered": True}),
            (pictures / "deep", {"unordered": True, "keep_names": True}),
            (classes, {"unordered": True, "labels": "folders"}),
            (folder / "pairs.npz", {"labels": "labels"}),
            (folder / "pairs.npz", {"labels": "labels", "unordered": True}),
            (copies, {}),
        ]
        for path, options in made:
            data = compress(path, model="fast", **{"block": 4, "tile": 16, **options})
            opened = bitsback.open(io.BytesIO(data))
            items = tuple(content(opened[number]) for number in range(len(opened)))
            seeds.append(Seed(f"{path.name} {options}", data, items, stored=stored(data)))
        seeds += changed(exact, with_metadata, folder)
        for path in (folder / "x.idx", folder / "x.idx.gz"):
            seeds.append(Seed(path.name, compress(path, model="fast"), *items_of(grey)))
    return [*seeds, *jpegs()]


def jpegs() -> list[Seed]:
    """JPEG streams, small ones of several kinds and one with strips, by their coefficients, and
    lossless ones by their samples.
    """
    progressive = jpeg(picture("L", 16, 17), progressive=True)
    streams = {
        "arithmetic.jpg": stored_jpeg("arithmetic"),
        "cut.jpg": cut(progressive, 0.7),
        "preview.jpg": with_preview(picture(rows=9, columns=17)),
        "progressive.jpg": progressive,
        "restarts.jpg": jpeg(picture("L", 16, 24), restart_marker_blocks=2),
        "tables.bin": b"-".join(without(jpeg(picture(rows=8, columns=8)), 0xC4, 0xDB)),
    }
    with TemporaryDirectory() as name:
        made = []
        for folder, files in (("streams", streams), ("strips", {"strips.jpg": in_strips()})):
            (Path(name) / folder).mkdir()
            for file_name, content_of_file in files.items():
                (Path(name) / folder / file_name).write_bytes(content_of_file)
            made.append((f"JPEG {folder}", compress(Path(name) / folder)))
    pictures = []
    for skeleton in SAMPLES.values():
        taken = take_samples(write(skeleton, samples(skeleton), Details(b"", 1)))
        assert taken is not None
        pictures.append((pack(taken.metadata), taken.samples))
    made.append(("JPEG samples", archive_of_files(*pictures)))
    found = []
    for name, data in made:
        opened = bitsback.open(io.BytesIO(data))
        items = tuple(content(opened[number]) for number in range(len(opened)))
        found.append(Seed(name, data, items, stored=stored(data)))
    return found


def changed(one: Path, other: Path, folder: Path) -> list[Seed]:
    """An archive of three generations, with files removed; what it is merged to with another one;
    and that with parity.
    """
    path, found = folder / "changed.bb", list[tuple[bytes, ...]]()

    def look() -> None:
        with bitsback.open(path) as opened:
            found.append(tuple(content(opened[number]) for number in range(len(opened))))

    bitsback.compress(one, path, model="fast", tile=16, hashes="sha256")
    look()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        bitsback.add(path, other, model="fast", block=4, tile=16)
    look()
    bitsback.remove(path, ["0.pgm", "1.jpg", "palette.png", "raw.tif", "fax.tif"])
    look()
    continued = Seed("continued", path.read_bytes(), found[2], stored=found[1])
    bitsback.compress(folder / "classes", folder / "more.bb", model="fast", tile=16)
    bitsback.merge([path, folder / "more.bb"], folder / "merged.bb")
    path = folder / "merged.bb"
    look()
    merged = Seed("merged", path.read_bytes(), found[3], stored=stored(path.read_bytes()))
    bitsback.add_parity(path, 20)
    return [continued, merged, replace(merged, name="parity", data=path.read_bytes())]


def save_with_metadata(folder: Path) -> None:
    """Pictures with all kinds of metadata: chunks, tags, palettes, headers, and pixels that take
    fewer bytes than in these files.
    """
    folder.mkdir()
    grey = (np.add.outer(np.arange(20), np.arange(30)) * 5 % 251).astype(np.uint8)
    colour = np.stack([grey, grey.T.reshape(grey.shape), 255 - grey], axis=-1)
    told = PngInfo()
    told.add_text("Title", "a slope")
    told.add_text("Comment", "packed " * 20, zip=True)
    told.add_itxt("Author", "nobody", lang="en", tkey="Author")
    told.add(b"gAMA", struct.pack(">I", 45455))
    own = {"compress_level": 0, "pnginfo": told, "dpi": (72, 300)}
    Image.fromarray(colour).save(folder / "colour.png", **own, icc_profile=bytes(range(200)))
    Image.fromarray(grey.astype("<u2") * 200).save(folder / "deep.png", **own)
    Image.fromarray(grey > 60).save(folder / "two.png", compress_level=0)
    of_16_bits = colour.astype("<u2") * 201
    (folder / "deep-colour.png").write_bytes(png_of_16_bits(of_16_bits))
    header = b"P6 30 20 65535\n"
    (folder / "deep.ppm").write_bytes(header + of_16_bits.astype(">u2").tobytes())
    for name, values, order in (
        ("labels", grey.astype("u4") // 9 * 100003, ">"),
        ("signed", grey.astype("i1"), "<"),
        ("floats", (grey * 0.1 - 4).astype("f4"), ">"),
        ("spectra", np.stack([colour[..., 0]] * 5 + [grey * 200] * 2, -1).astype("u2"), "<"),
        ("deep-planes", np.moveaxis(of_16_bits, -1, 0), "<"),
    ):
        (folder / f"{name}.tif").write_bytes(plain_tiff(values, order))
    palette = Image.fromarray(grey % 16)
    palette.putpalette(bytes(range(48)))
    palette.save(folder / "palette.png", **own, transparency=bytes(range(16)))
    palette.save(folder / "palette.bmp")
    frames = [Drawn(grey // 64, bits=2, clears=(0, 9), interlaced=True), Drawn(grey[:9, :20])]
    (folder / "animated.gif").write_bytes(gif_file([*frames, Drawn(grey[:5, :7], single=True)]))
    Image.fromarray(colour).save(folder / "colour.bmp")
    Image.fromarray(grey).save(folder / "grey.pgm")
    (folder / "grey.pgm.gz").write_bytes(gzip.compress((folder / "grey.pgm").read_bytes(), mtime=0))
    tags: dict[str, Any] = {"description": "a slope", "software": "by hand", "dpi": (72.5, 300)}
    for name, compression in (("raw", "raw"), ("packed", "packbits"), ("fax", "group4")):
        picture = Image.fromarray(grey > 60) if name == "fax" else Image.fromarray(colour)
        picture.save(folder / f"{name}.tif", compression=compression, **tags)


def content(item: Any) -> bytes:
    """The bytes of a file that is stored verbatim, or of an array."""
    return item.read() if isinstance(item, Stored) else np.asarray(item).tobytes()


def own_png(rows: NDArray[np.uint8]) -> bytes:
    """A grey PNG, compressed by the zlib of Python."""
    content = b"".join(b"\0" + row.tobytes() for row in rows)
    size = struct.pack(">II", rows.shape[1], rows.shape[0])
    chunks = (
        (b"IHDR", size + bytes([8, 0, 0, 0, 0])),
        (b"IDAT", zlib.compress(content)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*parts) for parts in chunks)


def png_of_16_bits(pixels: NDArray[np.uint16]) -> bytes:
    """An RGB PNG of 16 bits a channel, whose rows are as they are."""
    rows = (b"\0" + row.astype(">u2").tobytes() for row in pixels)
    size = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], 16, 2, 0, 0, 0)
    chunks = (b"IHDR", size), (b"IDAT", zlib.compress(b"".join(rows), 0)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*parts) for parts in chunks)


def plain_tiff(samples: NDArray[Any], order: str) -> bytes:
    """An uncompressed TIFF file, of one strip: [rows, columns], [rows, columns, channels], or three
    planes.
    """
    planar = samples.ndim == 3 and len(samples) == 3
    pixels = np.moveaxis(samples, 0, -1) if planar else samples
    rows, columns, channels = (*pixels.shape, 1)[:3]
    kind = {"u": 1, "i": 2, "f": 3}[samples.dtype.kind]
    numbers = {
        256: (columns,), 257: (rows,), 258: (8 * samples.itemsize,) * channels, 259: (1,),
        262: (2 if planar else 1,), 277: (channels,), 278: (rows,), 284: (1 + planar,),
        339: (kind,) * channels,
    }  # fmt: skip
    if channels > 3:
        numbers[338] = (0,) * (channels - 1)
    data = samples.astype(samples.dtype.newbyteorder(order))
    segments = [plane.tobytes() for plane in data] if planar else [data.tobytes()]
    return by_hand([(number, 3, value) for number, value in numbers.items()], segments, order)


def save(array: NDArray[Any], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path, "BMP" if path.suffix == ".bmp" else None)


@cache
def hostile() -> list[bytes]:
    """Archives that were once accepted, or too costly, and are now refused: forgeries start from
    them, too.
    """

    def of_pictures(count: int, names: bytes | None, data: bytes, bits: bool = False) -> bytes:
        dtype = np.dtype(bool) if bits else np.dtype("u1")
        collection = FileCollection(FOLDER, (ArrayPart.of_items(dtype.str, (1, 1), count),)).pack()
        run = pack_runs([Run(count, dtype, (1, 1), (b"\0", b"\1") if bits else None)])
        block = section(b"B", varint(0) + run + bytes([int(bits)]) + data)
        start = HEAD + collection
        runs = varint(1) + varint(0) + varint(count)
        data = start + block
        data += pack_unnamed() if names is None else section(b"N", runs + names)
        return data + index_of(data, [count])

    def name(text: bytes, start: int = 0, end: int = 0) -> bytes:
        return varint(start) + varint(end) + varint(len(text)) + text

    def of_nothing(collection: ArrayPart) -> bytes:
        start = HEAD + collection.pack()
        return start + index_of(start, [])

    long = name(b"x" * 1000) + b"".join(name(b"%03d" % number, 997) for number in range(400))
    return [
        of_pictures(1, name(b"n" * 252 + b".jpg"), b"\7"),
        of_pictures(2, name(b"A/a.jpg") + name(b"A/a.jpg.png/b.png"), b"\7\7"),
        of_pictures(2, name(b"a.jpg") + name(b"a.jpg.png"), b"\7\7"),
        of_pictures(401, long, bytes(401)),
        of_pictures(8_000_000, name(b"a"), bytes(2000), bits=True),
        of_pictures(8_000_000, None, bytes(2000), bits=True),
        of_pictures(1, name(b"a\n\x1b[2J.png"), b"\7"),
        of_nothing(ArrayPart(np.dtype("u1"), (0,) + (1,) * 31, 1)),
        of_nothing(ArrayPart(np.dtype("<f2"), (0, 2), 1, ONE_ARRAY["idx"].container)),
    ]


@cache
def models() -> list[bytes]:
    wavefronts = [small_wavefront(), small_wavefront(65536), small_wavefront(contexts=10)]
    others = [random_counted(0), random_counted(1), *(file.write(*of) for of in wavefronts)]
    return [*small_models().values(), *others]


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


def compress(array: NDArray[Any] | Path, *, general: bool = False, **options: Any) -> bytes:
    """general: only with models of one shape, so that general compressors are used; also with
    model="fast".
    """
    out = io.BytesIO()
    with warnings.catch_warnings(), pytest.MonkeyPatch.context() as patch:
        warnings.simplefilter("ignore", bitsback.InputWarning)
        if general or options.get("model") == "fast":
            only_one_shape(patch)
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
