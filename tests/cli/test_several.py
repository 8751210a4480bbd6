"""Several archives in one command: each is tried and named, and the exit status reveals a
failure.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from .conftest import Run, assert_one_line_error


@pytest.fixture
def three(folder: Path) -> list[str]:
    """An intact archive, a file that is not an archive, and another intact archive."""
    Path("broken.bb").write_bytes(b"broken")
    shutil.copy("digits.bb", "more.bb")
    return ["digits.bb", "broken.bb", "more.bb"]


@pytest.mark.parametrize("command", ["info", "verify"])
def test_all_are_tried(run: Run, three: list[str], command: str) -> None:
    result = run(command, *three)
    assert result.exit_code == 2
    assert "digits.bb" in result.stdout and "more.bb" in result.stdout
    assert result.stderr.count("\n") == 1 and "broken.bb" in result.stderr
    assert run(command, three[0], three[2]).exit_code == 0


@pytest.mark.parametrize("command", ["info", "verify"])
def test_json_of_several_is_a_list(run: Run, three: list[str], command: str) -> None:
    rows = json.loads(run(command, *three, "--json").stdout)
    assert [row["archive"] for row in rows] == three
    assert ["error" in row for row in rows] == [False, True, False]


def test_decompressing_several(run: Run, three: list[str]) -> None:
    Path("digits.npy").rename("given.npy")
    result = run("decompress", *three)
    assert result.exit_code == 2
    assert result.stderr.count("bitsback: error") == 1 and "broken.bb" in result.stderr
    for name in ("digits.npy", "more.npy"):
        assert Path(name).read_bytes() == Path("given.npy").read_bytes()


def test_decompressing_several_into_a_folder(run: Run, three: list[str]) -> None:
    assert run("decompress", three[0], three[2], "-o", "all").exit_code == 0
    assert sorted(path.name for path in Path("all").iterdir()) == ["digits.npy", "more.npy"]
    assert_one_line_error(run("decompress", *three, "-o", "digits.npy"), "digits.npy", "folder")
    assert_one_line_error(run("decompress", *three, "-o", "-"), "pipe")


def test_one_array_into_a_folder(run: Run, folder: Path) -> None:
    for _ in range(2):  # a new one, and an existing one
        assert run("decompress", "digits.bb", "-o", "new/", "--force").exit_code == 0
        assert run("decompress", "digits.bb", "-o", "new", "--force").exit_code == 0
    assert Path("new/digits.npy").read_bytes() == Path("digits.npy").read_bytes()


def test_a_folder_for_nothing_is_not_left(run: Run, folder: Path) -> None:
    Path("a.bb").write_bytes(b"broken")
    Path("b.bb").write_bytes(b"broken")
    assert run("decompress", "a.bb", "b.bb", "-o", "all").exit_code == 2
    assert not Path("all").exists()


def test_no_output_takes_the_place_of_another(run: Run, folder: Path) -> None:
    Path("deep").mkdir()
    np.save("other.npy", np.zeros((2, 28, 28), bool))
    assert run("compress", "other.npy", "-o", "deep/digits.bb").exit_code == 0
    result = run("decompress", "digits.bb", "deep/digits.bb", "-o", "all", "--force")
    assert result.exit_code == 2 and "deep/digits.bb: would be restored as" in result.stderr
    assert Path("all/digits.npy").read_bytes() == Path("digits.npy").read_bytes()
