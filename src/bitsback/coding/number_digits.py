"""Cut elements of wide dtypes into digits of at most 16 bits, and join them (docs/format.md,
Methods).

Models for pictures of 16 bits then code the high digits of floats, which are smooth. The low
digits, which are noise, are stored.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.errors import ArchiveError
from bitsback.format.numbers import elements_of, numbers_of
from bitsback.wire import Cursor, varint

MOST_BITS = 16
MOST_DIGITS = 8
_BYTE = 8
_LOOK = 1 << 16  # elements
_RARE, _FEW, _MOST_EXCEPTIONS = 4096, 8, 256
"""The number of exceptions at either end at most.

It is `_FEW`, and one more for each `_RARE` elements, up to `_MOST_EXCEPTIONS`.
"""
_WORTH = 8
"""Bits of range that have to go to save one bit of a coded element."""


@dataclass(frozen=True)
class Cut:
    """How numbers are cut into digits.

    Each number is base + 2^shift * x. The digits of x have `bits` bits, the highest first.
    """

    base: int
    shift: int
    bits: tuple[int, ...]
    exceptions: bytes = b""
    """Elements whose numbers are far from all others, such as NaN and -0.0.

    For each: the gap to the one before, and its number.
    """


def cut_of(elements: NDArray[Any]) -> tuple[Cut, list[NDArray[Any]]]:
    """The cut for some elements, and their digits, of uint8 or uint16.

    The highest digit has 16 bits at most. The other bits are cut into bytes, since noise is best
    stored as bytes. elements: of at least two values.
    """
    numbers = numbers_of(elements)
    rare = _rare(numbers.reshape(-1))
    exceptions = b""
    if rare.size:
        exceptions = _packed(rare, numbers.reshape(-1)[rare])
        numbers = _without(numbers.reshape(-1), rare).reshape(numbers.shape)
    base = numbers.min()
    numbers = numbers - base
    used = int(np.bitwise_or.reduce(numbers)) or 1  # 0 if all are equal
    shift = (used & -used).bit_length() - 1
    left = used.bit_length() - shift
    bits = [min(left, MOST_BITS)]
    left -= bits[0]
    bits += [left % _BYTE] * (left % _BYTE > 0) + [_BYTE] * (left // _BYTE)
    digits, at = [], shift + sum(bits)
    for count in bits:
        at -= count
        digit = (numbers >> numbers.dtype.type(at)) & numbers.dtype.type((1 << count) - 1)
        digits.append(digit.astype(dtype_of(count)))
    return Cut(int(base), shift, tuple(bits), exceptions), digits


def _rare(numbers: NDArray[Any]) -> NDArray[np.int64]:
    """The places of outliers: few numbers without which the others have fewer bits."""
    count = min(_FEW + numbers.size // _RARE, _MOST_EXCEPTIONS)
    none = np.empty(0, np.int64)
    if numbers.size <= 2 * count:
        return none
    ends = np.partition(numbers, [count, numbers.size - 1 - count])
    low, high = np.sort(ends[: count + 1]), np.sort(ends[-1 - count :])[:, np.newaxis]
    width = high - low
    below, above = np.arange(count + 1), np.arange(count, -1, -1)[:, np.newaxis]
    # Cutting off the tails of a distribution does not pay, so exceptions are only far outliers.
    apart = (below == 0) | (low - np.roll(low, 1) > width // 2)
    apart &= (above == 0) | (np.roll(high, -1) - high > width // 2)
    cost = np.ceil(np.log2(width + 1.0)) * numbers.size / _WORTH
    cost = np.where(apart, cost + 8 * (numbers.itemsize + 2) * (below + above), np.inf)
    end, start = np.unravel_index(np.argmin(cost), cost.shape)
    return np.flatnonzero((numbers < low[start]) | (numbers > high[end, 0]))


def _without(numbers: NDArray[Any], places: NDArray[np.int64]) -> NDArray[Any]:
    """The numbers, with those at `places` replaced by the nearest other number before them.

    At the start, where none is before, the first other number replaces them.
    """
    kept = np.arange(numbers.size)
    kept[places] = -1
    kept = np.maximum.accumulate(kept)
    first = int(np.argmax(kept >= 0))
    return numbers[np.maximum(kept, first)]


def _packed(places: NDArray[np.int64], numbers: NDArray[Any]) -> bytes:
    """The bytes of the exceptions."""
    gaps = np.diff(places, prepend=-1) - 1
    stored = numbers.astype(numbers.dtype.newbyteorder("<"))
    pairs = zip(gaps.tolist(), stored, strict=True)
    return b"".join(varint(gap) + number.tobytes() for gap, number in pairs)


def read_exceptions(
    data: memoryview, dtype: np.dtype[Any], elements: int
) -> Iterator[tuple[int, int]]:
    """Pairs (place, number) of the exceptions. elements: the number of elements.

    Raises ArchiveError.
    """
    cursor, place = Cursor(data), 0
    while cursor.at < len(data):
        place += cursor.varint()
        if place >= elements:
            raise ArchiveError("it has an exception behind its elements")
        yield place, int.from_bytes(cursor.take(dtype.itemsize), "little")
        place += 1


def joined(
    cut: Cut,
    digits: Iterable[NDArray[Any]],
    exceptions: Iterable[tuple[int, int]],
    dtype: np.dtype[Any],
) -> NDArray[Any]:
    """The elements, of this dtype, from their digits and exceptions.

    Exceptions behind the last digit are ignored.
    """
    unsigned = np.dtype(f"u{dtype.itemsize}")
    whole: NDArray[Any] | None = None
    for count, digit in zip(cut.bits, digits, strict=True):
        found = digit.astype(unsigned)
        whole = found if whole is None else (whole << unsigned.type(count)) | found
    assert whole is not None, "there is a digit"
    whole = (whole << unsigned.type(cut.shift)) + unsigned.type(cut.base)
    for place, number in exceptions:
        if place < len(whole):
            whole[place] = number
    return elements_of(whole, dtype)


def dtype_of(bits: int) -> np.dtype[Any]:
    """The dtype of a digit."""
    return np.dtype("|u1" if bits <= _BYTE else "<u2")


def sound(cut: Cut, dtype: np.dtype[Any]) -> bool:
    """Whether the cut is possible for elements of this dtype, numbers of 16 bits or more."""
    return (
        dtype.kind in "iuf"
        and dtype.itemsize > 1
        and 1 <= len(cut.bits) <= MOST_DIGITS
        and all(1 <= count <= MOST_BITS for count in cut.bits)
        and sum(cut.bits) + cut.shift <= 8 * dtype.itemsize
    )


def fits(digit: NDArray[Any], bits: int) -> bool:
    """Whether all values of a digit have at most `bits` bits."""
    return int(digit.max(initial=0)) >> bits == 0


def is_noise(digit: NDArray[Any], bits: int, share: float) -> bool:
    """Whether a digit of at most a byte is noise, so that no model need be tried.

    It is noise if the entropies of its values and of their differences are both at least this share
    of its bits.
    """
    if bits > _BYTE:
        return False
    start = max((digit.size - _LOOK) // 2, 0)
    some = digit[start : start + _LOOK]
    kept = np.uint8((1 << bits) - 1)
    return min(_entropy(some), _entropy((some[1:] - some[:-1]) & kept)) > share * bits


def _entropy(values: NDArray[np.uint8]) -> float:
    """The entropy of the values in bits per value, by their frequencies."""
    counts = np.bincount(values)
    shares = counts[counts > 0] / values.size
    return float(-np.sum(shares * np.log2(shares)))


def digit_entry(digits: Sequence[Any], place: int) -> Any:
    """The entry of a digit. The last entry also serves all digits behind it."""
    return digits[min(place, len(digits) - 1)]
