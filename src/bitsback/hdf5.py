"""bitsback as a filter of HDF5, for h5py (docs/hdf5.md).

Importing this module registers the filter with the HDF5 library of h5py. HDF5 calls it with the
bytes of a chunk, and with numbers that it stores with the dataset. A chunk becomes a block alone
(docs/format.md, A7) with its dtype, its shape and the identity of its model. Reading it needs
nothing else. The module needs the extra `hdf5`.
"""

from __future__ import annotations

import atexit
import ctypes as c
import logging
import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, wraps
from pathlib import Path
from typing import Any, get_args

import numpy as np

from bitsback.array_bytes import decode
from bitsback.chunks import ChunkCoding, ModelChoice
from bitsback.coding.alone import stored_dtype_and_shape
from bitsback.errors import ArchiveError, InputError, MissingExtra
from bitsback.format.grid import Shape
from bitsback.format.layout import DTYPES
from bitsback.models.named import NamedModel
from bitsback.planner.arrays import AUTO, Axes

try:
    import h5py
except ImportError as error:
    raise MissingExtra("h5py", ".[hdf5]") from error

FILTER = 443
"""The number of the filter, from the range for tests until The HDF Group has assigned one."""
_NAME = b"bitsback; import bitsback.hdf5"  # HDF5 shows it if the filter is missing
_log = logging.getLogger("bitsback")
_VERSION = 1
_AXES = get_args(Axes)
_NUMBERS = DTYPES | {"<c8", ">c8", "<c16", ">c16"}
"""The dtypes of elements that models code. Other elements are coded as bytes."""
_PREFIX = 8
"""The number of bytes of a model's identity that name it. They are two numbers of HDF5."""


class Bitsback(h5py.filters.FilterRefBase):
    """The filter with its options, for `create_dataset`.

    >>> import io
    >>> import h5py
    >>> import numpy as np
    >>> z, y, x = np.mgrid[:4, :64, :64]
    >>> volume = (z + y + x).astype(np.uint16)
    >>> with h5py.File(io.BytesIO(), "w") as file:
    ...     data = file.create_dataset("x", data=volume, chunks=(4, 64, 64), **Bitsback())
    ...     bool((data[:] == volume).all())
    True
    """

    filter_id = FILTER

    def __init__(self, model: ModelChoice = "auto", axes: Axes = "auto") -> None:
        """The arguments and errors are those of `bitsback.zarr.BitsbackCodec`.

        The dataset names its model. If that is not bundled, readers pass it to
        `bitsback.register_model`, or name its file in the environment variable BITSBACK_MODELS.
        """
        coding = ChunkCoding.from_choice(model, axes, embed=False)
        models = coding.models or ()
        words = np.frombuffer(b"".join(one.digest[:_PREFIX] for one in models), "<u4")
        axes_number = _AXES.index(coding.axes)
        self.filter_options = (_VERSION, axes_number, len(models), *words.tolist())


@dataclass(frozen=True)
class _Settings:
    """The numbers that HDF5 stores with a dataset.

    They start with the options of the filter. When the dataset is created, the first two letters of
    the dtype, the bytes of an element, and the dimensions of a chunk are appended.
    """

    options: tuple[int, ...]
    dtype: np.dtype[Any]
    shape: Shape

    @classmethod
    def read(cls, numbers: tuple[int, ...]) -> _Settings:
        """Reads the numbers. Raises InputError."""
        options = _options(numbers)
        if len(numbers) < len(options) + 2:
            raise InputError("the filter lacks the numbers of its chunks")
        letters, size, *shape = numbers[len(options) :]
        name = letters.to_bytes(4, "little")[:2].decode("latin-1") + str(size)
        if name not in _NUMBERS and name != f"|V{size}":
            raise InputError(f"the filter's numbers give its chunks the unknown dtype {name!r}")
        return cls(options, np.dtype(name), tuple(shape))

    def numbers(self) -> tuple[int, ...]:
        letters = int.from_bytes(self.dtype.str[:2].encode(), "little")
        return (*self.options, letters, self.dtype.itemsize, *self.shape)

    def check(self) -> None:
        """Raises InputError or ModelError if such chunks cannot be coded."""
        coding = _coding(self.options)
        coding.check(self.dtype, self.shape)
        coding.check_models(self.dtype, self.shape)

    def encode(self, chunk: bytes) -> bytes:
        array = np.frombuffer(chunk, self.dtype).reshape(self.shape)
        return _coding(self.options).encode(array, described=True, numbered=False)

    def decode(self, data: bytes) -> bytes:
        dtype, shape = stored_dtype_and_shape(data)
        size, expected = (
            math.prod(one) * each.itemsize
            for one, each in ((shape, dtype), (self.shape, self.dtype))
        )
        if size != expected:  # checked before memory is allocated
            raise ArchiveError(f"a chunk has {size} bytes, and chunks of its dataset {expected}")
        return decode(data).tobytes()


