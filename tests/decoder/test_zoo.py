"""The second decoder restores the zoo's PNG and TIFF files with their bytes, modes and times."""

from __future__ import annotations

import os
import subprocess
from itertools import islice
from pathlib import Path

import pytest

import bitsback
from bitsback.archive.inputs import folders, request
from second_decoder import PROGRAM
from zoo.test_zoo import ZOO, made

pytestmark = pytest.mark.rust


@pytest.mark.parametrize("kind", ["png", "animated", "library", "tiff", "tool"])
@pytest.mark.parametrize("step", [pytest.param(1, marks=pytest.mark.slow), 20])
def test_files_come_back(
    kind: str, step: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of them, or every 20th."""
    monkeypatch.setattr(folders, "pixel_cost", lambda *_: (0, False))
    monkeypatch.setattr(request.FolderFiles, "outgrown", lambda *_: frozenset())
    before, after = tmp_path / "in", tmp_path / "out"
    (before / "inner").mkdir(parents=True)
    files = made(islice(ZOO[kind](), 0, None, step))
    for number, (name, data) in enumerate(files.items()):
        if name.endswith((".png", ".tif")):
            path = before / "inner" / name
            path.write_bytes(data)
            path.chmod(0o600 + number % 64)
            os.utime(path, ns=(0, 10**18 + 12_345_678 * number - number % 2 * 10**19))
    os.utime(before / "inner", ns=(0, 10**17))
    (before / "inner").chmod(0o750)
    os.utime(before, ns=(0, 3 * 10**17))
    bitsback.compress(before, tmp_path / "x.bb", model="fast")
    run = subprocess.run([PROGRAM, tmp_path / "x.bb", after], capture_output=True, text=True)
    assert run.returncode == 0 and not run.stderr, run.stderr
    paths = [before, before / "inner", *(before / "inner").iterdir()]
    assert len(paths) > 5
    for path in paths:
        again = after / path.relative_to(before)
        now, then = again.stat(), path.stat()
        assert (now.st_mode, now.st_mtime_ns) == (then.st_mode, then.st_mtime_ns), path
        assert path.is_dir() or again.read_bytes() == path.read_bytes(), path
