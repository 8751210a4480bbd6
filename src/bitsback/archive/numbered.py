"""What pictures without names are called: by their numbers, in the folders of their classes."""

import re
from collections.abc import Sequence
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

_ENDING = ".png"
_TAKEN = re.compile(r"[0-9]+\.png", re.ASCII)


class Numbered(Sequence[str]):
    """The names of so many pictures: `07.png` is the eighth of eleven, or `cat/07.png` if it is one
    of a cat. They are made when they are asked for, since a few bytes may claim many pictures.
    """

    def __init__(
        self, count: int, classes: Sequence[str] = (), labels: NDArray[Any] | None = None
    ) -> None:
        """classes: folders; labels: of each picture the number of its class, if it has one."""
        self._count, self.classes = count, classes
        self.labels = None if labels is None else labels.astype(np.int64)
        self._digits = len(str(max(count - 1, 0)))

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, which: int) -> str: ...

    @overload
    def __getitem__(self, which: slice) -> list[str]: ...

    def __getitem__(self, which: int | slice) -> str | list[str]:
        numbers = range(self._count)[which]
        return self._name(numbers) if isinstance(numbers, int) else list(map(self._name, numbers))

    def number(self, name: str) -> int | None:
        """Of the picture with this name, if there is one."""
        digits = name.rpartition("/")[2].removesuffix(_ENDING)
        if not (digits.isascii() and digits.isdigit()) or len(digits) > self._digits:
            return None
        number = int(digits)
        return number if number < self._count and self._name(number) == name else None

    def _name(self, number: int) -> str:
        name = f"{number:0{self._digits}}{_ENDING}"
        return name if self.labels is None else f"{self.classes[self.labels[number]]}/{name}"


def could_be_number(folder: str) -> bool:
    """Whether a part of a folder's name is like that of a picture that has none."""
    return any(_TAKEN.fullmatch(part) for part in folder.split("/"))
