"""`bitsback train` with contexts counted beside the networks that it trains."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray

from bitsback.cli.main import bitsback as command
from bitsback.models import file
from drawn_letters import lettering


def pages(count: int) -> NDArray[np.uint8]:
    """Pictures of letters of one alphabet: uint8 [count, 48, 60]."""
    return lettering(48 * count, 60, seed=1).reshape(count, 48, 60)


def waves(count: int) -> NDArray[np.uint8]:
    """Noisy waves in one channel, and another one that follows from it by a table, in which only
    the two lowest bits are random: uint8 [count, 32, 40, 2].
    """
    random = np.random.default_rng(0)
    phase, at = random.uniform(0, 9, (count, 1, 1)), np.indices((32, 40))
    wave = np.sin(at[0] / 3 + phase) + np.cos(at[1] / 4 - phase)
    noisy = 120 + 50 * wave + random.laplace(0, 9, wave.shape)
    first = np.clip(noisy, 0, 255).astype(np.uint8)
    table = (random.integers(0, 4, 256) + np.arange(256) // 4 * 4).astype(np.uint8)
    return np.stack([first, table[first]], -1)


def run(*arguments: str) -> Any:
    result = CliRunner().invoke(command, ["train", "x.npy", *arguments, "--json", "-q"])
    assert result.exit_code == 0, (result.output, result.exception)
    return json.loads(result.stdout)


def contexts(path: str) -> Any:
    fields = file.parse(file.read(Path(path).read_bytes())[0])
    return fields["distributions"]["p(x)"].get("contexts")


def test_it_says_that_training_does_not_pay(folder: Path) -> None:
    """Of letters that occur again and again, contexts alone know most."""
    np.save("x.npy", pages(20))
    figures = run("-o", "m.safetensors", "--steps", "2")
    trained, untrained = (figures["held_out"][name] for name in ("trained", "untrained"))
    assert trained["bytes"] > untrained["bytes"] and figures["pays_from_images"] is None
    assert figures["verdict"].startswith("Training does not pay for these images")
    for each in (trained, untrained):
        assert f"{each['bits_per_value']:.3f}" in figures["verdict"]


def test_contexts_are_counted_beside_the_trained_network_where_they_pay(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where training starts from such a model."""
    np.save("x.npy", waves(40))
    figures = run("-o", "a.safetensors", "--steps", "40")
    assert figures["written"] == "trained" and contexts("a.safetensors") == 20
    again = run("-o", "b.safetensors", "--steps", "2", "--from", "a.safetensors")
    assert contexts("b.safetensors") == 20
    best = figures["held_out"]["trained"]["bytes"]
    assert again["held_out"]["trained"]["bytes"] <= best
    monkeypatch.setattr("bitsback_train.job.job.with_contexts", lambda model: model)
    without = run("-o", "c.safetensors", "--steps", "40", "--from", "universal")
    assert without["held_out"]["trained"]["bytes"] >= best


def test_images_of_more_levels_have_smaller_tables(folder: Path) -> None:
    odd = np.random.default_rng(0).integers(0, 2, waves(40).shape)
    np.save("x.npy", waves(40).astype(np.uint16) * 7 + odd.astype(np.uint16))
    figures = run("-o", "a.safetensors", "--steps", "40")
    assert figures["written"] == "trained" and contexts("a.safetensors") == 19
