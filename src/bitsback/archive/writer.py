"""Compression: an array, read once from beginning to end, becomes an archive, written once from beginning to end."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from numpy.typing import NDArray

from bitsback.archive import block as block_module
from bitsback.archive.choose import Choice, Chosen, check_fit, choose, given_model, is_bundled, item_axes
from bitsback.archive.layout import HEAD, MAX_BLOCK_BYTES, MODEL, Collection, pack_index, section
from bitsback.archive.output import Destination, Output, open_output
from bitsback.archive.pool import check_threads, ordered_map
from bitsback.archive.summary import Compressed, Progress
from bitsback.errors import InputError
from bitsback.images.npy import Items, Source, open_items
from bitsback.models import Model
from bitsback.models.embed import pack_model

Embed = Literal["auto", "always", "never"]

_BLOCK_ELEMENTS = 2048 * 784
"""About as many elements a block has, unless it is told otherwise."""


@dataclass(frozen=True)
class _Task:
    items: NDArray[Any]
    first: int
    chosen: Chosen


def compress(
    source: Source,
    destination: Destination,
    *,
    model: Choice = "auto",
    block: int | None = None,
    threads: int | None = None,
    embed: Embed = "auto",
    progress: Progress | None = None,
    force: bool = False,
) -> Compressed:
    """Compresses an array into an archive.

    source: an array, the path of a .npy file, or a binary stream of one; bool, integers of 8 to 64 bits, or floats of
        16 to 64 bits. The first axis counts the items, unless the shape is that of an item of the model.
    destination: a path, whose file appears when it is complete, or a binary stream, which is never sought in.
    model: "auto", the name of a bundled model, the path of a model file, or a model.
    block: items in a block at most; they decode on their own, in parallel. By default about 1.6 million elements.
    threads: blocks to work on at once; all cores by default. The archive is the same for any number.
    embed: whether the model goes into the archive; "auto": unless it is bundled.
    progress: called with the number of items done and of all items.
    force: replace an existing file.

    Memory is bounded by a few blocks for each thread, whatever the size of the input. Raises InputError if the input
    cannot be used or the output not be written, ModelError if the model cannot.
    """
    threads = check_threads(threads)
    if block is not None and block < 1:
        raise InputError(f"block={block}: a block has one item at least")
    if embed not in ("auto", "always", "never"):
        raise InputError(f"embed={embed!r}: it is 'auto', 'always' or 'never'")
    given = given_model(model)
    with open_items(source) as items:
        collection = Collection(items.dtype, items.shape, item_axes(items.shape, given))
        blocks = _count_blocks(collection, block, items.name)
        if given is not None:
            check_fit(given, collection.item_shape, items.name)
        with open_output(destination, force, source) as output:
            return _write(items, collection, blocks, output, given, threads, embed, progress)


def _count_blocks(collection: Collection, block: int | None, name: str) -> int:
    """The number of blocks. Raises InputError if an item is larger than a block can be."""
    size = collection.item_bytes
    if size > MAX_BLOCK_BYTES:
        raise InputError(
            f"{name}: one item, {collection.item_shape} of {collection.dtype}, has {size} bytes, more than the"
            f" {MAX_BLOCK_BYTES} that an archive can hold; reshape the array, so that it has more and smaller items"
        )
    if size == 0:
        block = max(collection.items, 1)
    elif block is None:
        block = max(_BLOCK_ELEMENTS // collection.item_elements, 1)
    else:
        block = min(block, MAX_BLOCK_BYTES // size)
    return -(-collection.items // block)


def _tasks(
    items: Items, collection: Collection, blocks: int, choosing: Callable[[NDArray[Any]], Chosen]
) -> Iterator[_Task]:
    """The blocks: the items, split evenly."""
    chosen = None
    for number in range(blocks):
        first, end = number * collection.items // blocks, (number + 1) * collection.items // blocks
        part = items.read(end - first, collection.axes)
        if chosen is None:
            chosen = choosing(part)
        yield _Task(part, first, chosen)


def _write(
    items: Items,
    collection: Collection,
    blocks: int,
    output: Output,
    given: Model | None,
    threads: int,
    embed: Embed,
    progress: Progress | None,
) -> Compressed:
    used: list[Model] = []
    model_bytes = 0

    def choosing(part: NDArray[Any]) -> Chosen:
        """Chooses the model, and embeds it, before the first block is written."""
        nonlocal model_bytes
        chosen = choose(given, part, items.name)
        if chosen.model is not None:
            used.append(chosen.model)
            if embed == "always" or (embed == "auto" and given is not None and not is_bundled(given)):
                embedded = section(MODEL, pack_model(chosen.model))
                output.write(embedded)
                model_bytes = len(embedded)
        return chosen

    def encode(task: _Task) -> block_module.Encoded:
        return block_module.encode(task.items, task.first, task.chosen.model, task.chosen.invert)

    output.write(HEAD + collection.pack())
    index: list[tuple[int, int]] = []
    methods = dict.fromkeys(reversed(block_module.METHODS), 0)
    done = 0
    for encoded in ordered_map(encode, _tasks(items, collection, blocks, choosing), threads):
        output.write(encoded.section)
        index.append((encoded.items, len(encoded.section)))
        methods[block_module.METHODS[encoded.method]] += 1
        done += encoded.items
        if progress is not None:
            progress(done, collection.items)
    items.finish()
    first_offset = output.size - sum(size for _, size in index)
    output.write(pack_index(first_offset, index))
    return Compressed(
        shape=collection.shape,
        dtype=collection.dtype.str,
        items=collection.items,
        elements=collection.items * collection.item_elements,
        blocks=len(index),
        methods=methods,
        model=used[0].name if used and methods["chain"] else None,
        model_bytes=model_bytes,
        bytes_in=collection.nbytes,
        bytes_out=output.size,
    )
