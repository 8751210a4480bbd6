"""Makes GIF files as many encoders do, by an LZW encoder that is no part of the program."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reference.container_metadata import lzw

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Drawn:
    """A frame and the choices of its encoder."""

    values: Pixels
    bits: int = 8
    interlaced: bool = False
    clears: tuple[int, ...] = (0,)
    ended: bool = True
    zero: bool = False
    single: bool = False
    block: int = 255
    filled: bool = True
    """Whether the last byte of the stream is filled with zeros."""
    pixels: int | None = None
    """If given, the pixels of the stream."""

    def blocks(self) -> bytes:
        values = self.values
        if self.interlaced:
            values = np.concatenate([values[a::b] for a, b in ((0, 8), (4, 8), (2, 4), (1, 2))])
        flat = values.ravel().tolist()[: self.pixels]
        flags = 2 * self.ended + 4 * self.zero + 8 * self.single
        stream = lzw(flat, self.bits, list(self.clears), flags)
        if not self.filled:
            stream = stream[:-1] + bytes([stream[-1] | 128])
        parts = [stream[at : at + self.block] for at in range(0, len(stream), self.block)]
        return bytes([self.bits]) + b"".join(bytes([len(p)]) + p for p in parts) + b"\0"


def gif_file(frames: Sequence[Drawn], comment: bytes = b"") -> bytes:
    width = max(frame.values.shape[1] for frame in frames)
    height = max(frame.values.shape[0] for frame in frames)
    data = b"GIF89a" + struct.pack("<HHBBB", width, height, 0xF7, 0, 0)
    data += bytes(value // 3 for value in range(768))
    if comment:
        data += b"!\xfe" + bytes([len(comment)]) + comment + b"\0"
    for number, frame in enumerate(frames):
        if len(frames) > 1:
            data += b"!\xf9\4" + struct.pack("<BHBB", 4, 10 + number, 0, 0)
        height, width = frame.values.shape
        table = number % 2
        flags = 64 * frame.interlaced + 0x81 * table
        data += b"," + struct.pack("<HHHHB", 0, 0, width, height, flags)
        data += bytes(range(12)) * table + frame.blocks()
    return data + b";"


def ramps(height: int, width: int, values: int = 64) -> Pixels:
    """Pixels in which strings occur again."""
    return (np.add.outer(np.arange(height) // 3, np.arange(width) // 2) % values).astype(np.uint8)


def noise(height: int, width: int) -> Pixels:
    """Pseudo-random pixels that are the same on every machine."""
    return (np.arange(height * width) * 7919 % 65537 % 251).astype(np.uint8).reshape(height, width)
