"""The command accepts URLs in place of paths."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest
from click.testing import CliRunner, Result

from bitsback.cli.main import bitsback as command

from .conftest import Web


def run(*arguments: str) -> Result:
    return CliRunner().invoke(command, arguments)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with x.npy."""
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", np.arange(600).reshape(60, 10))
    return tmp_path


def test_from_and_to_s3(place: Path, s3: dict[str, Any]) -> None:
    options = [text for key, value in s3.items() for text in ("--storage-option", f"{key}={value}")]
    url = "s3://bucket/x.bb"
    assert run("compress", "x.npy", "-o", url, *options).exit_code == 0
    info = json.loads(run("info", url, "--json", *options).stdout)
    assert (info["archive"], info["shape"]) == (url, [60, 10])
    assert run("verify", url, *options).exit_code == 0
    assert run("extract", url, "3:5", "-o", "some.npy", *options).exit_code == 0
    assert np.array_equal(np.load("some.npy"), np.arange(30, 50).reshape(2, 10))
    assert run("extract", url, "3", "-o", "s3://bucket/3.npy", *options).exit_code == 0
    assert run("decompress", url, "-o", "s3://bucket/x.npy", *options).exit_code == 0
    fs = fsspec.filesystem("s3", **s3)
    assert fs.cat("bucket/x.npy") == Path("x.npy").read_bytes()
    assert run("compress", "s3://bucket/x.npy", *options).exit_code == 0
    assert fs.cat("bucket/x.bb") == Path("x.bb").read_bytes(), "its name, in this folder"
    assert run("diff", "x.bb", url, *options).exit_code == 0
    by_protocol = [f"s3.{option}" if "=" in option else option for option in options]
    assert run("info", url, *by_protocol).exit_code == 0


def test_from_the_web_to_this_folder(place: Path, web: Web) -> None:
    assert run("decompress", web.url("x.bb") + "?key=1").exit_code == 2, "x.npy is there already"
    Path("x.npy").unlink()
    assert run("decompress", web.url("x.bb") + "?key=1").exit_code == 0
    assert np.load("x.npy").shape == (400, 45, 25)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["info", "http://SERVER/none.bb"], "none.bb: cannot be read: there is no such file"),
        (["info", "x.npy", "--storage-option", "a=1"], "storage options are for URLs"),
        (["info", "http://SERVER/x.bb", "--storage-option", "a"], "'a' is no KEY=VALUE"),
        (["compress", "x.npy", "-o", "http://SERVER/y.bb"], "this protocol can only be read"),
        (["verify", "gs://bucket/x.bb"], "pip install 'gcsfs'"),
    ],
)
def test_errors_are_one_line(place: Path, web: Web, arguments: list[str], message: str) -> None:
    result = run(*(argument.replace("SERVER", web.address) for argument in arguments))
    assert result.exit_code == 2
    assert result.stderr.startswith("bitsback: error: ") and result.stderr.count("\n") == 1
    assert message in result.stderr
