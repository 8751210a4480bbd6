"""A block of images, coded with a model of floats: the chain of archive/chain.py, a batch after the
other by public codecs.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.archive import chain
from bitsback.archive.block_writer import lanes_for
from bitsback.archive.layout import Shape, pack_shape
from bitsback.errors import ArchiveError, BitsbackError
from bitsback.message import Message
from bitsback.research.model import FloatModel, codec_of


def digest(images: NDArray[Any]) -> bytes:
    """SHA-256 over dtype, shape, and bytes in C order."""
    head = images.dtype.str.encode() + pack_shape(images.shape)
    return chain.digest(head, np.ascontiguousarray(images).tobytes())


def batches(images: int, growth: int, batch: int) -> list[int]:
    """Their sizes, in the order of coding."""
    return [size for size, count in chain.schedule(images, growth, batch) for _ in range(count)]


def encode(model: FloatModel, images: NDArray[Any], growth: int, batch: int) -> bytes:
    """The message of the block, as bytes: the last images first."""
    message = chain.initial(digest(images), lanes_for(images.size))
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
    """As `decode`; whatever goes wrong, the floats of the model are what can be another."""
    try:
        return decode(model, data, shape, dtype, growth, batch)
    except Exception as error:
        said = (
            str(error) if isinstance(error, BitsbackError) else f"{type(error).__name__}: {error}"
        )
        raise ArchiveError(
            "its bytes are whole, but what they decode to is not what was compressed: the model"
            f" computes other floats, or is another ({said})"
        ) from error
