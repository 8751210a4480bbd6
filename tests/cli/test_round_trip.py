"""The command restores its input, through files and through pipes."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import bitsback

from .conftest import BLOCK, COUNT, Process, Run


def test_files_by_default_names(folder: Path, run: Run, digits: NDArray[np.bool_]) -> None:
    (folder / "digits.bb").unlink()
    assert run("compress", "digits.npy").exit_code == 0
    before = (folder / "digits.npy").read_bytes()
    (folder / "digits.npy").unlink()
    assert run("decompress", "digits.bb").exit_code == 0
    assert (folder / "digits.npy").read_bytes() == before
    assert np.array_equal(np.load("digits.npy"), digits)


def test_a_picture_alone_is_restored_to_a_file(folder: Path, run: Run) -> None:
    """If the output has its ending and is no folder; it may be removed then."""
    Image.fromarray(np.arange(600, dtype=np.uint8).reshape(20, 30)).save(folder / "a.png")
    before = (folder / "a.png").read_bytes()
    assert run("compress", "a.png").exit_code == 0
    assert run("decompress", "a.png.bb", "-o", "b.png").exit_code == 0
    assert (folder / "b.png").read_bytes() == before
    assert "exists already" in run("decompress", "a.png.bb", "-o", "b.png").stderr
    assert run("decompress", "a.png.bb", "-o", "some").exit_code == 0
    assert (folder / "some/a.png").read_bytes() == before
    (folder / "d.png").mkdir()
    assert run("decompress", "a.png.bb", "-o", "d.png").exit_code == 0
    assert (folder / "d.png/a.png").read_bytes() == before
    assert run("decompress", "a.png.bb", "-o", "c.png", "--rm").exit_code == 0
    assert (folder / "c.png").read_bytes() == before and not (folder / "a.png.bb").exists()


def test_the_command_writes_what_the_function_writes(folder: Path, run: Run) -> None:
    run("compress", "digits.npy", "--block", str(BLOCK), "-o", "again.bb")
    assert (folder / "again.bb").read_bytes() == (folder / "digits.bb").read_bytes()


def test_an_archive_for_random_access(folder: Path, run: Run, digits: NDArray[np.bool_]) -> None:
    assert run("compress", "digits.npy", "--for", "random-access", "-o", "fast.bb").exit_code == 0
    with bitsback.open("fast.bb") as archive:
        assert max(block.items for block in archive.reader.blocks) == 8
        assert np.array_equal(archive, digits)
    assert "57 % for bilevel" in " ".join(run("compress", "--help").output.split())


def test_pipes(process: Process, folder: Path, digits: NDArray[np.bool_]) -> None:
    npy = (folder / "digits.npy").read_bytes()
    archive = process("compress", "-", input=npy)
    assert archive.returncode == 0, archive.stderr
    restored = process("decompress", "-", "-o", "-", input=archive.stdout)
    assert restored.returncode == 0, restored.stderr
    assert np.array_equal(np.load(io.BytesIO(restored.stdout)), digits)
    some = process("extract", "digits.bb", "5:7", "-o", "-")
    assert np.array_equal(np.load(io.BytesIO(some.stdout)), digits[5:7])


@pytest.mark.parametrize("choice", ["fast", "best", "auto"])
def test_how_a_model_is_chosen(run: Run, folder: Path, choice: str) -> None:
    """The flags are short for names."""
    assert run("compress", "digits.npy", "-m", choice, "-o", "named.bb").exit_code == 0
    flag = [] if choice == "auto" else [f"--{choice}"]
    assert run("compress", "digits.npy", *flag, "-o", "flag.bb").exit_code == 0
    assert Path("flag.bb").read_bytes() == Path("named.bb").read_bytes()
    assert run("decompress", "flag.bb").exit_code == 0
    assert Path("flag.npy").read_bytes() == Path("digits.npy").read_bytes()


@pytest.mark.parametrize(
    "options", [["--fast", "--best"], ["--fast", "-m", "mnist"], ["--best", "-m", "auto"]]
)
def test_a_model_is_chosen_in_one_way(run: Run, folder: Path, options: list[str]) -> None:
    result = run("compress", "digits.npy", *options, "-o", "no.bb")
    assert result.exit_code != 0 and "give one of them" in result.stderr
    assert not Path("no.bb").exists()


def test_a_model_of_ones_own_is_in_the_archive(
    run: Run, folder: Path, private: bitsback.Model
) -> None:
    Path("private.safetensors").write_bytes(private.to_bytes())
    model = ["-m", "private.safetensors", "--embed", "always"]
    assert run("compress", "digits.npy", *model, "-o", "inside.bb").exit_code == 0
    assert run("decompress", "inside.bb").exit_code == 0
    assert Path("inside.npy").read_bytes() == Path("digits.npy").read_bytes()
    assert "private" in run("info", "inside.bb").stdout


def test_a_model_that_is_not_in_the_archive_is_given(
    run: Run, folder: Path, private: bitsback.Model
) -> None:
    Path("private.safetensors").write_bytes(private.to_bytes())
    model = ["-m", "private.safetensors"]
    assert (
        run("compress", "digits.npy", *model, "--embed", "never", "-o", "outside.bb").exit_code == 0
    )
    assert run("decompress", "outside.bb", *model).exit_code == 0
    assert Path("outside.npy").read_bytes() == Path("digits.npy").read_bytes()
    assert run("extract", "outside.bb", "1", "-o", "one.npy", *model).exit_code == 0
    assert run("verify", "outside.bb", *model).exit_code == 0
    assert run("verify", "outside.bb").exit_code == 2


def test_the_summary_is_one_line_on_stderr(run: Run, folder: Path) -> None:
    for arguments in (
        ["compress", "digits.npy", "-o", "a.bb"],
        ["decompress", "digits.bb", "-o", "a.npy"],
    ):
        result = run(*arguments)
        assert result.stdout == ""
        assert result.stderr.count("\n") == 1
        assert f"{COUNT} items" in result.stderr
        quiet = run(*arguments, "--force", "--quiet")
        assert quiet.output == ""


def test_json_has_the_figures(run: Run, folder: Path) -> None:
    figures = json.loads(run("compress", "digits.npy", "-o", "a.bb", "--json").stdout)
    size = (folder / "a.bb").stat().st_size
    assert figures["items"] == COUNT
    assert figures["bytes_out"] == size
    assert figures["bits_per_dimension"] == 8 * size / (COUNT * 784)
    assert json.loads(run("decompress", "a.bb", "--json").stdout)["items"] == COUNT


def test_json_makes_way_for_the_archive(process: Process, folder: Path) -> None:
    result = process("compress", "digits.npy", "--block", str(BLOCK), "-o", "-", "--json")
    assert result.stdout == (folder / "digits.bb").read_bytes()
    assert json.loads(result.stderr)["bytes_out"] == len(result.stdout)
