"""A plan: what codes a part, or a block of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from bitsback.coding import layouts
from bitsback.models import Model


@dataclass(frozen=True)
class Plan:
    """What codes the elements: a model, digit by digit others, or a general compressor alone."""

    model: Model | None = None
    layout: int = layouts.PICTURES
    """The meaning of the tiles' axes to the model."""
    axes: int = 0
    """The number of axes of an item of the trial; 0 if there was none."""
    invert: bool = False
    """Whether the greater of two values is symbol 0."""
    rate: float = 0.0
    """Estimated bytes an element."""
    contested: bool = True
    """Whether a general compressor may be as good as the model, and is tried."""
    rivals: tuple[Plan, ...] = ()
    """Others that may be better on a block, so that it is coded with each."""
    digits: tuple[Plan, ...] = ()
    """The plan for each digit of the elements, the highest first, if they are to be cut."""
    jpeg_tables: bytes = b""
    """Those of JPEG streams in bytes, which stand elsewhere in their file."""
    reason: str = "no model codes such elements"
    """Why, for people."""

    @property
    def models(self) -> list[Model]:
        """All of them, those of digits included, without those of rivals."""
        own = [] if self.model is None else [self.model]
        return own + [digit.model for digit in self.digits if digit.model is not None]

    @property
    def all_models(self) -> list[Model]:
        """All of them, those of rivals included."""
        return [model for plan in (self, *self.rivals) for model in plan.models]

    @property
    def settled(self) -> Plan:
        """The same without other models for whole elements: digits are rivals still."""
        return replace(self, rivals=tuple(rival for rival in self.rivals if rival.digits))

    def of_frames(self) -> Plan:
        """The plan for frames, from that for stacks of them."""
        layout = layouts.FRAMES if self.layout == layouts.STACKS else self.layout
        rivals = tuple(rival.of_frames() for rival in self.rivals)
        digits = tuple(digit.of_frames() for digit in self.digits)
        return replace(self, layout=layout, rivals=rivals, digits=digits)

    def same_as(self, other: Plan) -> bool:
        """Whether both code all tiles alike, rivals aside."""
        return (self.models, self.invert, self.layout) == (
            other.models,
            other.invert,
            other.layout,
        )


NO_MODEL = Plan()
