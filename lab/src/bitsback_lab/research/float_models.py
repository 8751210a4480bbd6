"""Models of any functions of floats, and blocks of images coded with one: the chain of
coding/chain.py, one batch after the other by public codecs.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from bitsback.codecs.bits_back import BitsBack
from bitsback.codecs.codec import Codec, require_functions
from bitsback.coding import chain
from bitsback.errors import ArchiveError, BitsbackError
from bitsback.format.grid import Shape
from bitsback.format.layout import pack_shape
from bitsback.message import Message


class FloatModel(Protocol):
    """Prior, likelihood and posterior as functions of floats, in any library.

    Each codes a batch of images at once. x is int64 of the shape [images, ...]. z is a symbol of
    the prior in the form that functions get (`bitsback.codecs.BitsBack`). It is an array of int64
    or float64, or a tuple or dict of such arrays. The same batch must give the same floats each
    time, so put a network of PyTorch into evaluation mode.
    """

    def prior(self, images: int) -> Codec[Any]:
        """p(z) for `images` images."""

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


def digest(images: NDArray[Any]) -> bytes:
    """SHA-256 over dtype, shape, and bytes in C order."""
    head = images.dtype.str.encode() + pack_shape(images.shape)
    return chain.digest(head, np.ascontiguousarray(images).tobytes())


def batches(images: int, growth: int, batch: int) -> list[int]:
    """The sizes of the batches, in coding order."""
    return [size for size, count in chain.schedule(images, growth, batch) for _ in range(count)]


def encode(model: FloatModel, images: NDArray[Any], growth: int, batch: int) -> bytes:
    """The message of the block, as bytes: the last images first."""
    message = chain.initial(digest(images), chain.lanes_for(images.size))
    end = len(images)
    for size in batches(end, growth, batch):
        codec_of(model, size).push(message, images[end - size : end])
        end -= size
    return message.to_bytes()


def decode(
    model: FloatModel, data: bytes, shape: Shape, dtype: np.dtype[Any], growth: int, batch: int
) -> NDArray[Any]:
    """The images of a block. Raises ArchiveError if they are not those of its digest."""
    message = Message.from_bytes(data)
    parts = []
    for size in reversed(batches(shape[0], growth, batch)):
        popped = np.asarray(codec_of(model, size).pop(message))
        if popped.shape != (size, *shape[1:]) or popped.dtype.kind not in "biu":
            raise ArchiveError(
                f"the likelihood gave {popped.dtype} of shape {popped.shape}, for images of shape"
                f" {shape[1:]}"
            )
        parts.append(popped.astype(dtype))
    images = np.concatenate(parts).astype(dtype, copy=False)  # in the order of its bytes
    chain.check_end(message, digest(images))
    return images


def decode_checked(
    model: FloatModel, data: bytes, shape: Shape, dtype: np.dtype[Any], growth: int, batch: int
) -> NDArray[Any]:
    """Like `decode`; any error means that the floats of the model may differ."""
    try:
        return decode(model, data, shape, dtype, growth, batch)
    except Exception as error:
        reason = (
            str(error) if isinstance(error, BitsbackError) else f"{type(error).__name__}: {error}"
        )
        raise ArchiveError(
            "its bytes are whole, but what they decode to is not what was compressed: the model"
            f" computes other floats, or is another ({reason})"
        ) from error
