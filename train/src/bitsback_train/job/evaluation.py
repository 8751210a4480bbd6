"""The evaluation of a trained model: the bytes of held-out images in archives with it, and in
archives by `compress --best`.
"""

import io
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import bitsback
from bitsback.errors import BitsbackError
from bitsback.models import Model
from bitsback_train.job.image_set import Values


@dataclass(frozen=True)
class Evaluation:
    """Archives of the held-out images."""

    count: int
    """The images of the whole collection."""
    images: float
    """The number of images held out, or the part of one."""
    values: int
    """Their pixels, each channel counted."""
    trained: int
    """The bytes of their archives with the model, which is not counted."""
    untrained: int
    """The bytes of their archives by `compress --best`."""
    model_bytes: int
    """The bytes that the model adds to an archive."""

    def rate(self, size: int) -> float:
        """Bits per pixel and channel."""
        return 8 * size / self.values

    def of_all(self, size: int) -> int:
        """The bytes for all images, if they cost as much as those held out."""
        return round(size * self.count / self.images)

    @property
    def pays_from(self) -> int | None:
        """The number of images from which an archive with its model is smaller than without
        training, if each costs as much as those held out; None if it never is.
        """
        saved = (self.untrained - self.trained) / self.images
        return math.floor(self.model_bytes / saved) + 1 if saved > 0 else None

    def verdict(self, still_falling: bool) -> str:
        """Whether training pays for these images, with the figures that say so."""
        trained, untrained = (f"{self.rate(n):.3f}" for n in (self.trained, self.untrained))
        if self.pays_from is None:
            why = "more --minutes" if still_falling else "more images, not more time,"
            return (
                f"Training does not pay for these images: {trained} bits per pixel with the model,"
                f" which is not counted, and {untrained} by 'compress --best' without training;"
                f" {why} may help."
            )
        whole = self.of_all(self.trained) + self.model_bytes
        figures = (
            f"an archive of these {self.count:,} images takes about {whole:,} bytes with the model"
            f" in it, and {self.of_all(self.untrained):,} by 'compress --best'"
        )
        if self.pays_from <= self.count:
            return f"Training pays: {figures}."
        return (
            f"Training does not pay for an archive of its own: {figures}. It pays from"
            f" {self.pays_from:,} images on: archives can share the model"
            " ('compress --embed never')."
        )


def archive_bytes(images: Iterable[Values], model: Model | str) -> int:
    """The bytes of an archive for the pictures of each kind and for each stack, which are decoded
    and compared. The model is not counted.
    """
    return sum(_archive_size(array, model) for array in as_inputs(images))


def as_inputs(images: Iterable[Values]) -> list[NDArray[Any]]:
    """The images as `compress` takes them."""
    pictures: dict[Any, list[Values]] = {}
    stacks = []
    for values in images:
        kind = values.shape[1:], values.dtype
        stacks.append(values) if len(values) > 1 else pictures.setdefault(kind, []).append(values)
    arrays = [np.concatenate(alike) for alike in pictures.values()] + stacks
    return [array[..., 0] if array.shape[-1] == 1 else array for array in arrays]


def _archive_size(array: NDArray[Any], model: Model | str) -> int:
    buffer = io.BytesIO()
    bitsback.compress(array, buffer, model=model, embed="never")
    size = buffer.tell()
    buffer.seek(0)
    restored = bitsback.decompress(buffer, model=model if isinstance(model, Model) else None)
    if restored is None or not np.array_equal(restored, array):
        raise BitsbackError("the model did not restore the images; please report this")
    return size
