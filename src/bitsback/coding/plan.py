"""The plan for a part or a block: the model or compressor that codes it, and how."""

from __future__ import annotations

from dataclasses import dataclass, replace

from bitsback.coding import layouts
from bitsback.coding.streams import JpegCoder
from bitsback.models import Model

BLOCK_BYTES = 80
"""The bytes of a block's header and of the start of its message, about."""


@dataclass(frozen=True)
class Plan:
    """What codes the elements: a model, a plan for each digit, or only a general compressor."""

    model: Model | None = None
    layout: int = layouts.PICTURES
    """The meaning of the tiles' axes to the model."""
    axes: int = 0
    """The number of axes of an item of the trial; 0 if there was none."""
    invert: bool = False
    """Whether the greater of two values is symbol 0."""
    rate: float = 0.0
    """The estimated number of bytes per element."""
    share: float = 1.0
    """The share of other codings' bytes below which the model is taken."""
    contested: bool = True
    """Whether a general compressor may be as good as the model, so that it is tried too."""
    rivals: tuple[Plan, ...] = ()
    """Other plans that may be better. Blocks are coded with each of them."""
    digits: tuple[Plan, ...] = ()
    """The plan for each digit, the highest first, if elements are cut into digits."""
    jpeg_coder: JpegCoder = "symbols"
    """The coder of JPEG streams in bytes."""
    jpeg_tables: bytes = b""
    """Tables of JPEG streams that are elsewhere in their file."""
    reason: str = "no model codes such elements"
    """Why this was chosen, in words for `bitsback explain`."""

    @property
    def models(self) -> list[Model]:
        """The models of the plan and of its digits, without those of rivals."""
        own = [] if self.model is None else [self.model]
        return own + [digit.model for digit in self.digits if digit.model is not None]

    @property
    def all_models(self) -> list[Model]:
        """The models of the plan, of its digits and of its rivals."""
        return [model for plan in (self, *self.rivals) for model in plan.models]

    @property
    def settled(self) -> Plan:
        """The plan without rival models for whole elements. Digits stay rivals."""
        return replace(self, rivals=tuple(rival for rival in self.rivals if rival.digits))

    def of_frames(self) -> Plan:
        """The plan for frames, derived from the plan for stacks of them."""
        layout = layouts.FRAMES if self.layout == layouts.STACKS else self.layout
        rivals = tuple(rival.of_frames() for rival in self.rivals)
        digits = tuple(digit.of_frames() for digit in self.digits)
        return replace(self, layout=layout, rivals=rivals, digits=digits)

    def same_as(self, other: Plan) -> bool:
        """Whether both plans code all tiles in the same way. Rivals are not compared."""
        return (self.models, self.invert, self.layout) == (
            other.models,
            other.invert,
            other.layout,
        )


NO_MODEL = Plan()
