"""Read and write model files (docs/model-format.md).

A model file is a safetensors file with one JSON description in its metadata.
"""

import hashlib
import io
import json
from collections.abc import Mapping
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from bitsback.errors import ModelError

Tensors = dict[str, NDArray[Any]]

_DTYPES = {
    "uint8": "U8",
    "int8": "I8",
    "uint16": "U16",
    "int16": "I16",
    "uint32": "U32",
    "int32": "I32",
}


def read(data: bytes) -> tuple[str, Tensors]:
    """The description, as stored text, and the tensors of a model file.

    Raises ModelError for other files.
    """
    import safetensors.numpy

    try:
        tensors = safetensors.numpy.load(data)
    except Exception as error:  # the library raises its own errors, KeyError, ValueError and more
        raise ModelError(f"this is no safetensors file: {error}") from None
    for name, tensor in tensors.items():
        if tensor.dtype.name not in _DTYPES:
            raise ModelError(f"the tensor {name} has the type {tensor.dtype}, which no model has")
    return read_description(io.BytesIO(data)), tensors


def read_description(stream: IO[bytes]) -> str:
    """The description, as stored text, from the beginning of a model file.

    Raises ModelError if there is none.
    """
    try:
        header = json.loads(stream.read(int.from_bytes(stream.read(8), "little")))
    except (ValueError, OverflowError, RecursionError) as error:
        raise ModelError(f"this is no safetensors file: {error}") from None
    metadata = header.get("__metadata__") if isinstance(header, dict) else None
    if not isinstance(metadata, dict) or list(metadata) != ["bitsback"]:
        raise ModelError(
            "this safetensors file is no bitsback model: its metadata has no entry 'bitsback' alone"
        )
    description: str = metadata["bitsback"]
    return description


def write(description: str, tensors: Mapping[str, NDArray[Any]]) -> bytes:
    """The bytes of a model file with this description and these tensors."""
    import safetensors.numpy

    return safetensors.numpy.save(dict(tensors), metadata={"bitsback": description})


def parse(description: str) -> Any:
    """The description as a JSON value.

    Raises ModelError for floats, duplicate keys and invalid JSON.
    """

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise ValueError("an object has a key twice")
        return found

    def no_float(text: str) -> Any:
        raise ValueError(f"{text} is no integer")

    try:
        return json.loads(
            description, object_pairs_hook=unique, parse_float=no_float, parse_constant=no_float
        )
    except (ValueError, RecursionError) as error:
        raise ModelError(f"the description of the model is not valid JSON: {error}") from None


def identity(description: str, tensors: Mapping[str, NDArray[Any]]) -> bytes:
    """The SHA-256 of the model's description and tensors, independent of the layout of its file."""
    digest = hashlib.sha256(description.encode() + b"\0")
    for name in sorted(tensors, key=str.encode):
        tensor = tensors[name]
        digest.update(
            name.encode()
            + b"\0"
            + _DTYPES[tensor.dtype.name].encode()
            + b"\0"
            + bytes([tensor.ndim])
        )
        digest.update(b"".join(size.to_bytes(8, "little") for size in tensor.shape))
        digest.update(np.ascontiguousarray(tensor, tensor.dtype.newbyteorder("<")).tobytes())
    return digest.digest()
