"""bitsback as a codec of numcodecs, for Zarr 2 and other users of numcodecs (docs/zarr.md).

`numcodecs.get_codec({"id": "bitsback"})` finds it. It needs the extra `zarr`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bitsback.chunks import ChunkCoding, ModelChoice
from bitsback.errors import MissingExtra
from bitsback.planner.arrays import Axes, auto_names

try:
    from numcodecs.abc import Codec
    from numcodecs.compat import ensure_ndarray, ndarray_copy
except ImportError as error:
    raise MissingExtra("numcodecs", ".[zarr]") from error


class Bitsback(Codec):
    """Encodes arrays as blocks of bitsback. The bytes include dtype and shape, and name the model.

    >>> import numpy as np
    >>> y, x = np.mgrid[:64, :64]
    >>> image = (x + y).astype(np.uint16)
    >>> codec = Bitsback()
    >>> bool((codec.decode(codec.encode(image)) == image).all())
    True
    """

    codec_id = "bitsback"

    def __init__(
        self, model: ModelChoice = "auto", axes: Axes = "auto", embed: bool = False
    ) -> None:
        """The arguments and errors are those of `bitsback.zarr.BitsbackCodec`.

        The codec does not know the arrays in advance, so "auto" stands for the models for any
        array.
        """
        choice = auto_names() if isinstance(model, str) and model == "auto" else model
        self._coding = ChunkCoding.from_choice(choice, axes, embed)

    def encode(self, buf: Any) -> bytes:
        """Encodes an array of any dtype except objects, or a buffer.

        Raises InputError or ModelError.
        """
        array = ensure_ndarray(buf)
        if array.dtype.hasobject:
            raise TypeError("object arrays are not supported")
        return self._coding.encode(array, described=True)

    def decode(self, buf: Any, out: Any = None) -> Any:
        """The array in the bytes `buf`.

        For a dtype that bitsback does not support, it is the memory of the array, as with other
        codecs. Raises ArchiveError or ModelError.
        """
        if out is not None and ensure_ndarray(out).dtype.hasobject:
            raise TypeError("object arrays are not supported")
        data = memoryview(ensure_ndarray(buf).reshape(-1).view(np.uint8))
        return ndarray_copy(self._coding.decode(data, None), out)

    def get_config(self) -> dict[str, Any]:
        return {"id": self.codec_id, **self._coding.to_json()}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Bitsback:
        codec, coding = cls(), ChunkCoding.from_json(config)
        codec._coding = coding if coding.models is not None else cls(axes=coding.axes)._coding
        return codec

    def __repr__(self) -> str:
        return f"Bitsback(model={self._coding.model!r}, axes={self._coding.axes!r})"
