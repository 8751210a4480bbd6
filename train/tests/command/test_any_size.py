"""`bitsback train` for images of any kind: the model compresses them, and the report is
consistent.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from numpy.typing import NDArray
from PIL import Image

from bitsback.cli.main import bitsback as command
from bitsback.models import load_model
from bitsback_train.export.exporter import Card
from bitsback_train.export.wavefronts import new_model
from bitsback_train.fit.start_matrices import no_start
from bitsback_train.network.wavefront import PixelNetwork


def wavy(shape: tuple[int, ...], dtype: Any, seed: int = 0) -> NDArray[Any]:
    """Waves along all axes except the first, which numbers the images, with some noise."""
    random = np.random.default_rng(seed)
    phase = random.uniform(0, 9, (shape[0], *[1] * (len(shape) - 1)))
    at = np.indices(shape[1:])
    wave = np.sin(at[0] / 3 + phase) + np.cos(at[1] / 4 - phase) + random.normal(0, 0.1, shape)
    return np.clip((wave + 3) / 6 * np.iinfo(dtype).max, 0, np.iinfo(dtype).max).astype(dtype)


@pytest.fixture
def base(folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An untrained model, beside whose networks no contexts are counted."""
    monkeypatch.setattr("bitsback_train.job.job.with_contexts", lambda model: model)
    torch.manual_seed(1)
    networks = tuple(PixelNetwork(references, 16, 1) for references in range(3))
    model = new_model(Card("base", "untaught", "CC0-1.0"), 65_536, networks, no_start())
    (folder / "base.safetensors").write_bytes(model.to_bytes())
    return "base.safetensors"


def write(what: str) -> str:
    """Writes a set of images of some kind. Returns its path."""
    if what == "colour pictures of two sizes":
        Path("pictures").mkdir()
        for number in range(24):
            pixels = wavy((1, 16 + number % 2, 18, 3), np.uint8, number)[0]
            Image.fromarray(pixels).save(f"pictures/{number:02}.png")
        return "pictures"
    arrays = {
        # large, as a message has whole words and few steps gain little
        "one image of 12 bits": lambda: wavy((1, 360, 120), np.uint16)[0] >> 4,
        "a stack": lambda: wavy((30, 20, 24), np.int16),
        "small images": lambda: wavy((60, 12, 12), np.uint8),
    }
    np.save("x.npy", arrays[what]())
    return "x.npy"


def run(*arguments: str) -> Any:
    return CliRunner().invoke(command, list(arguments))


@pytest.mark.parametrize(
    "what",
    ["colour pictures of two sizes", "one image of 12 bits", "a stack", "small images"],
)
def test_the_model_compresses_what_it_was_trained_for(base: str, what: str) -> None:
    data = write(what)
    trained = run("train", data, "-o", "m.safetensors", "--from", base, "--steps", "12")
    assert trained.exit_code == 0, trained.output
    for part in ("compress --best", "new weights", "held out of the training", "pay"):
        assert part in trained.stdout, trained.stdout
    assert not Path("m.safetensors.ckpt").exists()
    assert load_model("m.safetensors").any_shape
    compressed = run("compress", data, "-m", "m.safetensors", "-o", "x.bb")
    assert compressed.exit_code == 0, compressed.output
    assert run("verify", "x.bb").exit_code == 0


def test_json_has_the_figures_of_the_table(base: str) -> None:
    data = write("small images")
    result = run(
        "train", data, "-o", "m.safetensors", "--from", base, "--steps", "12", "--json", "-q"
    )
    assert result.exit_code == 0, result.output
    figures = json.loads(result.stdout)
    assert figures["written"] == "trained" and figures["images"]["all"] == 60
    assert sum(figures["values"].values()) == 60 * 144
    rates = figures["validation_bits_per_value"]
    assert rates["model"] < rates["base"]
    held_out = figures["values"]["held_out"]
    for each in figures["held_out"].values():
        assert each["bits_per_value"] == pytest.approx(8 * each["bytes"] / held_out)
    saved = figures["held_out"]["untrained"]["bytes"] - figures["held_out"]["trained"]["bytes"]
    assert (figures["pays_from_images"] is None) == (saved <= 0)
    assert figures["model_bytes_in_archive"] > 0 and "compress --best" in figures["verdict"]
    assert len(figures["validations"]) == 12


def test_it_is_never_worse_than_the_model_that_it_started_from(
    base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On noise, a model is soon optimal; here training makes it worse."""
    data = write("small images")
    assert run("train", data, "-o", "a.safetensors", "--from", base, "--steps", "40").exit_code == 0
    monkeypatch.setattr("bitsback_train.job.plan.RATE", 0.5)
    again = run("train", data, "-o", "b.safetensors", "--from", "a.safetensors", "--steps", "3")
    assert again.exit_code == 0, again.output
    assert "it started from" in again.stdout
    one, other = load_model("a.safetensors"), load_model("b.safetensors")
    for name in one.tensors:
        if not name.startswith("x.start"):
            np.testing.assert_array_equal(one.tensors[name], other.tensors[name])


def test_it_can_start_from_nothing_and_in_minutes(folder: Path) -> None:
    data = write("small images")
    result = run("train", data, "-o", "m.safetensors", "--from", "none", "--minutes", "0.05")
    assert result.exit_code == 0, result.output
    assert "where it was" not in result.stdout


@pytest.mark.parametrize("most", [0, 15])
def test_an_interrupted_run_ends_as_an_uninterrupted_one(
    base: str, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    """Whether the first network or the second is in training. most: steps before."""
    data = write("colour pictures of two sizes")
    settings = ["train", data, "--from", base, "--steps", "12", "--threads", "1", "--name", "m"]
    assert run(*settings, "-o", "whole.safetensors").exit_code == 0

    def interrupt(bar: object, done: int, *_: object) -> None:
        if done > most:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("bitsback.cli.progress.Progress.__call__", interrupt)
        stopped = run(*settings, "-o", "parted.safetensors")
    assert stopped.exit_code == 130 and Path("parted.safetensors.ckpt/plan.json").exists()
    assert run(*settings, "-o", "parted.safetensors").exit_code == 2
    resumed = run(*settings, "-o", "parted.safetensors", "--resume")
    assert resumed.exit_code == 0, resumed.output
    whole, parted = Path("whole.safetensors"), Path("parted.safetensors")
    assert whole.read_bytes() == parted.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["x.npy", "--from", "mnist-binary"], ["mnist-binary", "--from"]),
        (["x.npy", "--from", "nothing"], ["nothing"]),
        (
            ["deep.npy", "--from", "universal"],
            ["universal: ", "256 levels", "start from universal-16"],
        ),
        (["float.npy", "--from", "none"], ["float32", "8 or 16 bits"]),
        (["thin.npy", "--from", "none"], ["too small"]),
        (["flat.npy", "--from", "none"], ["same value"]),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line(
    folder: Path, arguments: list[str], parts: list[str]
) -> None:
    write("small images")
    np.save("float.npy", np.zeros((30, 8, 8), np.float32))
    np.save("thin.npy", wavy((2, 10, 30), np.uint8))
    np.save("flat.npy", np.full((30, 12, 12), 9, np.uint8))
    np.save("deep.npy", wavy((40, 12, 12), np.uint16))
    result = run("train", *arguments, "-o", "m.safetensors")
    assert result.exit_code == 2, (result.output, result.exception)
    assert result.stderr.startswith("bitsback: error: ") and result.stderr.count("\n") == 1
    for part in parts:
        assert part in result.stderr, result.stderr
    assert not Path("m.safetensors").exists() and not Path("m.safetensors.ckpt").exists()