def _options(numbers: tuple[int, ...]) -> tuple[int, ...]:
    """The options of the filter among a dataset's numbers. Raises InputError."""
    numbers = numbers or (_VERSION, 0, 0)  # there are none with compression=FILTER
    end = 3 + 2 * numbers[2] if len(numbers) > 2 else 3
    if len(numbers) < end or numbers[0] != _VERSION or numbers[1] >= len(_AXES):
        raise InputError(
            f"the filter has the numbers {numbers[:3]}, which this bitsback does not know: give"
            " bitsback.hdf5.Bitsback(), or update bitsback"
        )
    return numbers[:end]


@lru_cache(8)
def _coding(options: tuple[int, ...]) -> ChunkCoding:
    """The coding for the options of the filter. Raises ModelError if a model is missing."""
    words = np.array(options[3:], "<u4").tobytes()
    prefixes = [words[at : at + _PREFIX] for at in range(0, len(words), _PREFIX)]
    models = [NamedModel(prefix.hex(), prefix.hex()).load() for prefix in prefixes]
    return ChunkCoding.from_choice(models or AUTO, _AXES[options[1]], embed=False)


# The callbacks of the HDF5 library, by ctypes. h5py holds its lock during all of them.


_Id = c.c_int64


def _library() -> c.PyDLL:
    """The HDF5 library of h5py: on Windows a file beside h5py, elsewhere the linked library."""
    folder = Path(h5py.__file__).parent
    found = c.PyDLL(str(folder / "hdf5.dll") if os.name == "nt" else h5py.h5z.__file__)
    found.H5allocate_memory.argtypes = c.c_size_t, c.c_bool
    found.H5allocate_memory.restype = c.c_void_p
    found.H5free_memory.argtypes = (c.c_void_p,)
    found.H5Pmodify_filter.argtypes = _Id, c.c_int, c.c_uint, c.c_size_t, c.c_void_p
    found.H5Epush2.argtypes = _Id, *[c.c_char_p] * 2, c.c_uint, *[_Id] * 3, c.c_char_p
    found.H5Eset_current_stack.argtypes = (_Id,)
    found.H5Ecreate_stack.restype = _Id
    return found


_hdf5 = _library()


def _push(error: BaseException) -> None:
    """Puts an error on HDF5's error stack, which h5py turns into an OSError.

    In HDF5 2.0 filters cannot push errors, but they can replace the stack.
    """
    text = f"{error or type(error).__name__}".replace("%", "%%").encode()
    kinds = (_Id.in_dll(_hdf5, f"H5E_{name}_g") for name in ("ERR_CLS", "PLINE", "CALLBACK"))
    stack = _hdf5.H5Ecreate_stack()
    _hdf5.H5Epush2(stack, b"hdf5.py", b"bitsback", 0, *kinds, text)
    _hdf5.H5Eset_current_stack(stack)  # this closes `stack`


def _callback(kind: Any, failed: int) -> Callable[[Callable[..., int]], Any]:
    """A decorator that makes a callback of a function.

    Exceptions do not reach the C code; the callback then returns `failed`.
    """

    def make(function: Callable[..., int]) -> Any:
        @wraps(function)
        def call(*arguments: Any) -> int:
            try:
                return function(*arguments)
            except BaseException as error:
                _push(error)
                return failed

        return kind(call)

    return make


