"""Find the models that may code items. It reads only outlines, so no bundled model is loaded."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bitsback.coding import layouts
from bitsback.coding.block_plan import BlockPlan
from bitsback.errors import InputError
from bitsback.format.grid import Shape
from bitsback.format.tiles import Tiles
from bitsback.format.value_range import is_narrow
from bitsback.io.remote.url import Options
from bitsback.models import Model, bundled, requested_model
from bitsback.models.model import Choice
from bitsback.models.outline import Outline
from bitsback.planner.policy import DEFAULT, POLICIES, Policy


def read_choice(
    choice: Choice, storage_options: Options | None = None
) -> tuple[Model | None, Policy]:
    """The model that a choice names, or None, and the policy that it names, or the default.

    Raises ModelError if the model is missing.
    """
    if isinstance(choice, str) and choice in POLICIES:
        return None, POLICIES[choice]
    return requested_model(choice, storage_options), DEFAULT


def is_bundled(model: Model) -> bool:
    return model.name in bundled.names() and bundled.identity(model.name) == model.identity


@dataclass(frozen=True)
class Candidate:
    """A model that codes the values of some tiles."""

    outline: Outline
    invert: bool = False
    """Whether the greater of two values is symbol 0."""

    @property
    def layout(self) -> int:
        return _layout(self.outline)

    def load(self) -> Model:
        outline = self.outline
        return outline if isinstance(outline, Model) else bundled.load(outline.name)

    def plan(
        self, sample: Tiles, whole: Tiles, layout: int, before: Tiles | None = None
    ) -> BlockPlan:
        """The block plan for a sample, with a value map for the values of `whole`.

        before: the tiles that a context-mixing model learns from first. None if the model does not
        code the tiles.
        """
        value_map = layouts.map_for(self.outline, whole, layout, self.invert)
        before = before if self.outline.counted else None
        return BlockPlan(sample, self.load(), value_map, layout, self.invert, before)


def outlines_of(requested: Model | None, policy: Policy = DEFAULT) -> list[Outline]:
    """The models to choose from: the requested one, or the bundled ones that suit the policy."""
    if requested is not None:
        return [requested]
    found = [bundled.outline(name) for name in bundled.names()]
    return [outline for outline in found if _suits(outline, policy)]


def _suits(outline: Outline, policy: Policy) -> bool:
    if not outline.autoregressive:
        return True
    if outline.counted and outline.levels > 2 and not policy.counting_share:
        return False
    return not policy.cheapest or outline.wavefront or outline.counted


def undominated(outlines: Sequence[Outline], policy: Policy, colours: bool) -> list[Outline]:
    """The models without those that an equivalent model dominates under the policy.

    colours: the pixels have several channels.
    """
    return [
        one
        for one in outlines
        if not any(_dominates(other, one, policy, colours) for other in outlines)
    ]


def _dominates(other: Outline, one: Outline, policy: Policy, colours: bool) -> bool:
    if _kind(one) != _kind(other):
        return False
    if other.autoregressive > one.autoregressive:
        return policy.autoregressive_share >= 1
    if policy.cheapest:
        return other.cost < one.cost
    costlier = other.cost > one.cost and not one.counted
    return costlier or (colours and other.planes > one.planes)


def _kind(outline: Outline) -> tuple[object, ...]:
    kind = (outline.serial, outline.counted, outline.wavefront, outline.levels)
    sized = () if outline.any_shape else (outline.size, outline.channels)
    return (*kind, sized)


def fits(model: Outline, item_shape: Shape) -> bool:
    """Whether a model with a fixed size, or fixed channels, codes items of this shape."""
    return model.size_of(item_shape) is not None


def codes(model: Outline, dtype: np.dtype[Any], shape: Shape) -> bool:
    """Whether the model can code items, or tiles of them, of this dtype and shape."""
    return bool(layouts.layouts_of(model, dtype, shape))


def any_fits(requested: Model | None, item_shape: Shape) -> bool:
    """Whether the requested model, or else any bundled one, has items of this shape."""
    outlines = [outline for outline in outlines_of(requested) if not outline.any_shape]
    return any(fits(outline, item_shape) for outline in outlines)


def any_codes(requested: Model | None, dtype: np.dtype[Any], shape: Shape) -> bool:
    """Whether the requested model, or else any bundled one, codes items of this dtype and shape."""
    return any(codes(outline, dtype, shape) for outline in outlines_of(requested))


def check_fit(model: Model, dtype: np.dtype[Any], item_shape: Shape, name: str) -> None:
    """Raises InputError unless the model can code items of this dtype and shape.

    name: the name of the input, for the message.
    """
    if not codes(model, dtype, item_shape):
        what = model.items_in_words
        if model.any_shape:
            kinds = "series of a few columns" if model.serial else "pictures and stacks"
            what = f"{kinds} of at most 65,536 values"
        raise InputError(
            f"{name}: its items have the shape {item_shape} and the dtype {dtype}, and the model"
            f" {model.name} codes {what}; take another model, or leave the choice to 'auto'"
        )


def item_axes(shape: Shape, dtype: np.dtype[Any], model: Model | None, policy: Policy) -> int:
    """The number of axes that count items: 1, or 0 if the array is a single item.

    An array is a single item if it has a model's shape, or if it is one picture to a size-agnostic
    model.
    """
    if not shape:
        return 0
    if len(shape) == 1:
        return 1
    outlines = outlines_of(model)
    if any(_is_item(outline, shape) for outline in outlines if not outline.any_shape):
        return 0
    if any(fits(outline, shape[1:]) for outline in outlines if not outline.any_shape):
        return 1
    if any(outline.serial for outline in outlines) and _is_table(dtype, shape, policy):
        return 1
    picture = layouts.layouts_for(dtype, shape) == (layouts.PICTURES,)
    picture = picture and (is_narrow(dtype) or min(shape[:2]) >= policy.picture_side)
    return 0 if picture and any(o.any_shape and not o.serial for o in outlines) else 1


def _is_item(model: Outline, shape: Shape) -> bool:
    return shape == model.item_shape or (model.size is None and fits(model, shape))


def _is_table(dtype: np.dtype[Any], shape: Shape, policy: Policy) -> bool:
    """Whether an array is a table, with many rows of a few columns, and not a picture."""
    few = len(shape) == 2 and dtype.kind != "b" and layouts.is_step(dtype, shape[1:])
    return few and shape[0] >= policy.table_ratio * shape[1]


def fitting_outlines(requested: Model | None, policy: Policy, tiles: Tiles) -> list[Outline]:
    """The models that code tiles of their dtype and shapes."""
    dtype, shape = tiles.dtype, tiles.shapes[0][1]
    found = [
        outline
        for outline in outlines_of(requested, policy)
        if codes(outline, dtype, shape)
        and (outline.any_shape or all(fits(outline, one) for _, one in tiles.shapes))
    ]
    if any(not outline.any_shape for outline in found):  # items of a model's size are no series
        found = [outline for outline in found if not outline.serial]
    return found if requested is not None else undominated(found, policy, has_colours(shape))


def has_colours(shape: Shape) -> bool:
    """Whether tiles of this shape have colour channels, with or without alpha."""
    return len(shape) == 3 and shape[2] in (3, 4)


def candidates_for(
    outlines: Sequence[Outline], tiles: Tiles, exhaustive: bool = False
) -> Iterator[Candidate]:
    """The models that code the values of these tiles.

    There are three groups: fixed-size, size-agnostic and context-mixing models. Of each group it
    takes the models for the fewest levels, which fit the values best. exhaustive: of size-agnostic
    models it takes all.
    """
    for any_shape, counted in ((False, False), (True, False), (True, True)):
        found = [
            outline
            for outline in outlines
            if (outline.any_shape, outline.counted) == (any_shape, counted)
            and layouts.map_fits(outline, tiles, layouts.map_for(outline, tiles, _layout(outline)))
        ]
        least = min((outline.levels for outline in found), default=0)
        for outline in found:
            if outline.levels == least or (exhaustive and any_shape):
                if counted and tiles.two_values is not None:  # 0 is the more frequent value
                    yield Candidate(outline, _mostly_greater(tiles))
                    continue
                yield Candidate(outline)
                if (least == 2 or any_shape) and tiles.two_values is not None:
                    yield Candidate(outline, True)


def _layout(outline: Outline) -> int:
    return layouts.SERIES if outline.serial else layouts.PICTURES


def _mostly_greater(tiles: Tiles) -> bool:
    """Whether more of the elements, which have two values, have the greater one."""
    elements = tiles.elements
    return bool(2 * np.count_nonzero(elements != elements.min(initial=0)) > elements.size)


def picture_plans(requested: Model | None, policy: Policy, tiles: Tiles) -> list[BlockPlan]:
    """The block plans of all tiles by size-agnostic models, with levels not exchanged.

    Context-mixing models are left out, since they take long to try.
    """
    outlines = [
        outline
        for outline in outlines_of(requested, policy)
        if outline.any_shape and not outline.serial
    ]
    if requested is None:
        outlines = [outline for outline in outlines if not outline.counted]
        outlines = undominated(outlines, policy, False)
    return [
        candidate.plan(tiles, tiles, layout)
        for candidate in candidates_for(outlines, tiles)
        if not candidate.invert
        for layout in layouts.layouts_of(candidate.outline, tiles.dtype, tiles.shapes[0][1])
    ]
