"""`bitsback train` from end to end: the model compresses, and the report is consistent."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from bitsback.cli.main import bitsback as command
from bitsback.models import load_model
from waiting import PATIENCE, running, until


@pytest.mark.parametrize(
    ("data", "levels", "arch"),
    [
        ("grey.npy", 16, "context"),
        ("bilevel.npy", 2, "dense"),
        pytest.param("grey.npy", 16, "dense", marks=pytest.mark.slow),
        pytest.param("bilevel.npy", 2, "context", marks=pytest.mark.slow),
    ],
)
def test_the_model_compresses_the_images_it_was_trained_for(
    folder: Path, data: str, levels: int, arch: str
) -> None:
    run = CliRunner()
    trained = run.invoke(
        command,
        ["train", data, "-o", "m.safetensors", "--minutes", "0.02", "--name", "stripes",
         "--licence", "CC0-1.0",
         "--arch", arch, "--plot", "curve.png"],
    )  # fmt: skip
    assert trained.exit_code == 0, trained.output
    for part in (arch, "xz -9e", "PNG", "WebP", "bits per pixel", "curve.png", "40 held out"):
        assert part in trained.stdout
    assert not (folder / "m.safetensors.ckpt").exists()
    model = load_model(folder / "m.safetensors")
    assert (model.name, model.licence, model.item_shape, model.levels) == (
        "stripes",
        "CC0-1.0",
        (8, 10),
        levels,
    )
    assert model.autoregressive == (arch == "context")
    with Image.open(folder / "curve.png") as curve:
        curve.load()
    compressed = run.invoke(command, ["compress", data, "-m", "m.safetensors", "-o", "x.bb"])
    assert compressed.exit_code == 0, compressed.output
    (folder / "m.safetensors").unlink()
    assert run.invoke(command, ["decompress", "x.bb", "-o", "back.npy"]).exit_code == 0
    np.testing.assert_array_equal(np.load("back.npy"), np.load(data))


def test_json_has_the_figures_of_the_table(folder: Path) -> None:
    arguments = [
        "train", "bilevel.npy", "-o", "m.safetensors", "--kind", "vae", "--epochs", "2", "--json",
        "-q",
    ]  # fmt: skip
    result = CliRunner().invoke(command, arguments)
    assert result.exit_code == 0, result.output
    figures = json.loads(result.stdout)
    assert figures["images"] == {"all": 400, "train": 320, "validation": 40, "held_out": 40}
    ours, *peers = figures["held_out"]
    assert ours["bits_per_pixel"] == pytest.approx(8 * ours["bytes"] / (40 * 80))
    for peer in peers:
        saved = peer["bytes_an_image"] - ours["bytes_an_image"]
        if peer["pays_from_images"] is None:
            assert saved <= 0
        else:
            assert peer["pays_from_images"] * saved > figures["model_bytes_in_archive"]
        assert peer["bytes_of_all_images"] > peer["bytes"]
    assert ours["bytes_of_all_images"] > ours["bytes"]
    assert len(figures["epochs"]) == 2


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
def test_an_interruption_says_how_to_go_on(folder: Path) -> None:
    arguments = [
        sys.executable,
        "-m",
        "bitsback",
        "train",
        "grey.npy",
        "-o",
        "m.safetensors",
        "--kind",
        "vae",
        "--epochs",
        "100000",
    ]
    with running(
        arguments, stderr=subprocess.PIPE, cwd=folder, env={**os.environ, "OMP_NUM_THREADS": "1"}
    ) as run:
        until((folder / "m.safetensors.ckpt" / "plan.json").exists, run)
        run.send_signal(signal.SIGINT)
        assert run.wait(PATIENCE) == 130
        assert run.stderr is not None
        said = run.stderr.read().decode()
    assert "train grey.npy -o m.safetensors --kind vae --epochs 100000 --resume" in said
    assert said.endswith("bitsback: interrupted\n")
    assert not (folder / "m.safetensors").exists()
