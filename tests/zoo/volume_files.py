"""Writes files of voxels, as few lines as their formats need; other packages' files are in
tests/images/test_volumes.py.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

_NIFTI = {"u1": 2, "i2": 4, "i4": 8, "f4": 16, "f8": 64, "u2": 512}
_MRC = {"i1": 0, "i2": 1, "f4": 2, "u2": 6}


def nifti(voxels: NDArray[Any], order: str = "<", behind: bytes = b"") -> bytes:
    """NIfTI-1 of voxels [..., z, y, x]."""
    lengths = [voxels.ndim, *voxels.shape[::-1], *[1] * (7 - voxels.ndim)]
    head = struct.pack(order + "i", 348).ljust(40, b"\0") + struct.pack(order + "8h", *lengths)
    kind = voxels.dtype.str[1:]
    head = head.ljust(70, b"\0") + struct.pack(order + "2h", _NIFTI[kind], 8 * voxels.itemsize)
    head = head.ljust(76, b"\0") + struct.pack(order + "9f", 1, *[0.5] * 7, 352)
    head = head.ljust(123, b"\0") + b"\x0a"
    return head.ljust(344, b"\0") + b"n+1\0\0\0\0\0" + _ordered(voxels, order) + behind


def nrrd(voxels: NDArray[Any], kind: str, order: str = "<", more: str = "") -> bytes:
    endian = "big" if order == ">" else "little"
    sizes = " ".join(map(str, voxels.shape[::-1]))
    head = f"NRRD0004\n# of a test\ntype: {kind}\ndimension: {voxels.ndim}\nsizes: {sizes}\n{more}"
    return f"{head}endian: {endian}\nencoding: raw\n\n".encode() + _ordered(voxels, order)


def meta_image(voxels: NDArray[Any], kind: str, order: str = "<", more: str = "") -> bytes:
    sizes = " ".join(map(str, voxels.shape[::-1]))
    head = (
        f"ObjectType = Image\nNDims = {voxels.ndim}\nBinaryData = True\nDimSize = {sizes}\n{more}"
    )
    head += f"BinaryDataByteOrderMSB = {order == '>'}\nElementType = {kind}\n"
    return f"{head}ElementDataFile = LOCAL\n".encode() + _ordered(voxels, order)


def mrc(voxels: NDArray[Any], order: str = "<", extended: bytes = b"") -> bytes:
    depth, height, width = voxels.shape
    sides = (width, height, depth)
    head = struct.pack(order + "4i", *sides, _MRC[voxels.dtype.str[1:]]).ljust(28, b"\0")
    head += struct.pack(order + "3i3f", *sides, *(1.5 * side for side in sides))
    head = head.ljust(92, b"\0") + struct.pack(order + "i", len(extended))
    head = head.ljust(208, b"\0") + b"MAP " + (b"DD" if order == "<" else b"\x11\x11")
    return head.ljust(1024, b"\0") + extended + _ordered(voxels, order)


def fits(voxels: NDArray[Any], before: bytes = b"") -> bytes:
    """before: other header and data units, of whole blocks."""
    bits = 8 * voxels.itemsize * (-1 if voxels.dtype.kind == "f" else 1)
    values: dict[str, object] = {"XTENSION": "'IMAGE   '"} if before else {"SIMPLE": "T"}
    values |= {"BITPIX": bits, "NAXIS": voxels.ndim}
    values |= {f"NAXIS{axis}": size for axis, size in enumerate(voxels.shape[::-1], 1)}
    values |= {"PCOUNT": 0, "GCOUNT": 1} if before else {}
    data = _ordered(voxels, ">")
    return before + header(values) + data + bytes(-len(data) % 2880)


def header(values: dict[str, object]) -> bytes:
    """The header of a unit of a FITS file."""
    cards = [f"{name:8}= {value:>20} / of a test" for name, value in values.items()]
    text = "".join(card.ljust(80) for card in [*cards, "END"])
    return text.ljust(-(-len(text) // 2880) * 2880).encode()


def pfm(pixels: NDArray[np.float32], order: str = "<") -> bytes:
    """pixels: [rows, columns, 3] or [rows, columns]."""
    kind, scale = "F" if pixels.ndim == 3 else "f", -1.0 if order == "<" else 1.0
    head = f"P{kind}\n{pixels.shape[1]} {pixels.shape[0]}\n{scale}\n".encode()
    return head + _ordered(pixels[::-1], order)


def _ordered(voxels: NDArray[Any], order: str) -> bytes:
    return voxels.astype(voxels.dtype.newbyteorder(order)).tobytes()  # type: ignore[arg-type]
