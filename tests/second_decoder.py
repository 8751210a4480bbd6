"""What `make decoder` builds, by its names on this system."""

import sys
from pathlib import Path

_FOLDER = Path(__file__).parents[1] / "decoder" / "target" / "release"
_PREFIX = "" if sys.platform == "win32" else "lib"
_SUFFIX = {"win32": ".dll", "darwin": ".dylib"}.get(sys.platform, ".so")

PROGRAM = _FOLDER / ("bitsback-decode.exe" if sys.platform == "win32" else "bitsback-decode")
LIBRARY = _FOLDER / f"{_PREFIX}bitsback_decode_c{_SUFFIX}"
PLUGIN = _FOLDER / f"{_PREFIX}H5Zbitsback{_SUFFIX}"
BUILT = PROGRAM, LIBRARY, PLUGIN
