"""What a model of floats is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from numpy.typing import NDArray

from bitsback.codecs.bits_back import BitsBack
from bitsback.codecs.codec import Codec, require_functions


class FloatModel(Protocol):
    """Prior, likelihood and posterior as functions of floats, of whatever library.

    Each codes a batch of images at once: x is int64 of the shape [images, ...], and z is what the
    codec of the prior pops, as functions are given it (`bitsback.codecs.BitsBack`): an array of
    int64 or float64, or a tuple or dict of such arrays. The same batch must give the same floats
    each time; a network of PyTorch's is in its evaluation mode.
    """

    def prior(self, images: int) -> Codec[Any]:
        """p(z) for so many images."""

    def likelihood(self, z: Any) -> Codec[Any]:
        """p(x|z), a codec of integers of the shape [images, ...]."""

    def posterior(self, x: NDArray[Any]) -> Codec[Any]:
        """q(z|x)."""


@dataclass(frozen=True)
class Functions:
    """A model of three functions.

    >>> import numpy as np
    >>> from bitsback.codecs import Bernoulli, Uniform, check_codec
    >>> model = Functions(  # z is whether images are dark or light, and of even chances for each
    ...     prior=lambda images: Uniform(2, (images, 1)),
    ...     likelihood=lambda z: Bernoulli.from_probability(np.tile(z * 0.8 + 0.1, 4)),
    ...     posterior=lambda x: Bernoulli.from_probability(x.mean(1, keepdims=True) * 0.9 + 0.05),
    ... )
    >>> check_codec(codec_of(model, 2), np.array([[0, 1, 1, 1], [0, 0, 1, 0]]))
    """

    prior: Callable[[int], Codec[Any]]
    likelihood: Callable[[Any], Codec[Any]]
    posterior: Callable[[NDArray[Any]], Codec[Any]]

    def __post_init__(self) -> None:
        require_functions(prior=self.prior, likelihood=self.likelihood, posterior=self.posterior)


def codec_of(model: FloatModel, images: int) -> BitsBack[Any, Any]:
    """Bits back for a batch."""
    return BitsBack(model.prior(images), model.likelihood, model.posterior)
