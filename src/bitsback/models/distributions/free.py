"""The distribution of a free model: over items of any shape and number of levels."""

from collections.abc import Callable

from bitsback.errors import ModelError
from bitsback.models.distributions import predictive, series
from bitsback.models.distributions.distribution_entry import DistributionEntry
from bitsback.models.distributions.free_codec import FreeDistribution

_KINDS: dict[str, Callable[[DistributionEntry], FreeDistribution]] = {
    predictive.PREDICTIVE: predictive.read,
    series.SERIES: series.read,
}


def read_free(source: DistributionEntry) -> FreeDistribution:
    """From the entry of `distributions`. Raises ModelError, naming it, for anything that
    docs/model-format.md does not allow.
    """
    read = _KINDS[source.fields.peek_text("codec", *_KINDS)]
    try:
        return read(source)
    except ModelError as error:
        raise ModelError(f"{source.key}: {error}") from None
