"""The tables of codecs and models, which come with the package (docs/format.md,
docs/model-format.md).

tools/make_tables.py and tools/make_jpeg_symbols.py made them. The meaning of archives depends on
them, so they are checked on first use.
"""

import hashlib
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import BitsbackError

_SHA256 = {
    "normal_cdf.bin": "a7adad7ffe681d652678c375eff2ad96f1a7e1defcee7574fd641629dd8dd2e1",
    "normal_quantile.bin": "c6b11b5f4447c7df59c8af373cf1bc405c4200495262e713ea76c0895e7570cb",
    "logistic_cdf.bin": "2d3f0cde75ce152c90ffb0d89b6004392a0670c5205afc4c74d18aa94f13bd0d",
    "exp2.bin": "ef100312163d24e445e0cf6a58a866b930891adce2adaac4123d531ee6a13df6",
    "stretch.bin": "73ee8079df7acbc6fe70d3f199528cadf2a191f442ac1ec2d1325b636ee34f3e",
    "beta_binomial.bin": "8c95250e06ff2ea1e5798835fe60a855a8c999028596a1f4bae4c9d451077c86",
    "jpeg_header.bin": "96f7c54acaf9c9ad6c30cec45790c6c92cf4312505dc0aabe9fae77049f9ea63",
    "jpeg_symbols.bin": "ea491d5f0546f2401c0a4cdb73ac2bafc4c6080f78a5f4239c1dfc40f8e9536a",
}


@cache
def normal_cdf() -> NDArray[np.int32]:
    """The distribution function of N(0, 1) at j / 128 - 8, times 2^28: int32 [2049], read-only.

    Raises BitsbackError if the file is missing or damaged.
    """
    return _load("normal_cdf.bin", "<i4")


@cache
def normal_quantile() -> NDArray[np.int32]:
    """The quantile of N(0, 1) at j / 8192, times 2^16, with 0 at both ends: int32 [8193],
    read-only.

    Raises BitsbackError if the file is missing or damaged.
    """
    return _load("normal_quantile.bin", "<i4")


@cache
def logistic_cdf() -> NDArray[np.int32]:
    """The logistic distribution function at j / 64 - 16, times 2^28: int32 [2049], read-only.

    Raises BitsbackError if the file is missing or damaged.
    """
    return _load("logistic_cdf.bin", "<i4")


@cache
def stretch() -> NDArray[np.int32]:
    """The log-odds against probabilities up to one half, 64 for each factor of two, times 2^11:
    int32 [1408], read-only.

    Raises BitsbackError if the file is missing or damaged.
    """
    return _load("stretch.bin", "<i4")


@cache
def exp2() -> NDArray[np.uint32]:
    """2^(28 - f / 1024), uint32 [1024], read-only. Raises BitsbackError if the file is missing or
    damaged.
    """
    return _load("exp2.bin", "<u4")


@cache
def beta_binomial() -> NDArray[np.uint16]:
    """Cumulative probabilities of beta-binomials by mean, concentration and symbol, in units of
    2^-16.

    uint16 [64, 32, 256], read-only. Raises BitsbackError if the file is missing or damaged.
    """
    return _load("beta_binomial.bin", "<u2").reshape(64, 32, 256)


@cache
def jpeg_header() -> bytes:
    """The marker segments of a usual JPEG stream, behind SOI: 621 bytes.

    Raises BitsbackError if the file is missing or damaged.
    """
    return _load("jpeg_header.bin", "u1").tobytes()


@cache
def jpeg_symbols() -> NDArray[np.int16]:
    """The first distributions and weights of coefficients as symbols: int16 [32646], read-only.

    Raises BitsbackError if the file is missing or damaged.
    """
    return _load("jpeg_symbols.bin", "<i2")


def _load(name: str, dtype: str) -> NDArray[Any]:
    path = files(__name__).joinpath(name)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BitsbackError(
            f"cannot read a part of bitsback ({error}): install bitsback again"
        ) from error
    if hashlib.sha256(data).hexdigest() != _SHA256[name]:
        raise BitsbackError(f"{path}, a part of bitsback, is damaged: install bitsback again")
    stored = np.frombuffer(data, dtype)
    table = stored.astype(stored.dtype.newbyteorder("="))
    table.flags.writeable = False
    return table
