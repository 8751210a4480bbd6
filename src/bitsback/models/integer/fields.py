"""Strict reading of descriptions and tensors.

Each key and each tensor is read once, with the right type and size. Unread ones are an error.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.errors import ModelError


class Fields:
    """One JSON object of a description.

    Each reading method removes a key, and `done` checks that none remains. All raise ModelError;
    `where` names the object in messages.
    """

    def __init__(self, value: Any, where: str) -> None:
        if not isinstance(value, dict):
            raise ModelError(f"{where} must be an object")
        self._rest = dict(value)
        self._where = where

    def _take(self, key: str) -> Any:
        if key not in self._rest:
            raise ModelError(f"{self._where}: '{key}' is missing")
        return self._rest.pop(key)

    def has(self, key: str) -> bool:
        """Whether an optional key exists and has not been read."""
        return key in self._rest

    def names(self) -> list[str]:
        """The keys that have not been read, in order."""
        return list(self._rest)

    def text(self, key: str, *allowed: str) -> str:
        value = self._take(key)
        if not isinstance(value, str) or (allowed and value not in allowed):
            raise ModelError(
                f"{self._where}: '{key}' must be {' or '.join(allowed) or 'text'}, not {value!r}"
            )
        return value

    def integer(self, key: str, low: int, high: int) -> int:
        value = self._take(key)
        if type(value) is not int or not low <= value <= high:
            raise ModelError(
                f"{self._where}: '{key}' must be an integer from {low} to {high}, not {value!r}"
            )
        return value

    def integers(self, key: str, count: int | range, low: int, high: int) -> list[int]:
        value = self._take(key)
        counts = count if isinstance(count, range) else range(count, count + 1)
        if not isinstance(value, list) or len(value) not in counts:
            raise ModelError(
                f"{self._where}: '{key}' must be a list of {counts[0]} to {counts[-1]} integers"
            )
        if not all(type(item) is int and low <= item <= high for item in value):
            raise ModelError(
                f"{self._where}: '{key}' must hold integers from {low} to {high}, not {value!r}"
            )
        return value

    def items(self, key: str, counts: range | None = None) -> list[Any]:
        """The list `key`, whose length must be in `counts`."""
        value = self._take(key)
        if not isinstance(value, list) or (counts is not None and len(value) not in counts):
            some = "" if counts is None else f" of {counts[0]} to {counts[-1]}"
            raise ModelError(f"{self._where}: '{key}' must be a list{some}")
        return value

    def peek_text(self, key: str, *allowed: str) -> str:
        """Like `text`, but the key stays, to be read later."""
        value = self.text(key, *allowed)
        self._rest[key] = value
        return value

    def texts(self, key: str, count: int | range) -> list[str]:
        value = self.items(key)
        counts = count if isinstance(count, range) else range(count, count + 1)
        if len(value) not in counts or not all(isinstance(item, str) for item in value):
            raise ModelError(
                f"{self._where}: '{key}' must be a list of {counts[0]} to {counts[-1]} texts"
            )
        return value

    def object(self, key: str) -> "Fields":
        return Fields(self._take(key), f"{self._where}.{key}" if self._where else key)

    def peek(self, key: str) -> Any:
        """The value of a key, which stays, to be read later; None if it is missing."""
        return self._rest.get(key)

    def peek_object(self, key: str) -> "Fields":
        """Like `object`, but the key stays, to be read later."""
        value = self._take(key)
        self._rest[key] = value
        return Fields(value, f"{self._where}.{key}")

    def done(self) -> None:
        if self._rest:
            raise ModelError(
                f"{self._where}: unknown key {min(self._rest)!r}; a newer bitsback may read this"
                " model"
            )


class TensorReader:
    """Reads the tensors of a model, and records which have been read."""

    def __init__(self, tensors: Mapping[str, NDArray[Any]]) -> None:
        self._tensors = tensors
        self._unread = set(tensors)

    def get(self, name: str, *dtypes: str, dimensions: int | None = None) -> NDArray[Any]:
        """The tensor `name`. Raises ModelError if there is none, or if it has another dtype or
        number of dimensions.
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
        """The tensor `name`, of this dtype and shape, with entries from `low` to `high`. Raises
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
        """The number of elements of all tensors together."""
        return sum(tensor.size for tensor in self._tensors.values())

    def done(self) -> None:
        """Raises ModelError if a tensor has not been read."""
        if self._unread:
            raise ModelError(f"the tensor {min(self._unread)} is used by nothing")
