"""The sizes of a twin, of any kind, as JSON and back."""

from dataclasses import asdict
from typing import Any

from bitsback.train.twins.context import ContextArchitecture
from bitsback.train.twins.dense import Architecture
from bitsback.train.twins.layered import LayeredArchitecture
from bitsback.train.twins.pyramid import PyramidArchitecture
from bitsback.train.twins.top_down import TopDownArchitecture

AnyArchitecture = (
    Architecture
    | ContextArchitecture
    | LayeredArchitecture
    | PyramidArchitecture
    | TopDownArchitecture
)


def to_json(architecture: AnyArchitecture) -> dict[str, Any]:
    return asdict(architecture)


def in_words(architecture: AnyArchitecture, latents: int) -> str:
    """The sizes, for people, with the latents that are left."""
    if isinstance(architecture, PyramidArchitecture):
        layers = ", ".join(map(str, architecture.layers))
        grids = ", ".join(map(str, architecture.grids))
        return f"convolutions, layers of {layers} latents in cells of {grids} pixels either way"
    if isinstance(architecture, TopDownArchitecture):
        sizes = "-".join(map(str, (architecture.pixels, *architecture.hidden)))
        lower, upper = architecture.lower, architecture.upper
        return f"dense, sizes {sizes}, {upper} latents and {lower} below them, from the top down"
    if isinstance(architecture, LayeredArchitecture):
        sizes = "-".join(map(str, (architecture.pixels, *architecture.hidden)))
        return f"dense, sizes {sizes}, layers of {', '.join(map(str, architecture.layers))} latents"
    if isinstance(architecture, Architecture):
        return (
            "dense, sizes"
            f" {'-'.join(map(str, (architecture.pixels, *architecture.hidden, latents)))}"
        )
    return (
        f"context, of {architecture.window} pixels before each and {architecture.features} features"
        f" from {latents} latents, {architecture.hidden} hidden"
    )


def from_json(fields: dict[str, Any]) -> AnyArchitecture:
    """Raises TypeError where `fields` are those of no kind."""
    values: dict[str, Any] = {
        name: tuple(v) if isinstance(v, list) else v for name, v in fields.items()
    }
    if "upper" in values:
        return TopDownArchitecture(**values)
    if "factors" in values:
        return PyramidArchitecture(**values)
    if "layers" in values:
        return LayeredArchitecture(**values)
    return ContextArchitecture(**values) if "shape" in values else Architecture(**values)
