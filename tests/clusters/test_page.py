"""The code in docs/clusters.md runs as it stands, where it needs no cluster of somebody's."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "clusters.md"
BLOCKS = re.findall(
    r"^```python( notest)?\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S
)


@pytest.mark.parametrize(("notest", "code"), BLOCKS)
def test_code(notest: str, code: str) -> None:
    compiled = compile(code, str(PAGE), "exec")
    if not notest:
        exec(compiled, {})
