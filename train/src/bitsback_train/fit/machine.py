"""A setting of this machine that makes training fast: kept memory."""

import ctypes
import sys

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
