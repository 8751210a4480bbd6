"""Settings of this machine that make training fast: kept memory, and bfloat16."""

import ctypes
import sys
import time

import torch
from torch.nn import functional

TRIM_THRESHOLD, TOP_PAD, MMAP_MAX = -1, -2, -4  # parameters of glibc's mallopt
PAD = 1 << 28  # bytes by which the heap grows at a time


def keep_freed_memory() -> None:
    """Keeps freed memory, with glibc; elsewhere it does nothing.

    glibc returns large blocks to the system at once, which then has to clear new ones for the next
    step: a third of the time of training a context VAE.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:  # another C library
        return
    for parameter, value in ((MMAP_MAX, 0), (TRIM_THRESHOLD, 2**31 - 1), (TOP_PAD, PAD)):
        mallopt(parameter, value)


ROWS, INPUTS, OUTPUTS = 2_048, 144, 64
TRIALS = 5  # the first is a warm-up
GAIN = 1.5  # the least speed-up with which bfloat16 is used


def faster_in_half() -> bool:
    """Whether bfloat16 is faster, by some timed products: it is several times as fast with
    AVX512_BF16 or AMX, and slower, or far slower, without.
    """
    return _best_seconds(torch.float32) > GAIN * _best_seconds(torch.bfloat16)


def _best_seconds(dtype: torch.dtype) -> float:
    value, weight = torch.ones(ROWS, INPUTS, dtype=dtype), torch.ones(OUTPUTS, INPUTS, dtype=dtype)
    seconds = []
    for _ in range(TRIALS):
        start = time.perf_counter()
        functional.linear(value, weight)
        seconds.append(time.perf_counter() - start)
    return min(seconds)
