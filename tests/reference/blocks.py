"""A block (docs/format.md, `B`), from its payload to the bytes of its tiles."""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import chain
from .codecs import Adaptive
from .container_metadata import promises_bytes, restore
from .decoded import decode_pixels
from .fields import Reader, inflate, require, unpack_lzma2
from .inflated import decode_inflated
from .jpeg_streams import decode_streams
from .message import ExhaustedError, Message, write_varint
from .model import Model
from .picks import Picks
from .planes import ItemShape
from .rows import Rows
from .values import Size
from .wavefront_rules import WavefrontRules

RAW, PACKED, MODEL, FALLBACK, ADAPTIVE, DIGITS, STREAMS, INFLATED, DECODED = range(9)
JPEG, LIST = 5, 6  # value maps
PICTURES, STACKS, SERIES, FRAMES = range(4)  # layouts, times 8
MULTISET = 32


@dataclass
class Run:
    """Tiles in a row that are alike."""

    count: int
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    kind: int  # of the value map: 0 none, 1 a range, 2 two, 3 some of a range, 5 JPEG, 6 a list
    values: NDArray[Any]  # the bytes of the values that symbols stand for, but of kind 0

    @property
    def elements(self) -> int:
        return self.count * math.prod(self.shape)


def read_runs(reader: Reader) -> Iterator[Run]:
    before = None
    for number in range(reader.varint()):
        count, dtype, shape, kind = reader.varint(), reader.dtype(), reader.shape(), reader.byte()
        require(count >= 1, "a run has an item")
        if kind == 4:
            require(before is not None and before.kind not in (0, JPEG), "the value map before")
            require(before.dtype == dtype, "a value map of one dtype")
            kind, values = before.kind, before.values
        else:
            require(number == 0 or kind not in (1, 3, 6), "the values of a block are told once")
            values = read_value_map(reader, dtype, kind)
        before = Run(count, dtype, shape, kind, values)
        yield before


def read_value_map(reader: Reader, dtype: np.dtype[Any], kind: int) -> NDArray[Any]:
    """The bytes of the values that symbols stand for, of a run that tells them itself."""
    require(kind <= 3 or kind in (JPEG, LIST), "a kind of value map of the list")
    if kind == JPEG:
        require(dtype.str == "|u1", "colours of bytes")
        return np.arange(256, dtype=np.uint8).view("V1")
    if kind == LIST:
        return read_list(reader, dtype)
    if kind in (1, 3):
        return read_range(reader, dtype, kind)
    values = np.frombuffer(reader.take(kind * dtype.itemsize), f"V{dtype.itemsize}")
    require(kind == 0 or values[0].tobytes() != values[1].tobytes(), "values differ")
    return values


