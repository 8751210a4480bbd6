"""A part of a collection on its way into the archive: its blocks, as they are to be coded."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from bitsback.archive.canonical import canonical
from bitsback.archive.choose import Chosen, Effort, any_codes, choose
from bitsback.archive.collection import BYTES, COUNTED, VARIED, Collection
from bitsback.archive.cutting import BLOCK_ELEMENTS, blocks_of
from bitsback.archive.layout import Shape
from bitsback.archive.pieces import Pieces
from bitsback.archive.squeeze import Coder
from bitsback.archive.taking import PieceReader
from bitsback.images.npy import Items
from bitsback.models import Model

_SEEN = 1 << 17  # elements that a trial may see, and
_SEEN_PIECES = 64


@dataclass(frozen=True)
class Uncoded:
    """A block that is to be coded."""

    pieces: Pieces
    first: int
    chosen: Chosen
    coder: Coder
    order_bits: float | None
    """Of pieces that are a multiset."""


class PartReader:
    """An array on its way into the archive: read once, block by block; its first blocks perhaps
    ahead of time.
    """

    def __init__(
        self,
        items: Items,
        collection: Collection,
        block: int | None,
        elements: int,
        unordered: bool,
    ) -> None:
        """block: pieces in a block at most; elements: about how many, if it is not given.
        unordered: whether their order does not matter. Raises InputError if a piece is larger than
        a block can be.
        """
        self.items = items
        self.collection = collection
        counted = collection.axes in (COUNTED, VARIED) and collection.cut is None
        self._sets = unordered and counted
        whole = self._sets and elements == BLOCK_ELEMENTS
        self._blocks = list(blocks_of(collection, block, items.name, elements, whole))
        self._reader = PieceReader(items, collection)
        self._ahead: list[Pieces] = []

    @property
    def shape(self) -> Shape:
        """Of its first piece, or of what its items would have."""
        part = self.collection
        return part.grid(0).shape_of(0) if part.pieces else part.item_shape

    def codable(self, given: Model | None) -> bool:
        """Whether there is a model for it."""
        return self.collection.axes != BYTES and any_codes(given, self.collection.dtype, self.shape)

    def choose(self, given: Model | None, effort: Effort, job: int) -> Chosen:
        """The model for it; see `bitsback.archive.choose`. Raises UnfitError if a `given` one fits
        the shape, but not the values.
        """
        if not self._blocks or not self.codable(given):
            return Chosen(None)
        elements = pieces = 0
        for first, count in self._blocks:
            self._ahead.append(self._reader.read(first, count))
            elements, pieces = elements + self._ahead[-1].elements.size, pieces + count
            # The first block says whether a given model fits; others may hold what it does not
            # code.
            if given is not None or elements >= _SEEN or pieces >= _SEEN_PIECES:
                break
        first_ones = self._ahead[0]
        if len(self._ahead) > 1:
            first_ones = Pieces.of(chain.from_iterable(self._ahead), first_ones.dtype)
        return choose(given, first_ones, self.items.name, effort, job)

    def tasks(self, first: int, chosen: Chosen, coder: Coder) -> Iterator[Uncoded]:
        """Its blocks. first: the number of its first piece. coder: the general compressor."""
        if self.collection.axes == BYTES:  # little of it is worth a trial, and that is worth it
            coder = "lzma"
        for start, count in self._blocks:
            pieces = self._ahead.pop(0) if self._ahead else self._reader.read(start, count)
            bits = None
            if self._sets:
                sorted_ones = canonical(pieces)
                pieces, bits = sorted_ones.pieces, sorted_ones.bits
            yield Uncoded(pieces, first + start, chosen, coder, bits)
        self.items.finish()
