"""The codec of idx files, the format of MNIST.

Source: the page of the MNIST database (LeCun, Cortes, Burges), "The IDX file format".
"""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

import numpy as np

from bitsback.errors import InputError
from bitsback.files.npy import Items, StreamItems, check_shape
from bitsback.format.grid import Shape
from bitsback.io.file_io import Writable, read_up_to

_DTYPES = {8: "|u1", 9: "|i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
_CODES = {text: code for code, text in _DTYPES.items()}


def open_array(file: BinaryIO, name: str) -> Items:
    """The array of an idx file.

    Raises InputError for another file or a damaged one. A file that is too short or too long raises
    it while it is read.
    """
    start = bytes(read_up_to(file, 4, name))
    if len(start) < 4 or start[:2] != b"\0\0" or start[2] not in _DTYPES:
        raise InputError(f"{name}: is no idx file")
    sizes = bytes(read_up_to(file, 4 * start[3], name))
    shape = struct.unpack(f">{len(sizes) // 4}I", sizes[: len(sizes) // 4 * 4])
    if len(sizes) != 4 * start[3]:
        raise InputError(f"{name}: ends within its header")
    check_shape(shape, name)
    return StreamItems(file, name, np.dtype(_DTYPES[start[2]]), shape)


def holds(dtype: np.dtype[Any], shape: Shape) -> bool:
    """Whether an idx file can have the array."""
    return dtype.str in _CODES and 0 < len(shape) < 256 and max(shape) < 1 << 32


@contextmanager
def write_array(output: Writable, dtype: np.dtype[Any], shape: Shape) -> Iterator[Writable]:
    """Writes the header of an idx file; the elements in C order follow it."""
    output.write(
        bytes([0, 0, _CODES[dtype.str], len(shape)]) + struct.pack(f">{len(shape)}I", *shape)
    )
    yield output
