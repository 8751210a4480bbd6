"""The model that training starts from."""

from dataclasses import dataclass

from bitsback.models import Model, file, load_model
from bitsback.train.export.size_agnostic import rebuild
from bitsback.train.fit.pixels import Starts
from bitsback.train.fit.start_matrices import no_starts
from bitsback.train.twins.pixel_predictor import PredictiveArchitecture, PredictiveTwin

UNIVERSAL = "universal"
NONE = "none"


@dataclass(frozen=True, eq=False)
class Base:
    """A twin, in floats, and its start matrices. model: None if nothing has been learned yet."""

    model: Model | None
    twin: PredictiveTwin
    starts: Starts

    @property
    def architecture(self) -> PredictiveArchitecture:
        return self.twin.architecture


def load_base(name: str) -> Base:
    """A bundled free model by its name, a model file, or `none`. Raises ModelError if it cannot be
    had, InputError if training cannot start from it.
    """
    if name == NONE:
        architecture = PredictiveArchitecture()
        return Base(None, PredictiveTwin(architecture), no_starts(architecture))
    model = load_model(name)
    twin, starts = rebuild(*file.read(model.to_bytes()), name)
    return Base(model, twin, starts)
