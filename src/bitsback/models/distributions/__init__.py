"""The distributions of a model: its priors, posteriors and likelihoods."""

from collections.abc import Callable

from bitsback.errors import ModelError
from bitsback.models.distributions import (
    autoregressive,
    counted,
    elements,
    series,
    wavefront,
)
from bitsback.models.distributions.distribution import Distribution
from bitsback.models.distributions.distribution_entry import DistributionEntry
from bitsback.models.families import INDEPENDENT

AUTOREGRESSIVE, SERIES, COUNTED, WAVEFRONT = "autoregressive", "series", "counted", "wavefront"
ANY_SHAPE = (SERIES, COUNTED, WAVEFRONT)
"""The codecs for data of any shape, which learn as they code."""

_KINDS: dict[str, Callable[[DistributionEntry, str], Distribution]] = {
    "uniform": elements.read_uniform,
    "gaussian": elements.read_gaussian,
    **dict.fromkeys(INDEPENDENT, elements.read_independent),
    AUTOREGRESSIVE: autoregressive.read,
    SERIES: series.read,
    COUNTED: counted.read,
    WAVEFRONT: wavefront.read,
}


def read_distribution(source: DistributionEntry) -> Distribution:
    """Reads an entry of `distributions`.

    Raises ModelError, which names the entry, for anything that docs/model-format.md does not allow.
    """
    try:
        any_shape = source.variable.any_shape
        codec = source.fields.text("codec", *(ANY_SHAPE if any_shape else _KINDS))
        distribution = _KINDS[codec](source, codec)
        source.fields.done()
    except ModelError as error:
        raise ModelError(f"{source.key}: {error}") from None
    return distribution
