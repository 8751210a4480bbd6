"""Tensors of a model file, asked for by name and checked."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.errors import ModelError


class TensorReader:
    """Hands out the tensors of a model, and remembers which have been asked for."""

    def __init__(self, tensors: Mapping[str, NDArray[Any]]) -> None:
        self._tensors = tensors
        self._unread = set(tensors)

    def get(self, name: str, *dtypes: str, dimensions: int | None = None) -> NDArray[Any]:
        """The tensor `name`; ModelError if there is none, or its dtype or number of dimensions is
        another.
        """
        if name not in self._tensors:
            raise ModelError(f"the tensor {name} is missing")
        array = self._tensors[name]
        self._unread.discard(name)
        if array.dtype not in [np.dtype(dtype) for dtype in dtypes]:
            raise ModelError(f"the tensor {name} must be {' or '.join(dtypes)}, not {array.dtype}")
        if dimensions is not None and array.ndim != dimensions:
            raise ModelError(
                f"the tensor {name} must have {dimensions} dimensions, not {array.ndim}"
            )
        if not array.size:
            raise ModelError(f"the tensor {name} is empty")
        return array

    def bounded(
        self, name: str, dtype: str, shape: tuple[int, ...], low: int, high: int
    ) -> NDArray[Any]:
        """The tensor `name`, of this dtype and shape, with entries from `low` to `high`;
        ModelError otherwise.
        """
        array = self.get(name, dtype)
        if array.shape != shape or not low <= int(array.min()) <= int(array.max()) <= high:
            raise ModelError(
                f"the tensor {name} must have the shape {shape} and entries from {low} to {high}"
            )
        return array

    @property
    def elements(self) -> int:
        """Of all tensors together."""
        return sum(tensor.size for tensor in self._tensors.values())

    def done(self) -> None:
        """ModelError if a tensor belongs to nothing."""
        if self._unread:
            raise ModelError(f"the tensor {min(self._unread)} belongs to nothing")
