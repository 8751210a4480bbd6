"""Archives of few bytes that claim much: each command ends soon, with memory for the actual
bytes.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bitsback.format.array_part import ArrayPart
from bitsback.format.index import BlockInfo, Index, Place
from bitsback.format.layout import BLOCK, COLLECTION, HEAD, NAMES, section
from bitsback.format.parts import PAGES, FileCollection
from bitsback.format.runs import Run, pack_runs
from bitsback.wire import varint
from packing import index_of
from waiting import PATIENCE

from .conftest import assert_error_line

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs resource")

MEASURE = """
import resource, subprocess, sys
code = subprocess.run([sys.executable, "-m", "bitsback", *sys.argv[1:]]).returncode
print(code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def cost(folder: Path, *arguments: str) -> tuple[int, int, str]:
    """The exit code, the peak memory in bytes, and standard error."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, *arguments],
        capture_output=True,
        cwd=folder,
        timeout=PATIENCE,
    )
    code, kilobytes = map(int, done.stdout.splitlines()[-1].split())
    return code, kilobytes * 1024, done.stderr.decode()


def pages(folder: Path, count: int, data: int) -> Path:
    """An archive of `count` pages of one pixel, whose block has `data` bytes."""
    collection = FileCollection(PAGES, (ArrayPart.of_items("|b1", (1, 1), count),))
    run = pack_runs([Run(count, np.dtype(bool), (1, 1), (b"\0", b"\1"))])
    block = section(BLOCK, varint(0) + run + b"\1" + bytes(data))
    start = HEAD + collection.pack()
    names = section(NAMES, varint(1) + varint(0) + varint(count))
    path = folder / "pages.bb"
    archive = start + block + names
    path.write_bytes(archive + index_of(archive, [count]))
    return path


@pytest.mark.parametrize(
    "arguments",
    [
        ["extract", "x.bb", "0:", "--png", "d"],
        ["verify", "x.bb"],
        ["info", "x.bb"],
        ["list", "-l", "x.bb"],
    ],
)
def test_pages_that_are_not_there(tmp_path: Path, arguments: list[str]) -> None:
    pages(tmp_path, 8_000_000, 2000).rename(tmp_path / "x.bb")
    usual = cost(tmp_path, "info", "nothing.bb")[1]
    code, held, said = cost(tmp_path, *arguments)
    assert code == (0 if arguments[0] in ("info", "list") else 2)
    assert held - usual < 40_000_000
    if code:
        assert_error_line(said, "x.bb", "block 0")
    assert [path.name for path in tmp_path.iterdir()] == ["x.bb"]


@pytest.mark.parametrize("command", ["info", "verify"])
def test_blocks_that_are_not_there(tmp_path: Path, command: str) -> None:
    start = HEAD + ArrayPart(np.dtype("u1"), (500_000, 0), 1).pack()
    blocks = [BlockInfo(n, n, 1, len(start) + 6 * n, 6) for n in range(500_000)]
    collection = Place(COLLECTION, len(HEAD), len(start) - len(HEAD))
    index = Index([collection], blocks).pack()
    (tmp_path / "x.bb").write_bytes(start + index)
    usual = cost(tmp_path, "info", "nothing.bb")[1]
    _, held, said = cost(tmp_path, command, "x.bb")
    assert held - usual < 120 * (tmp_path / "x.bb").stat().st_size
    assert said.count("\n") < 5
