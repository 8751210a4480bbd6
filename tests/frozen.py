"""The files that never change once a release has them, by their SHA-256, and the table of the
bundled models in docs/model-format.md.

    PYTHONPATH=tests python tests/frozen.py

writes both anew: frozen.txt, and the table.
"""

import hashlib
import re

from bitsback.models import bundled
from docs.blocks import ROOT

HASHES = ROOT / "tests/frozen.txt"
PAGE = ROOT / "docs/model-format.md"
FILES = (
    "tests/*/golden/*.b*", "tests/chunks/golden/*.h5", "tests/chunks/golden/*.zarr/**/*",
    "conformance/index.json", "conformance/*/*.b*", "src/bitsback/models/bundled/*.safetensors",
)  # fmt: skip
_TABLE = re.compile(
    r"(?<=<!-- tests/frozen.py writes this table -->\n\n)[^<]*(?=\n<!-- its end -->)"
)


def hashes() -> str:
    """A line for each file, as sha256sum writes it."""
    found = sorted(path for pattern in FILES for path in ROOT.glob(pattern) if path.is_file())
    return "".join(
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(ROOT).as_posix()}\n"
        for path in found
    )


def page(text: str) -> str:
    """docs/model-format.md with the table of the models that are there now."""
    rows = [
        f"| `{name}` | {bundled.size(name):,} | `{bundled.identity(name).hex()}` |\n"
        for name in bundled.names()
    ]
    head = "| model | bytes of its file | identity |\n| --- | --- | --- |\n"
    made, tables = _TABLE.subn(head + "".join(rows), text)
    assert tables == 1
    return made


if __name__ == "__main__":
    HASHES.write_text(hashes(), encoding="utf-8", newline="\n")
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8", newline="\n")
