"""The source of a family: the fields of a distribution or a group."""

from dataclasses import dataclass

from bitsback.errors import ModelError
from bitsback.models.integer.fields import Fields, TensorReader

Range = tuple[int, int]
"""Lowest and highest value, both included."""


@dataclass(frozen=True)
class FamilyEntry:
    fields: Fields
    tensors: TensorReader
    levels: int
    network: str
    """The network whose name begins the names of its tensors."""

    def require_levels(self, codec: str, low: int, high: int) -> None:
        if not low <= self.levels <= high:
            raise ModelError(
                f"{self.network}: the codec {codec} is for {low} to {high} levels, not"
                f" {self.levels}"
            )
