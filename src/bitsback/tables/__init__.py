"""The two tables of the normal distribution behind the Gaussian codec, as bytes that ship (docs/format.md).

tools/make_tables.py made them. They decide what archives mean, so they are checked when they are first used.
"""

import hashlib
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from ..errors import BitsbackError

_SHA256 = {
    "normal_cdf.bin": "a7adad7ffe681d652678c375eff2ad96f1a7e1defcee7574fd641629dd8dd2e1",
    "normal_quantile.bin": "c6b11b5f4447c7df59c8af373cf1bc405c4200495262e713ea76c0895e7570cb",
}


@cache
def normal_cdf() -> NDArray[np.int32]:
    """The distribution function of N(0, 1) at j / 128 - 8, times 2^28: int32 [2049], read-only.

    Raises BitsbackError if the file is missing or damaged.
    """
    return _load("normal_cdf.bin")


@cache
def normal_quantile() -> NDArray[np.int32]:
    """The quantile of N(0, 1) at j / 8192, times 2^16, with 0 at both ends: int32 [8193], read-only.

    Raises BitsbackError if the file is missing or damaged.
    """
    return _load("normal_quantile.bin")


def _load(name: str) -> NDArray[np.int32]:
    path = files(__name__).joinpath(name)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BitsbackError(f"cannot read {path}, a part of bitsback ({error}): install bitsback again") from error
    if hashlib.sha256(data).hexdigest() != _SHA256[name]:
        raise BitsbackError(f"{path}, a part of bitsback, is damaged: install bitsback again")
    table = np.frombuffer(data, "<i4").astype(np.int32)
    table.flags.writeable = False
    return table
