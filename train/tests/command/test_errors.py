"""Any error prints one line before training starts and leaves nothing behind."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from bitsback.cli.main import bitsback as command


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["nothing.npy", "-o", "m.safetensors"], ["nothing.npy"]),
        (["grey.npy"], ["-o"]),
        (["grey.npy", "-o", "no/such/m.safetensors"], ["no/such", "cannot be written"]),
        (["grey.npy", "-o", "."], ["is a folder"]),
        (["grey.npy", "-o", "bilevel.npy"], ["bilevel.npy", "--force"]),
        (["grey.npy", "-o", "m.safetensors", "--resume"], ["no checkpoint", "--resume"]),
        (["grey.npy", "-o", "m.safetensors", "--minutes", "0"], ["--minutes"]),
    ],
)
def test_arguments_that_cannot_be_used(
    folder: Path, arguments: list[str], parts: list[str]
) -> None:
    assert_one_line(folder, arguments, *parts)


def test_without_torch_the_extra_is_named(folder: Path, without_torch: None) -> None:
    assert_one_line(folder, ["grey.npy", "-o", "m.safetensors"], "torch", "./train[torch]")


def assert_one_line(folder: Path, arguments: list[str], *parts: str) -> None:
    """Exit code 2, one line with all `parts`, and no file made or changed."""
    before = {path: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    result = CliRunner().invoke(command, ["train", *arguments])
    assert result.exit_code == 2, (result.output, result.exception)
    assert result.stdout == ""
    assert result.stderr.startswith("bitsback: error: ") and result.stderr.count("\n") == 1, (
        result.stderr
    )
    for part in parts:
        assert part in result.stderr, (part, result.stderr)
    assert {path: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before
