"""bitsback as a codec of Zarr 3 (docs/zarr.md).

Zarr finds it by the name "bitsback". It needs the extra `zarr`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bitsback.chunks import ChunkCoding, ModelChoice
from bitsback.errors import InputError, MissingExtra
from bitsback.planner.arrays import Axes

try:
    from zarr.abc.codec import ArrayBytesCodec
except ImportError as error:
    raise MissingExtra("zarr", ".[zarr]") from error

if TYPE_CHECKING:
    from zarr.core.array_spec import ArraySpec
    from zarr.core.buffer import Buffer, NDBuffer
    from zarr.core.chunk_grids import ChunkGrid
    from zarr.core.common import JSON
    from zarr.core.dtype.wrapper import TBaseDType, TBaseScalar, ZDType

NAME = "bitsback"


@dataclass(frozen=True, repr=False)
class BitsbackCodec(ArrayBytesCodec):
    """Encodes chunks as blocks of bitsback.

    Use it as `serializer=`, with `compressors=None`, since no compressor makes blocks smaller.

    >>> import numpy as np
    >>> import zarr
    >>> digits = np.random.default_rng(0).random((100, 28, 28)) < 0.1
    >>> array = zarr.create_array(
    ...     {},
    ...     shape=digits.shape,
    ...     dtype=digits.dtype,
    ...     chunks=(50, 28, 28),
    ...     serializer=BitsbackCodec(),
    ...     compressors=None,
    ... )
    >>> array[:] = digits
    >>> bool((array[:] == digits).all())
    True
    """

    coding: ChunkCoding

    is_fixed_size = False

    def __init__(
        self, *, model: ModelChoice = "auto", axes: Axes = "auto", embed: bool = False
    ) -> None:
        """Raises InputError or ModelError.

        model: the name of a bundled model, the path of a model file, a model, or several of these.
            "auto" stands for the bundled models that fit dtype and shape. A trial finds the best
            of several for each chunk.
        axes: the meaning of the last axes of a chunk. An image has "yx", and with channels "yxc". A
            stack of slices, each similar to the one before, has "zyx" or "zyxc". A trial for each
            chunk decides for "auto".
        embed: put models that are not bundled into the metadata of the array, once.
        """
        object.__setattr__(self, "coding", ChunkCoding.from_choice(model, axes, embed))

    @classmethod
    def from_dict(cls, data: dict[str, JSON]) -> BitsbackCodec:
        configuration = data.get("configuration", {})
        if data.get("name") != NAME or not isinstance(configuration, Mapping):
            raise InputError(f"this is not a configuration of the codec {NAME}: {data!r}")
        return cls()._with(ChunkCoding.from_json(configuration))

    def __repr__(self) -> str:
        return f"BitsbackCodec(model={self.coding.model!r}, axes={self.coding.axes!r})"

    def to_dict(self) -> dict[str, JSON]:
        return {"name": NAME, "configuration": self.coding.to_json()}

    def evolve_from_array_spec(self, array_spec: ArraySpec) -> BitsbackCodec:
        """Chooses the models before anything is written.

        The shape may be that of the array, since the choice depends only on the last axes.
        """
        dtype = array_spec.dtype.to_native_dtype()
        return self._with(self.coding.for_arrays(dtype, array_spec.shape))

    def validate(
        self,
        *,
        shape: tuple[int, ...],
        dtype: ZDType[TBaseDType, TBaseScalar],
        chunk_grid: ChunkGrid,
    ) -> None:
        chunk = getattr(chunk_grid, "chunk_shape", (1,) * len(shape))
        self.coding.check(dtype.to_native_dtype(), chunk)

    def compute_encoded_size(self, input_byte_length: int, chunk_spec: ArraySpec) -> int:
        raise NotImplementedError("the size of a chunk depends on its content")

    def _encode_sync(self, chunk_array: NDBuffer, chunk_spec: ArraySpec) -> Buffer | None:
        array = chunk_array.as_numpy_array()
        dtype = _stored(array.dtype)
        self.coding.check(dtype, array.shape)
        self.coding.check_models(dtype, array.shape)
        data = self.coding.encode(np.asarray(array, dtype, order="C"), described=False)
        return chunk_spec.prototype.buffer.from_bytes(data)

    def _decode_sync(self, chunk_bytes: Buffer, chunk_spec: ArraySpec) -> NDBuffer:
        dtype = chunk_spec.dtype.to_native_dtype()
        found = self.coding.decode(chunk_bytes.to_bytes(), (_stored(dtype), chunk_spec.shape))
        array = found.astype(dtype, copy=False)
        return chunk_spec.prototype.nd_buffer.from_numpy_array(array)

    # The core lets other threads run while it codes.

    async def _encode_single(self, chunk_array: NDBuffer, chunk_spec: ArraySpec) -> Buffer | None:
        return await asyncio.to_thread(self._encode_sync, chunk_array, chunk_spec)

    async def _decode_single(self, chunk_bytes: Buffer, chunk_spec: ArraySpec) -> NDBuffer:
        return await asyncio.to_thread(self._decode_sync, chunk_bytes, chunk_spec)

    def _with(self, coding: ChunkCoding) -> BitsbackCodec:
        found = object.__new__(type(self))
        object.__setattr__(found, "coding", coding)
        return found


def _stored(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype in a chunk, which is little-endian on every machine."""
    return dtype.newbyteorder("<")
