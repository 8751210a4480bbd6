"""`.ci/run` runs the commands at the start of the README."""

from __future__ import annotations

import re
import subprocess

from docs.blocks import ROOT


def test_the_continuous_integration_reads_them_from_the_readme() -> None:
    begun = re.findall(r"^(make [a-z-]+)", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE)
    assert begun == ["make demo", "make test"]
    script = (ROOT / ".ci" / "run").read_text("utf-8")
    (reading,) = re.findall(r"<\((sed .*README.md)\)", script)
    read = subprocess.run(["bash", "-c", reading], cwd=ROOT, capture_output=True, text=True)
    assert read.stdout.splitlines() == begun
