"""Whether a model that was asked for does badly on what is given, and what would do better."""

import warnings

from bitsback.archive import choose, planes
from bitsback.archive.pieces import Pieces
from bitsback.archive.sampling import sample_of
from bitsback.archive.squeeze import squeeze
from bitsback.errors import ModelWarning

_WORSE = 1.1  # times as many bytes
_ENOUGH = 1 << 14  # elements of a sample, from which on it tells something


def warn_if_outdone(chosen: choose.Chosen, pieces: Pieces, name: str) -> None:
    """Warns with ModelWarning if a general compressor, or a bundled model of any shape, makes a
    tenth less of a sample than the model that was asked for. name: of the input.
    """
    model = chosen.model
    if model is None or (model.any_shape and choose.is_bundled(model)):
        return
    sample = sample_of(pieces, whole=False)
    if sample.elements.size < _ENOUGH:
        return
    cost = chosen.rate * sample.elements.size
    other, least = min(_others(sample).items(), key=lambda pair: pair[1])
    if cost > _WORSE * least:
        times = cost / least
        much = f"{100 * (times - 1):.0f} % more than" if times < 2 else f"{times:,.1f} times what"
        warnings.warn(
            f"{name}: the model {model.name} takes about {much} {other} would, by a trial;"
            " leave the choice to 'auto', without -m, or train a model on such images with"
            " 'bitsback train'",
            ModelWarning,
            stacklevel=2,
        )


def _others(sample: Pieces) -> dict[str, int]:
    """Bytes of the sample, by what makes them."""
    general = squeeze(sample, "deflate")
    found = {"the bytes as they are": sample.elements.nbytes}
    if general is not None:
        found["a general compressor"] = len(general)
    shape = sample.shapes[0][1]
    if planes.layouts_for(sample.dtype, shape):
        for plan in choose.plans_of(choose.picture_models(None, "auto"), sample):
            name, cost = f"the model {plan.model.name}", plan.cost()
            found[name] = min(cost, found.get(name, cost))
    return found
