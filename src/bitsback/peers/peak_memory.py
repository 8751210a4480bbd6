"""The peak memory of this process, as the system counts it."""

from __future__ import annotations

import re
import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")


def peak_memory() -> int | None:
    """The largest resident size, in bytes, that this process has had, or any program that it ran;
    None if unknown.

    The resource usage of Linux counts what a process was before it became this program, its
    parent's size that is, so there the size is read from /proc. For a program that was run, the
    usage is at least the size of this process.
    """
    try:
        import resource
    except ImportError:  # Windows
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    programs = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * unit
    if _STATUS.exists():
        found = re.search(r"^VmHWM:\s*(\d+) kB", _STATUS.read_text(), re.MULTILINE)
        own = int(found[1]) * 1024 if found else 0
    else:
        own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return max(own, programs) or None
