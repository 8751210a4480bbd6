"""What a family is read from."""

from dataclasses import dataclass

from bitsback.errors import ModelError
from bitsback.integer.fields import Fields, TensorReader

Range = tuple[int, int]
"""Lowest and highest value, both included."""


@dataclass(frozen=True)
class FamilyEntry:
    fields: Fields
    tensors: TensorReader
    levels: int
    network: str
    """With whose name those of its tensors begin."""

    def require_levels(self, codec: str, low: int, high: int) -> None:
        if not low <= self.levels <= high:
            raise ModelError(
                f"{self.network}: the codec {codec} is for {low} to {high} levels, not"
                f" {self.levels}"
            )
