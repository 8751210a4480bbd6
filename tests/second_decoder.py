"""What `make decoder` builds, by its names on this system."""

import sys
from pathlib import Path

_FOLDER = Path(__file__).parents[1] / "decoder" / "target" / "release"
_PREFIX = "" if sys.platform == "win32" else "lib"
_SUFFIX = {"win32": ".dll", "darwin": ".dylib"}.get(sys.platform, ".so")

PROGRAM = _FOLDER / ("bitsback-decode.exe" if sys.platform == "win32" else "bitsback-decode")
LIBRARY = _FOLDER / f"{_PREFIX}bitsback_decode_c{_SUFFIX}"
PLUGIN = _FOLDER / f"{_PREFIX}H5Zbitsback{_SUFFIX}"


def require(path: Path) -> None:
    """Raises FileNotFoundError if the file was not built."""
    if not path.exists():
        raise FileNotFoundError(
            f"{path} is missing: install cargo (apt-get install rustc cargo), and run"
            ' `make decoder`; or deselect its tests, -m "not slow and not rust"'
        )
