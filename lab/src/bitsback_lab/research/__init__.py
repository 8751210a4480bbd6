"""Research archives: images coded with any functions of floats as a model, within one environment
(docs/research.md).

    compress(images, model, path)    codes them with bits back, and says what by
    decompress(path, model)          where the floats are the same; elsewhere it is refused
    describe(path)                   its images, and what it was made by

>>> import io
>>> import numpy as np
>>> from bitsback_lab import research
>>> from bitsback.codecs import Bernoulli, GaussianBuckets, Uniform
>>> weights = np.random.default_rng(0).normal(size=(2, 16))
>>> def prior(images):
...     return Uniform(1 << 8, shape=(images, 2))
>>> def likelihood(z):  # the bucket z of 256 is a number near (z - 128) / 50
...     return Bernoulli.from_probability(1 / (1 + np.exp(-(z - 128) / 50 @ weights)))
>>> def posterior(x):
...     return GaussianBuckets.from_float((x - 0.5) @ weights.T / 4, 0.5, bucket_bits=8)
>>> model = research.Functions(prior, likelihood, posterior)
>>> images, file = np.eye(16, dtype=np.uint8), io.BytesIO()  # or the path of a file
>>> summary = research.compress(images, model, file)
>>> np.array_equal(research.decompress(file, model), images)
True
"""

import io
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bitsback.errors import ArchiveError, InputError, ModelError
from bitsback.io.file_io import reading, stream_name
from bitsback.io.output import open_output
from bitsback.summary import Summary
from bitsback_lab.research.fingerprint import differences, fingerprint, made_by
from bitsback_lab.research.float_file import (
    MOST_IMAGES,
    Header,
    block_section,
    dtype_of,
    read_block,
    read_header,
)
from bitsback_lab.research.float_models import FloatModel, Functions, decode_checked, encode

__all__ = ["FloatModel", "Functions", "OtherEnvironment", "compress", "decompress", "describe"]

Place = str | os.PathLike[str] | BinaryIO


class OtherEnvironment(ArchiveError):
    """A research archive was made in an environment that may compute other floats. `differences`
    lists the reasons.
    """

    def __init__(self, message: str, differences: list[str]) -> None:
        super().__init__(message)
        self.differences = differences

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self), self.differences)


def compress(
    images: ArrayLike,
    model: FloatModel,
    path: Place,
    *,
    block: int = 1024,
    growth: int = 96,
    batch: int = 256,
    force: bool = False,
) -> Summary:
    """Codes images with a model of floats, and writes a research archive.

    images: integers or bools [images, ...], at least one axis. model: an object with the methods
    prior, likelihood and posterior, or `Functions`. path: of a file, or a binary file. block: the
    number of images that are decoded together. growth: the size of a batch is growth / 256 of the
    images coded before it, up to `batch` images. Small first batches leave enough bits to choose
    latents with. force: replace a file.

    Every block is decoded again before it is written. Returns a summary. Raises InputError for
    unsupported images or an existing file. Raises ModelError if a second run of the model gives
    other floats.
    """
    array = np.asarray(images, order="C")
    dtype = dtype_of(array.dtype)
    if dtype is None or not array.ndim or not array.size:
        raise InputError(
            f"a research archive holds integers or bools [images, ...], one at least, not"
            f" {array.dtype} of shape {array.shape}"
        )
    for name, value, most in (
        ("block", block, MOST_IMAGES),
        ("growth", growth, 256),
        ("batch", batch, 1 << 16),
    ):
        if not 1 <= value <= most:
            raise InputError(f"{name} must be from 1 to {most:,}, not {value}")
    sections = []
    for first in range(0, len(array), block):
        part = array[first : first + block].astype(dtype, copy=False)
        message = encode(model, part, growth, batch)
        _run_again(model, message, part, growth, batch)
        sections.append((len(part), block_section(message)))
    sizes = tuple((count, len(section)) for count, section in sections)
    header = Header(dtype, array.shape, growth, batch, sizes, fingerprint(model))
    with open_output(path, force) as output:
        output.write(header.pack())
        for _, section in sections:
            output.write(section)
        written = output.size
    return Summary(
        shape=array.shape,
        dtype=dtype.str,
        items=len(array),
        elements=array.size,
        blocks=len(sections),
        bytes_in=array.nbytes,
        bytes_out=written,
        files=None,
        noun="item",
    )


