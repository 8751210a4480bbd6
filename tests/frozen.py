"""The files that never change once a release has them, by their SHA-256, and the tables of the
specification that follow from them: the bundled models, and the conformance files that a decoder
restores after each step.

    PYTHONPATH=tests python tests/frozen.py

writes frozen.txt and the tables.
"""

import hashlib
import re

from bitsback.models import bundled
from docs.blocks import ROOT
from docs.specification import steps

HASHES = ROOT / "tests/frozen.txt"
FILES = (
    "tests/*/golden/*.b*", "tests/chunks/golden/*.h5", "tests/chunks/golden/*.zarr/**/*",
    "conformance/index.json", "conformance/*/*.b*", "src/bitsback/models/bundled/*.safetensors",
)  # fmt: skip
_TABLE = re.compile(
    r"(?<=<!-- tests/frozen.py writes this table -->\n\n)[^<]*(?=\n\n<!-- its end -->)"
)


def hashes() -> str:
    """A line for each file, as sha256sum writes it."""
    found = sorted(path for pattern in FILES for path in ROOT.glob(pattern) if path.is_file())
    return "".join(
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(ROOT).as_posix()}\n"
        for path in found
    )


def models() -> str:
    """A row for each bundled model."""
    rows = ["| model | bytes of its file | identity |", "| --- | --- | --- |"]
    for name in bundled.names():
        rows.append(f"| `{name}` | {bundled.size(name):,} | `{bundled.identity(name).hex()}` |")
    return "\n".join(rows)


TABLES = {"docs/model-format.md": models, "docs/format.md": steps}


def page(name: str) -> str:
    """A page of the specification with its table as it should be."""
    text, tables = _TABLE.subn(TABLES[name](), (ROOT / name).read_text(encoding="utf-8"))
    assert tables == 1
    return text


if __name__ == "__main__":
    HASHES.write_text(hashes(), encoding="utf-8", newline="\n")
    for name in TABLES:
        (ROOT / name).write_text(page(name), encoding="utf-8", newline="\n")
