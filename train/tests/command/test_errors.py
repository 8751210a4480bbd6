"""Any error prints one line before training starts and leaves nothing behind."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray
from PIL import Image

from bitsback.cli.main import bitsback as command


def images(*shape: int, dtype: str = "uint8") -> NDArray[Any]:
    return np.random.default_rng(0).integers(0, 2, shape).astype(dtype) * 7


@pytest.mark.parametrize(
    ("array", "parts"),
    [
        (images(200, 8, 8, dtype="float32"), ["float32", "astype"]),
        (np.full((200, 8, 8), np.nan), ["float64", "astype"]),
        (images(99, 8, 8), ["99 images", "100"]),
        (images(200, 7, 8), ["7 x 8", "8 x 8"]),
        (images(200, 129, 16), ["129 x 16", "128 x 128"]),
        (images(200, 64), ["(200, 64)", "[images, height, width]"]),
        (images(200, 8, 8, 3), ["(200, 8, 8, 3)", "colour"]),
        (images(200, 8, 8, 5), ["(200, 8, 8, 5)", "[images, height, width]"]),
        (images(0, 8, 8), ["0 images"]),
        (np.zeros((200, 8, 8), np.uint8), ["the same value"]),
        (np.arange(200 * 64).reshape(200, 8, 8), ["int64", "uint8"]),
    ],
)
def test_arrays_that_cannot_be_trained_on(
    folder: Path, array: NDArray[Any], parts: list[str]
) -> None:
    np.save("x.npy", array)
    arguments = ["x.npy", "-o", "m.safetensors", "--kind", "vae"]
    assert_one_line(folder, arguments, "x.npy", *parts)


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
        (["grey.npy", "-o", "m.safetensors", "--data", "."], ["--data", "mnist"]),
        (["mnist", "-o", "m.safetensors", "--data", "."], ["train-images", "--data"]),
    ],
)
def test_arguments_that_cannot_be_used(
    folder: Path, arguments: list[str], parts: list[str]
) -> None:
    assert_one_line(folder, arguments, *parts)


def test_pictures_of_several_shapes(folder: Path) -> None:
    (folder / "pictures").mkdir()
    for i in range(4):
        Image.fromarray(images(8 + i % 2, 8)).save(folder / "pictures" / f"{i}.png")
    arguments = ["pictures", "-o", "m.safetensors", "--kind", "vae"]
    assert_one_line(folder, arguments, "pictures", "one shape")


def test_colour_pictures(folder: Path) -> None:
    """The pictures hold data that an archive would not keep; training does not warn of it."""
    (folder / "pictures").mkdir()
    for i in range(4):
        picture = Image.fromarray(images(8, 8, 3)).convert("P")
        picture.save(folder / "pictures" / f"{i}.png", dpi=(72, 72))
    arguments = ["pictures", "-o", "m.safetensors", "--kind", "vae"]
    assert_one_line(folder, arguments, "pictures", "colour", "convert")


def test_without_torch_the_extra_is_named(folder: Path, without_torch: None) -> None:
    assert_one_line(folder, ["grey.npy", "-o", "m.safetensors"], "torch", "bitsback[train]")


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