_SetLocal = c.CFUNCTYPE(c.c_int, _Id, _Id, _Id)
_Filter = c.CFUNCTYPE(
    c.c_size_t,
    c.c_uint,
    c.c_size_t,
    c.POINTER(c.c_uint),
    c.c_size_t,
    c.POINTER(c.c_size_t),
    c.POINTER(c.c_void_p),
)


@_callback(_SetLocal, -1)
def _set_local(plist: int, kind: int, _space: int) -> int:
    """Adds the properties of chunks to the numbers of a dataset that is being created."""
    creation = h5py.h5p.PropDCID(plist)
    creation.locked = True  # HDF5 owns it and will close it
    if creation.get_filter(0)[0] != FILTER:
        raise InputError(
            "bitsback has to be the first filter of a dataset: leave out shuffle= and scaleoffset="
        )
    flags, given, _ = creation.get_filter_by_id(FILTER)
    options = _options(given)
    settings = _Settings(options, _dtype(kind), creation.get_chunk())
    settings.check()
    numbers = settings.numbers()
    values = (c.c_uint * len(numbers))(*numbers)
    return int(_hdf5.H5Pmodify_filter(plist, FILTER, flags, len(numbers), values))


def _dtype(kind: int) -> np.dtype[Any]:
    """The dtype of the elements of chunks: a number, or bytes."""
    given = h5py.h5t.TypeID(kind)
    given.locked = True
    size = given.get_size()
    try:
        dtype = given.copy().dtype  # the copy has the subclass for its kind
    except (TypeError, ValueError, NotImplementedError):  # NumPy has no such dtype
        dtype = np.dtype("V")
    if dtype.kind == "b":
        return np.dtype("u1")
    known = dtype.str in _NUMBERS and dtype.itemsize == size
    return np.dtype(dtype.str if known else f"V{size}")


@_callback(_Filter, 0)
def _filter(flags: int, count: int, numbers: Any, size: int, capacity: Any, buffer: Any) -> int:
    """Replaces the bytes of a chunk in a buffer. Returns their number."""
    settings = _Settings.read(tuple(numbers[:count]))
    given = c.string_at(buffer[0], size)
    if flags & h5py.h5z.FLAG_REVERSE:
        made = settings.decode(given)
    else:
        try:
            made = settings.encode(given)
        except Exception as error:
            _log.warning("a chunk of HDF5 stays uncompressed: %s", error)
            raise
    memory = _hdf5.H5allocate_memory(len(made), False)
    if not memory:
        raise MemoryError("there is no memory for a chunk")
    c.memmove(memory, made, len(made))
    _hdf5.H5free_memory(buffer[0])
    buffer[0], capacity[0] = memory, len(made)
    return len(made)


class _Class(c.Structure):
    """H5Z_class2_t."""

    _fields_ = (
        ("version", c.c_int),
        ("id", c.c_int),
        ("encoder_present", c.c_uint),
        ("decoder_present", c.c_uint),
        ("name", c.c_char_p),
        ("can_apply", c.c_void_p),
        ("set_local", _SetLocal),
        ("filter", _Filter),
    )


_class = _Class(h5py.h5z.CLASS_T_VERS, FILTER, 1, 1, _NAME, None, _set_local, _filter)
h5py.h5z.register_filter(c.addressof(_class))


@atexit.register
def _close() -> None:
    """Closes the open datasets, whose chunks HDF5 would otherwise write after Python has ended.

    Callbacks fail then, since a Python function returns 0.
    """
    for data in h5py.h5f.get_obj_ids(h5py.h5f.OBJ_ALL, h5py.h5f.OBJ_DATASET):
        if data.get_create_plist().get_filter_by_id(FILTER) is None:
            continue
        try:
            while data.valid:
                h5py.h5i.dec_ref(data)
        except (OSError, RuntimeError) as error:
            _log.error("a dataset that was open at the end of Python: %s", error)
    _class.filter = c.cast(c.pythonapi.Py_IsInitialized, _Filter)
    h5py.h5z.register_filter(c.addressof(_class))