def decompress(
    path: Place, model: FloatModel, *, force: bool = False, items: slice | None = None
) -> NDArray[Any]:
    """The images of a research archive: [images, ...], of the original dtype.

    model: the one that made it. force: tries to decode in another environment or with another
    model; each block has a digest, so that the result is right or an error. items: the images to
    return; only their blocks are decoded.
    Raises OtherEnvironment, an ArchiveError that lists all differences, unless `force`;
    ArchiveError for a file that is damaged or no research archive, and for a model that computes
    other floats.
    """
    with _opened(path) as (file, name):
        header = read_header(file, name)
        _check_environment(header, model, force)
        return _decode(file, name, header, model, items)


def describe(path: Place) -> str:
    """The images of a research archive, and the environment that made it, in a few words. Raises
    InputError, and ArchiveError for a file that is damaged or no research archive.
    """
    with _opened(path) as (file, name):
        header = read_header(file, name)
    sizes = " x ".join(f"{size:,}" for size in header.shape)
    return f"{sizes} {header.dtype.name}, made by {made_by(header.fingerprint)}"


def _run_again(
    model: FloatModel, message: bytes, part: NDArray[Any], growth: int, batch: int
) -> None:
    try:
        decode_checked(model, message, part.shape, part.dtype, growth, batch)
    except ArchiveError as error:
        raise ModelError(
            "what was coded does not decode here and now: the model must give the same floats each"
            " time (switch dropout and non-deterministic kernels off), its likelihood must code"
            f" integers of the shape of the images: {error.__cause__}"
        ) from error


def _check_environment(header: Header, model: FloatModel, force: bool) -> None:
    found = differences(fingerprint(model), header.fingerprint)
    if found and not force:
        raise OtherEnvironment(
            "this research archive was made where other floats may be computed: "
            + "; ".join(found)
            + "; it can be forced (force=True): what comes out is checked",
            found,
        )


def _decode(
    file: BinaryIO, name: str, header: Header, model: FloatModel, items: slice | None
) -> NDArray[Any]:
    wanted = range(header.shape[0])[items or slice(None)]
    least, end = (min(wanted), max(wanted) + 1) if wanted else (0, 0)
    parts: list[NDArray[Any]] = []
    first = kept_from = 0
    for number, (images, size) in enumerate(header.blocks):
        if first < end and least < first + images:
            if not parts:
                kept_from = first
            parts.append(_block(file, name, header, model, number))
        else:
            file.seek(size, io.SEEK_CUR)
        first += images
    if not parts:
        return np.zeros((0, *header.shape[1:]), header.dtype)
    whole = np.concatenate(parts).astype(header.dtype, copy=False)
    if items is None:
        if file.read(1):
            raise ArchiveError("something follows its last block")
        return whole
    chosen: NDArray[Any] = whole[np.array(wanted) - kept_from]
    return chosen


def _block(
    file: BinaryIO, name: str, header: Header, model: FloatModel, number: int
) -> NDArray[Any]:
    images, size = header.blocks[number]
    try:
        message = read_block(file, size, name)
        return decode_checked(
            model, message, (images, *header.shape[1:]), header.dtype, header.growth, header.batch
        )
    except ArchiveError as error:
        raise ArchiveError(f"block {number}: {error}", number) from error


@contextmanager
def _opened(path: Place) -> Iterator[tuple[BinaryIO, str]]:
    """The file and its name, which is put before errors of archives."""
    if isinstance(path, str | os.PathLike):
        name = os.fspath(path)
        if Path(path).exists() and not Path(path).is_file():
            raise InputError(f"{name}: is no file")
        with reading(name):
            opened: AbstractContextManager[BinaryIO] = Path(path).open("rb")  # noqa: SIM115 - closed below
    else:
        path.seek(0)
        name, opened = stream_name(path, "the archive"), nullcontext(path)
    with opened as file:
        try:
            yield file, name
        except OtherEnvironment as error:
            raise OtherEnvironment(f"{name}: {error}", error.differences) from None
        except ArchiveError as error:
            raise ArchiveError(f"{name}: {error}", error.block) from error
