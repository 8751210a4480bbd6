"""Decoded blocks that are kept, those that were used last, as long as there is room."""

from collections import OrderedDict

from bitsback.archive.pieces import Pieces
from bitsback.locks import Lock

ROOM = 64 << 20
"""Bytes that are kept unless another number is asked for."""


class BlockCache:
    """Blocks by their numbers. The one that was decoded last is kept even if it is larger than all
    the room, unless there is none. May be used from several threads.
    """

    def __init__(self, room: int) -> None:
        """room: in bytes."""
        self.room = room
        self.nbytes = 0
        """Of what is kept."""
        self._kept: OrderedDict[int, Pieces] = OrderedDict()
        self._lock = Lock()

    def get(self, number: int) -> Pieces | None:
        with self._lock:
            if number in self._kept:
                self._kept.move_to_end(number)
            return self._kept.get(number)

    def __contains__(self, number: int) -> bool:
        return number in self._kept

    def put(self, number: int, pieces: Pieces) -> None:
        if self.room == 0:
            return
        with self._lock:
            self._drop(number)
            self._kept[number] = pieces
            self.nbytes += pieces.elements.nbytes
            while self.nbytes > self.room and len(self._kept) > 1:
                self._drop(next(iter(self._kept)))

    def clear(self) -> None:
        with self._lock:
            self._kept.clear()
            self.nbytes = 0

    def _drop(self, number: int) -> None:
        dropped = self._kept.pop(number, None)
        self.nbytes -= 0 if dropped is None else dropped.elements.nbytes
