"""The model file of docs/model-format.md: a safetensors file read by hand, and its identity."""

import hashlib
import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .rules import require
from .values import Tensors

DTYPES = {"U8": "<u1", "I8": "<i1", "U16": "<u2", "I16": "<i2", "U32": "<u4", "I32": "<i4"}


def read_safetensors(data: bytes) -> tuple[str, dict[str, NDArray[Any]]]:
    """The description and the tensors of a model file.

    8 bytes: the length of a JSON header; the header: each tensor's dtype, shape and place; then the
    elements.
    """
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    metadata = header.pop("__metadata__")
    require(set(metadata) == {"bitsback"}, "the metadata has one entry, bitsback")
    tensors = {}
    for name, info in header.items():
        require(info["dtype"] in DTYPES, "integers only")
        start, end = (8 + length + at for at in info["data_offsets"])
        tensors[name] = np.frombuffer(data[start:end], DTYPES[info["dtype"]]).reshape(info["shape"])
    return metadata["bitsback"], tensors


def identity(description: str, tensors: Tensors) -> bytes:
    """The identity of a model: 32 bytes that do not depend on the order of the tensors in its
    file.
    """
    names = {np.dtype(numpy): name for name, numpy in DTYPES.items()}
    sha = hashlib.sha256(description.encode() + b"\0")
    for name in sorted(tensors, key=str.encode):
        tensor = tensors[name]
        sha.update(name.encode() + b"\0" + names[tensor.dtype.newbyteorder("<")].encode() + b"\0")
        sha.update(bytes([tensor.ndim]) + b"".join(n.to_bytes(8, "little") for n in tensor.shape))
        sha.update(tensor.astype(tensor.dtype.newbyteorder("<")).tobytes())
    return sha.digest()