def read_range(reader: Reader, dtype: np.dtype[Any], kind: int) -> NDArray[Any]:
    require(dtype.kind in "bui", "integers")
    integer = np.dtype("u1") if dtype.kind == "b" else dtype
    low, high = (int(n) for n in np.frombuffer(reader.take(2 * dtype.itemsize), integer))
    require(low < high, "a range of two values or more")
    require(high - low < 2**16, "a range of at most 65,536 values")
    values = np.array([value % 2 ** (8 * dtype.itemsize) for value in range(low, high + 1)])
    if kind == 3:
        packed = inflate(reader.take(reader.varint()), 2**13)
        require(len(packed) == (high - low + 8) // 8, "a bit for each of the range")
        bits = np.unpackbits(np.frombuffer(packed, np.uint8), bitorder="little").astype(bool)
        require(not bits[len(values) :].any(), "the last byte is filled with zeros")
        require(bool(bits[0] and bits[high - low]), "the ends of the range occur")
        values = values[bits[: len(values)]]
    return values.astype(integer.str.replace("i", "u")).view(f"V{dtype.itemsize}")


def read_list(reader: Reader, dtype: np.dtype[Any]) -> NDArray[Any]:
    require(dtype.kind == "f" or dtype.itemsize > 2, "floats, or integers of more than 16 bits")
    levels, size = reader.varint(), dtype.itemsize
    stream = reader.take(reader.varint())
    require(2 <= levels <= 2**16, "a list of 2 to 65,536 values")
    content = inflate(stream, levels * size)
    require(len(content) == levels * size, "a difference for each value")
    number, values = 0, b""
    for at in range(levels):
        difference = int.from_bytes(content[at::levels], "little")
        require(at == 0 or difference > 0, "values that ascend")
        number += difference
        require(number < 2 ** (8 * size), "values of the dtype")
        values += element_of(number, dtype)
    return np.frombuffer(values, f"V{size}")


def element_of(number: int, dtype: np.dtype[Any]) -> bytes:
    """The bytes of the element with this number."""
    top = 2 ** (8 * dtype.itemsize - 1)
    if dtype.kind == "i":
        number ^= top
    if dtype.kind == "f":
        number = number - top if number >= top else 2 * top - 1 - number
    return number.to_bytes(dtype.itemsize, "big" if dtype.str[0] == ">" else "little")


def decode_block(
    payload: bytes, first: int, count: int, dtype: np.dtype[Any], models: dict[bytes, Any]
) -> tuple[list[Run], bytes]:
    """The tiles of a block, and their bytes."""
    reader = Reader(payload)
    require(reader.varint() == first, "the number of the block's first item")
    at = reader.at
    runs = list(read_runs(reader))
    runs_field = payload[at : reader.at]
    require(sum(run.count for run in runs) == count, "the index gives the number of items")
    require(all(run.dtype == dtype for run in runs), "the items of an array are alike")
    byte = reader.byte()
    method, layout, multiset = byte % 8 + byte // 64 * 8, byte // 8 % 4, bool(byte // MULTISET % 2)
    require(method <= DECODED, "a method of the list")
    plain = layout == 0 and not multiset
    require(method == MODEL or plain, "a method that has layouts, and codes multisets")
    name = reader.take(16) if method == MODEL else None
    require(name is None or name in models, "a model that is there")
    model = None if name is None else models[name]
    data = payload[reader.at :]
    if method == DIGITS:
        return runs, decode_digits(data, runs, models)
    if method == INFLATED:
        return runs, decode_files(data, runs, models)
    return runs, decode_data(data, method, runs, runs_field, model, layout, multiset)


def decode_files(data: bytes, runs: list[Run], models: dict[bytes, Any]) -> bytes:
    """The bytes of tiles by the method inflated."""
    check_bytes(data, runs)
    size = sum(run.elements for run in runs)
    return decode_inflated(data, size, bytes_by_fallback, partial(decode_picture, models))


def check_bytes(data: bytes, runs: list[Run]) -> None:
    require(all(run.dtype.str == "|u1" and len(run.shape) == 1 for run in runs), "bytes")
    require(not any(run.kind for run in runs), "no value map")
    elements = sum(run.elements for run in runs)
    require(elements <= 2**31, "at most 2^31 bytes a block")
    require(elements <= 2**16 + 2**12 * len(data), "no more elements than the data may claim")


def decode_picture(models: dict[bytes, Any], reader: Reader) -> bytes:
    """The file of a picture in a block of the method inflated."""
    bands = list[NDArray[Any]]()
    for number in range(reader.varint()):
        payload = reader.take(reader.varint())
        inner = Reader(payload)
        inner.varint()
        (run,) = read_runs(inner)
        require(run.count == 1 and len(run.shape) > 0, "a band")
        byte = inner.byte()
        require(byte % 8 + byte // 64 * 8 not in (STREAMS, INFLATED), "a method of pixels")
        _, pixels = decode_block(payload, number, 1, run.dtype, models)
        bands.append(np.frombuffer(pixels, run.dtype).reshape(run.shape))
        require(bands[0].dtype == run.dtype and bands[0].shape[1:] == run.shape[1:], "equal bands")
    require(len(bands) > 0, "a picture has pixels")
    metadata = reader.take(reader.varint())
    known = metadata[:1] in (b"\1", b"\3", b"\4", b"\5", b"\6", b"\x0c")
    require(known and promises_bytes(metadata), "a file that comes back")
    picture = np.concatenate(bands, dtype=bands[0].dtype)
    colours = picture.ndim == 2 or (picture.ndim == 3 and 2 <= picture.shape[2] <= 256)
    require(colours and picture.dtype.str[0] != ">" and picture.size > 0, "a picture")
    file = restore(picture, metadata)
    require(file is not None, "a file that comes back")
    return file


def decode_digits(data: bytes, runs: list[Run], models: dict[bytes, Any]) -> bytes:
    """The bytes of tiles whose numbers are cut into digits."""
    dtype, reader = runs[0].dtype, Reader(data)
    require(dtype.kind in "iuf" and dtype.itemsize > 1, "numbers of 16 bits or more")
    require(not any(run.kind for run in runs), "no value map")
    require(sum(run.elements for run in runs) * dtype.itemsize <= 2**31, "at most 2^31 bytes")
    base, shift = int.from_bytes(reader.take(dtype.itemsize), "little"), reader.byte()
    count, heads = reader.varint(), []
    require(1 <= count <= 8, "1 to 8 digits")
    for _ in range(count):
        bits = reader.byte()
        require(1 <= bits <= 16, "digits of 1 to 16 bits")
        own = np.dtype("|u1" if bits <= 8 else "<u2")
        kind, at = reader.byte(), reader.at
        require(kind <= 3, "a value map of the kinds 0 to 3")
        values = read_value_map(reader, own, kind)
        field, byte = bytes([kind]) + reader.data[at : reader.at], reader.byte()
        method, layout = byte % 8, byte // 8
        require(method <= FALLBACK and layout <= FRAMES, "a method of the list")
        require(method == MODEL or layout == 0, "a method that has layouts")
        name = reader.take(16) if method == MODEL else None
        require(name is None or name in models, "a model that is there")
        model = None if name is None else models[name]
        own_runs = [Run(run.count, own, run.shape, kind, values) for run in runs]
        runs_field = write_varint(len(runs)) + b"".join(
            write_varint(run.count) + own.str.encode() + bytes([len(run.shape)])
            + b"".join(map(write_varint, run.shape))
            + (field if number == 0 or kind == 0 else b"\4")
            for number, run in enumerate(runs)
        )  # fmt: skip
        heads.append((bits, (method, own_runs, runs_field, model, layout), reader.varint()))
    require(shift + sum(bits for bits, _, _ in heads) <= 8 * dtype.itemsize, "bits of the dtype")
    numbers = [0] * sum(run.elements for run in runs)
    for bits, told, length in heads:
        content = decode_data(reader.take(length), *told)
        digit = np.frombuffer(content, told[1][0].dtype).tolist()
        require(all(value < 2**bits for value in digit), "digits of their bits")
        numbers = [x << bits | value for x, value in zip(numbers, digit, strict=True)]
    whole = 2 ** (8 * dtype.itemsize)
    numbers, place = [(base + (x << shift)) % whole for x in numbers], 0
    while reader.at < len(reader.data):
        place += reader.varint()
        require(place < len(numbers), "an exception among the elements")
        numbers[place] = int.from_bytes(reader.take(dtype.itemsize), "little")
        place += 1
    return b"".join(element_of(number, dtype) for number in numbers)


def decode_data(
    data: bytes,
    method: int,
    runs: list[Run],
    runs_field: bytes,
    model: Any,
    layout: int,
    multiset: bool = False,
) -> bytes:
    """The bytes of the tiles of a block. model: for the methods that name one. multiset: whether
    the tiles are a multiset.
    """
    itemsize = runs[0].dtype.itemsize
    elements = sum(run.elements for run in runs)
    require(elements * itemsize <= 2**31, "at most 2^31 bytes a block")
    methods = (RAW, PACKED, MODEL, FALLBACK, ADAPTIVE, STREAMS, DECODED)
    require(method in methods, "a method of the list")
    require(
        method == MODEL or all(run.kind in (0, 2) for run in runs), "a value map of this method"
    )
    reader = Reader(data)
    if method == RAW:
        items = reader.take(elements * itemsize)
        reader.done()
        return items
    if method == PACKED:
        require(all(run.kind for run in runs), "two values")
        bits = np.unpackbits(
            np.frombuffer(reader.take(-(-elements // 8)), np.uint8), bitorder="little"
        )
        require(not bits[elements:].any(), "the last byte is filled with zeros")
        reader.done()
        return to_bytes(bits[:elements], runs)
    if method == FALLBACK:
        return decode_fallback(reader, runs, elements, itemsize)
    if method == ADAPTIVE:
        require(not any(run.kind for run in runs), "no value map")
        return decode_adaptive(data, elements, itemsize)
    if method == STREAMS:
        check_bytes(data, runs)
        return decode_streams(data, elements)
    if method == DECODED:
        require(all(run.dtype.str == "|u1" and run.kind == 0 for run in runs), "bytes")
        require(elements <= 2**16 + 2**12 * len(data), "no more elements than the data may claim")
        return decode_pixels(data, [run.shape for run in runs for _ in range(run.count)])
    require(layout <= (STACKS if multiset else FRAMES), "a layout of the list")
    if any(run.kind == JPEG for run in runs):
        is_wavefront = model.any_shape and isinstance(model.prediction, WavefrontRules)
        require(is_wavefront, "colours that the model knows of")
    if not model.any_shape:
        require(layout == PICTURES, "images of a model with channels are pictures")
        return decode_chain(data, runs, runs_field, model, multiset)
    return decode_planes(data, runs, runs_field, layout, model, multiset)


def decode_planes(
    data: bytes, runs: list[Run], runs_field: bytes, layout: int, model: Any, multiset: bool
) -> bytes:
    elements = sum(run.elements for run in runs)
    require(elements <= 2**16 + 2**12 * len(data), "no more elements than the data may claim")
    planes = [shape for run in runs for shape in to_planes(run, layout)]
    require(
        model.plane_memory(planes) <= 2**26 + 2**10 * len(data),
        "no more memory than the data may claim",
    )
    sizes = chain.doubling(len(planes))[::-1] if multiset else [len(planes)]
    require(
        model.plane_macs(planes) <= 2**31 + 2**25 * len(data),
        "no more MACs than the data may claim",
    )
    message = Message.from_bytes(data)
    require(message.depth is not None, "the tail of a chain is infinite")
    places = itertools.pairwise([0, *itertools.accumulate(sizes)])
    codecs = [model.planes(planes[a:b]) for a, b in places]
    if multiset:
        items = decode_sets(message, runs, codecs)
    else:
        symbols = [symbol for codec in codecs for symbol in codec.pop(message)]
        items = to_bytes(np.array(symbols, np.uint16), runs)
    chain.check_end(message, chain.digest(runs_field, items))
    return items


def to_planes(run: Run, layout: int) -> list[ItemShape]:
    """The items of a run as a model without sizes sees them."""
    if run.kind == 0:
        require(run.dtype.str in ("|u1", "<u2"), "elements that are symbols")
    levels = len(run.values) if run.kind else 256**run.dtype.itemsize
    if layout == SERIES:
        require(len(run.shape) < 2 and 0 not in run.shape, "a step has one axis at most")
        require(run.elements <= 2**26, "a series has at most 2^26 elements")
        return [ItemShape(1, run.count, 1, (*run.shape, 1)[0], levels)]
    items, shape = run.count, run.shape if layout == STACKS else (1, *run.shape)
    if layout == FRAMES:
        items, shape = 1, (run.count, *run.shape)
    require(len(shape) in (3, 4) and min(shape) > 0, "planes have rows and columns")
    slices, rows, columns, channels = (*shape, 1)[:4]
    jpeg = run.kind == JPEG
    return [ItemShape(slices, rows, columns, channels, levels, jpeg)] * items


def decode_sets(message: Message, runs: list[Run], batches: Sequence[Any]) -> bytes:
    """Each run is a multiset; a batch has the next places, of one or several runs. batches: their
    codecs, in the order of the places.
    """
    require(all(run.count <= 2**24 for run in runs), "multisets of at most 2^24 items")
    owners = [number for number, run in enumerate(runs) for _ in range(run.count)]
    picks = [Picks() for _ in runs]
    for codec in batches:
        symbols = np.array(codec.pop(message), np.uint16)
        items: dict[int, list[bytes]] = {}
        while symbols.size:
            number, *owners = owners
            one = replace(runs[number], count=1)
            items.setdefault(number, []).append(to_bytes(symbols[: one.elements], [one]))
            symbols = symbols[one.elements :]
        for number in sorted(items, reverse=True):
            picks[number].push(message, items[number])
    return b"".join(item for each in picks for item in each.left)


def bytes_by_fallback(reader: Reader, size: int) -> bytes:
    none = np.zeros(0, np.uint8)
    return decode_fallback(reader, [Run(1, np.dtype("u1"), (size,), 0, none)], size, 1)


def decode_fallback(reader: Reader, runs: list[Run], elements: int, itemsize: int) -> bytes:
    size = len(reader.data) - reader.at
    coder, form, number = reader.byte(), reader.byte(), reader.byte()
    require(coder <= 1 and form <= 2, "a coder and a form of the list")
    require(not any(run.kind for run in runs), "no value map")
    rows = None
    if form == 2:
        colours = reader.byte() + 1 if number >= 4 else 0
        shapes = [(run.count, run.shape) for run in runs]
        rows = Rows.of(runs[0].dtype, shapes, number, colours)
    length = elements * itemsize if rows is None else rows.size
    require(max(length, elements) <= 2**16 + 2**12 * size, "no more than the data may claim")
    content = decompress(reader.take(len(reader.data) - reader.at), coder)
    require(len(content) == length, "as much content as elements")
    if rows is not None:
        return rows.decode(content)
    if number > 0:
        for i in range(number, length):
            content[i] = (content[i] + content[i - number]) % 256
    if form == 1:
        return bytes(content[j * elements + i] for i in range(elements) for j in range(itemsize))
    return bytes(content)


def decompress(stream: bytes, coder: int) -> bytearray:
    return bytearray(inflate(stream) if coder == 0 else unpack_lzma2(stream))


def decode_adaptive(data: bytes, elements: int, itemsize: int) -> bytes:
    require(elements <= 2**16 + 2**12 * len(data), "no more elements than the data may claim")
    reader = Reader(data)
    columns = reader.varint()
    require(1 <= columns <= 16 and elements % columns == 0, "whole records")
    records = elements // columns
    counts = [reader.varint() for _ in range(columns)]
    require(all(1 <= k <= records and k + records <= 2**24 for k in counts), "values of records")
    content = inflate(reader.take(reader.varint()), sum(counts) * itemsize)
    require(len(content) == sum(counts) * itemsize, "as many values as there are")
    values = [content[at : at + itemsize] for at in range(0, len(content), itemsize)]
    message, found = Message.from_bytes(data[reader.at :]), []
    require(message.depth is None, "a finite tail")
    for k in counts:
        table, values = values[:k], values[k:]
        numbers = [int.from_bytes(value, "little") for value in table]
        require(numbers == sorted(set(numbers)), "values that ascend")
        try:
            found.append([table[c] for c in Adaptive(k, records).pop(message)])
        except ExhaustedError:
            require(False, "as many words as it needs")
    require((message.heads, message.tail) == ([2**32], []), "the message that it began with")
    return b"".join(value for record in zip(*found, strict=True) for value in record)


def decode_chain(
    data: bytes, runs: list[Run], runs_field: bytes, model: Model, multiset: bool
) -> bytes:
    sizes: list[tuple[Size, int]] = []
    for run in runs:
        size, before = size_of(run.shape, model), 0
        if sizes and sizes[-1][0] == size:
            before = sizes.pop()[1]
        sizes.append((size, before + run.count))
    parts = [(model.at(*size), count) for size, count in sizes]
    dtype = np.dtype("|u1" if model.levels <= 256 else "<u2")
    for run in runs:
        require(
            len(run.values) <= model.levels if run.kind else run.dtype == dtype,
            "no more levels than the model's, or numbers that are symbols",
        )
    require(
        sum(n * bound.most_elements for bound, n in parts) <= 2**16 + 2**12 * len(data),
        "no more elements than the data may claim",
    )
    require(
        max(bound.batch_memory(min(n, bound.batch)) for bound, n in parts)
        <= 2**26 + 2**10 * len(data),
        "no more memory than the data may claim",
    )
    require(
        chain.block_macs(parts) <= 2**31 + 2**25 * len(data),
        "no more MACs than the data may claim",
    )
    message = Message.from_bytes(data)
    require(message.depth is not None, "the tail of a chain is infinite")
    if multiset:
        items = decode_sets(message, runs, chain.batches_of(parts))
    else:
        items = to_bytes(chain.decode_several(parts, message), runs)
    chain.check_end(message, chain.digest(runs_field, items))
    return items


def size_of(shape: tuple[int, ...], model: Model) -> Size:
    """Rows and columns of the images that items of this shape are to the model."""
    if model.size is not None:
        image = (*model.size, model.channels)
        wide = [n for n in shape if n != 1]
        require(
            wide in ([n for n in image if n != 1], [n for n in [math.prod(image)] if n != 1]),
            "items of the image of the model",
        )
        return model.size
    if model.channels == 1 and len(shape) == 2:
        shape = (*shape, 1)
    require(len(shape) == 3 and shape[2] == model.channels, "images of the channels of the model")
    require(min(shape) >= 1, "an image has a pixel")
    return shape[0], shape[1]


def to_bytes(symbols: NDArray[Any], runs: list[Run]) -> bytes:
    """The elements that these symbols stand for."""
    out = b""
    for run in runs:
        part, symbols = symbols[: run.elements], symbols[run.elements :]
        known = not run.kind or not part.size or int(part.max()) < len(run.values)
        require(known, "symbols that stand for values")
        out += (run.values[part] if run.kind else part.astype(run.dtype)).tobytes()
    return out
