"""What pictures without names are called: by their numbers."""

from collections.abc import Sequence
from typing import overload

_ENDING = ".png"


class Numbered(Sequence[str]):
    """The names of so many pictures: `07.png` is the eighth of eleven. They are made when they are
    asked for, since a few bytes may claim many pictures.
    """

    def __init__(self, count: int) -> None:
        self._count = count
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
        digits = name.removesuffix(_ENDING)
        if not (digits.isascii() and digits.isdigit()) or len(digits) > self._digits:
            return None
        number = int(digits)
        return number if number < self._count and self._name(number) == name else None

    def _name(self, number: int) -> str:
        return f"{number:0{self._digits}}{_ENDING}"
