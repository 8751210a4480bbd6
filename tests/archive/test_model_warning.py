"""A requested model that does badly gives a warning with advice; choices are logged, and nothing is
printed by default.
"""

import io
import logging
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray

import bitsback
from bitsback.cli.main import bitsback as command
from bitsback.models.file import write
from bitsback_lab.digits import mnist_test_images
from drawn_letters import lettering
from folders import save


def slopes() -> NDArray[np.uint8]:
    return (np.add.outer(np.arange(40), np.arange(784)).reshape(-1, 28, 28) % 256).astype(np.uint8)


def noisy() -> NDArray[np.uint8]:
    """Waves in noise, which `universal` predicts, but neither models of digits nor filters of
    rows.
    """
    random = np.random.default_rng(0)
    rows, columns = np.mgrid[:28, :28]
    turned = random.uniform(0, 6, (40, 1, 1))
    waves = np.sin((columns * np.cos(turned) + rows * np.sin(turned)) / 5 + turned)
    return np.clip(128 + 70 * waves + random.normal(0, 3, waves.shape), 0, 255).astype(np.uint8)


def test_what_does_better_is_named() -> None:
    for images, better in ((slopes(), "a general compressor"), (noisy(), "the model universal")):
        with pytest.warns(bitsback.ModelWarning) as caught:
            bitsback.compress(images, io.BytesIO(), model="mnist")
        (warned,) = [str(each.message) for each in caught]
        assert "the model mnist takes about" in warned
        assert better in warned
        assert "leave the choice to 'auto'" in warned
        assert "bitsback train" in warned


@pytest.mark.parametrize("model", ["mnist", "universal", "auto", "best"])
def test_a_model_that_does_well_is_not_warned_of(model: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", bitsback.ModelWarning)
        bitsback.compress(mnist_test_images()[:40], io.BytesIO(), model=model)


def test_few_elements_tell_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", bitsback.ModelWarning)
        bitsback.compress(slopes()[:4], io.BytesIO(), model="mnist")


def test_the_log_says_what_is_chosen_and_why(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger="bitsback"):
        bitsback.compress(mnist_test_images()[:40], io.BytesIO())
    told = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert all(record.name.startswith("bitsback.") for record in caplog.records)
    (chosen,) = [text for level, text in told if level == "INFO"]
    assert chosen.startswith("the array: the model mnist-context")
    assert "of 4 trials" in chosen
    assert any("trial: mnist-context makes" in text for level, text in told if level == "DEBUG")
    assert any(text.startswith("block 1: 40 items, model by mnist-") for _, text in told)


def say(*arguments: Any, **more: str) -> tuple[int, str]:
    ran = CliRunner().invoke(command, [str(each) for each in arguments], env=more)
    return ran.exit_code, ran.stderr


def test_the_command_says_it_when_asked(tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    np.save(path, slopes()[:8])
    code, quiet = say("compress", "-f", path)
    assert (code, "trials" in quiet, "trial:" in quiet) == (0, False, False)
    expected = 0
    for before, behind, more in (
        (["-v"], [], {}),
        ([], ["-v"], {}),
        ([], [], {"BITSBACK_LOG": "info"}),
        ([], [], {"BITSBACK_LOG": "debug"}),
        ([], ["-vv"], {}),
    ):
        code, told = say(*before, "compress", "-f", path, *behind, **more)
        in_detail = behind == ["-vv"] or "debug" in more.values()
        assert (code, "trials" in told, "trial:" in told) == (0, True, in_detail)
        assert "bitsback: " in told
        expected = told.count("trial:")
    code, told = say("-v", "compress", "-v", "-f", path)
    assert code == 0 and told.count("trial:") == expected, "each line once"
    code, told = say("compress", "-f", path, BITSBACK_LOG="loud")
    assert (code, len(told.splitlines())) == (2, 1)
    assert "BITSBACK_LOG=loud: it is info or debug" in told


@pytest.mark.parametrize("shape", [(1, 300, 400), (60, 28, 28)], ids=["large", "many small"])
def test_the_command_names_its_policy_and_says_why(
    shape: tuple[int, int, int], tmp_path: Path
) -> None:
    (count, height, width), scans = shape, tmp_path / "scans"
    for number in range(count):
        picture = lettering(height, width, number)
        save(picture, scans / f"{number}.png")
    for options, policy in (((), "default choice"), (("--fast",), "--fast")):
        code, told = say("compress", "-v", "-f", *options, scans)
        reasons = told.splitlines()
        (result,) = (line for line in reasons if line.endswith(f"({policy})"))
        chosen = result.rpartition(", ")[2].partition(" (")[0]
        assert code == 0
        assert any(
            f"scans: {words}{chosen}, " in each for each in reasons for words in ("", "the ")
        )


def test_the_command_warns_in_a_line(tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    np.save(path, slopes())
    code, told = say("compress", "-m", "mnist", path)
    assert code == 0
    (warned,) = [line for line in told.splitlines() if "warning" in line]
    assert "bitsback: warning: " in warned
    assert "without -m" in warned


def test_a_requested_model_is_used_and_its_bytes_are_shown(tmp_path: Path) -> None:
    """Even if a few images do not pay for it."""
    path, model = tmp_path / "x.npy", tmp_path / "mine.safetensors"
    np.save(path, mnist_test_images()[:40])
    shipped = bitsback.load_model("mnist")
    renamed = shipped.description.replace('"mnist"', '"mine"')
    model.write_bytes(write(renamed, shipped.tensors))
    code, told = say("compress", "-m", model, path)
    assert code == 0
    (shown,) = [line for line in told.splitlines() if line.startswith("the model")]
    assert shown.endswith("; --embed never leaves it outside")
    large = (tmp_path / "x.bb").stat().st_size
    assert np.array_equal(bitsback.decompress(tmp_path / "x.bb"), np.load(path))
    code, told = say("compress", "-f", "-m", model, "--embed", "never", path)
    assert code == 0 and "--embed" not in told
    assert (tmp_path / "x.bb").stat().st_size < large / 2
