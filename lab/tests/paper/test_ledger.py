"""The ledger accounts for every bit of an image."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from numpy.typing import NDArray
from PIL import Image

import bitsback
from bitsback.coding import chain
from bitsback_lab.commands.explain import command
from bitsback_lab.paper import table1
from bitsback_lab.paper.coding import as_symbols, code_lengths, growth, length, random_message
from bitsback_lab.paper.exhibits import Conditions
from bitsback_lab.paper.ledger import enter, explain
from bitsback_lab.paper.sets import mnist
from hierarchies import NAMES, bit_swap, hierarchy
from paper.conftest import assert_one_line_error

MODELS = ("mnist-binary", "mnist-binary-paper", "mnist", "mnist-paper")
TINY = 0.05
"""Tolerance in bits, above the rounding of finite heads for one image."""


@pytest.mark.parametrize("name", MODELS)
def test_steps_follow_each_other_and_change_the_message_by_their_information(name: str) -> None:
    model = bitsback.load_model(name)
    x = as_symbols(mnist(model.levels)[:1])
    message = random_message(5, 100)
    before = length(message)
    ledger = enter(model, model.whole_size(), message, x)
    assert ledger.steps[0].before == before
    assert ledger.steps[0].after == ledger.steps[1].before
    assert ledger.steps[1].after == ledger.steps[2].before
    assert ledger.steps[2].after == length(message)
    for step in ledger.steps:
        assert step.change == pytest.approx(step.information, abs=TINY)
    assert ledger.steps[0].change < 0 < ledger.steps[1].change
    assert ledger.steps[2].information == model.bits * model.latents
    assert ledger.change == pytest.approx(ledger.negative_elbo, abs=TINY)


def test_the_ledger_codes_the_image() -> None:
    model = bitsback.load_model("mnist-binary-paper")
    x = as_symbols(mnist(2)[3:4])
    message = random_message(5, 100)
    before = message.copy()
    enter(model, model.whole_size(), message, x)
    assert np.array_equal(model.pop(message, [(1, 1)]), x)
    assert message == before


def test_borrowed_words_count_against_the_message() -> None:
    message = bitsback.Message([1 << 32], (), 0)
    assert length(message) == 32
    model = bitsback.load_model("mnist-paper")
    ledger = enter(model, model.whole_size(), message, as_symbols(mnist(256)[:1]))
    assert ledger.steps[0].after < 0
    assert ledger.change == pytest.approx(ledger.negative_elbo, abs=TINY)


def test_a_chain_grows_by_the_code_lengths_of_its_images() -> None:
    model = bitsback.load_model("mnist-binary")
    x = as_symbols(mnist(2)[:200])
    chained = growth(model, random_message(1, 100), x)
    fresh = code_lengths(model.prior, model.likelihood, model.posterior, x, 0)
    assert chained.shape == fresh.shape == (200,)
    assert abs(chained.mean() - fresh.mean()) < 3  # samples differ, by a few bits an image


def test_table1_sums() -> None:
    for model in table1.EXHIBIT.measure(Conditions())["models"]:
        steps = model["steps"]
        assert sum(step["change"] for step in steps) == pytest.approx(model["change"], abs=1e-3)
        assert sum(step["information"] for step in steps) == pytest.approx(
            model["negative_elbo"], abs=1e-3
        )
        assert model["bits_per_pixel"] == pytest.approx(model["negative_elbo"] / 784, abs=1e-6)


def test_an_explained_image_is_what_its_archive_holds() -> None:
    image = mnist(2)[:1]
    explained = explain(image, "image")
    assert explained.shape == (28, 28)
    buffer = io.BytesIO()
    bitsback.compress(image, buffer)
    assert buffer.tell() == explained.archive_bytes
    # Its message ends the block, before the block's checksum: the ledger's last length is that of
    # these bytes.
    bits = explained.ledger.steps[-1].after
    assert explained.message_bytes - 12 < bits / 8 < explained.message_bytes


def test_explain_starts_from_the_digest_of_the_archive() -> None:
    image = mnist(2)[:1]
    explained = explain(image, "image", "mnist-binary-paper")
    run = bytes([1, 1]) + b"|b1" + bytes([2, 28, 28, 2, 0, 1])  # docs/format.md, runs
    initial = chain.initial(chain.digest(run, image.tobytes()), 1)
    assert explained.ledger.steps[0].before == length(initial)


def test_explain_prints_a_ledger(run: Callable[..., Result], apart: Path) -> None:
    Image.fromarray(mnist(256)[0]).save("digit.png")
    text = run("explain", "digit.png").stdout
    for part in (
        "pop z under q(z|x)",
        "push x under p(x|z)",
        "push z under p(z)",
        "in all",
        "a pixel",
    ):
        assert part in text
    assert max(map(len, text.splitlines())) <= 120


def test_explain_speaks_json(run: Callable[..., Result], apart: Path) -> None:
    np.save("digits.npy", mnist(2)[:9])
    found = json.loads(
        run("explain", "digits.npy", "--item", "7", "-m", "mnist-binary-paper", "--json").stdout
    )
    assert found["model"] == "mnist-binary-paper"
    assert found["shape"] == [28, 28]
    assert found["steps"][0]["step"] == "pop z under q(z|x)"
    assert sum(step["information"] for step in found["steps"]) == pytest.approx(
        found["negative_elbo"]
    )
    assert found["steps"][-1]["after"] - found["steps"][0]["before"] == pytest.approx(
        found["change"]
    )


@pytest.mark.parametrize(
    ("array", "arguments", "parts"),
    [
        (np.zeros((3, 28, 28), bool), ["--item", "3"], ["3 images", "no image 3"]),
        (np.zeros((3, 30, 40), bool), [], ["(30, 40)", "28 x 28", "bitsback train"]),
        (np.full((2, 28, 28), 0.3) * np.arange(28), [], ["float64", "8 bits grey"]),
        (np.arange(784, dtype=np.uint8).reshape(1, 28, 28), ["-m", "mnist-binary"], ["two values"]),
    ],
)
def test_explain_says_what_does_not_fit(
    run: Callable[..., Result], array: NDArray[Any], arguments: list[str], parts: list[str]
) -> None:
    np.save("data.npy", array)
    assert_one_line_error(run("explain", "data.npy", *arguments), "data.npy", *parts)


def test_explain_needs_an_image_that_is_there(run: Callable[..., Result]) -> None:
    assert_one_line_error(run("explain", "nothing.png"), "nothing.png")


def test_each_layer_of_latents_has_its_lines(tmp_path: Path) -> None:
    names = NAMES["four"]
    path = tmp_path / "layers.safetensors"
    path.write_bytes(hierarchy(names, bit_swap(names), size=None, grids=(1, 2, 4, 8)))
    image = tmp_path / "image.npy"
    np.save(image, np.random.default_rng(0).integers(0, 5, (1, 9, 7), np.uint8))
    explained = explain(str(image), "image", str(path))
    ledger = explained.ledger
    assert [step.name for step in ledger.steps] == [
        line.replace(" ~ ", " under ") for line in bit_swap(names)
    ]
    assert list(ledger.layers) == names
    of_x = next(step.information for step in ledger.steps if step.variable == "x")
    assert sum(ledger.layers.values()) + of_x == pytest.approx(ledger.negative_elbo)
    for step in ledger.steps:
        assert step.change == pytest.approx(step.information, abs=TINY)
    shown = CliRunner().invoke(command, [str(image), "-m", str(path)])
    assert shown.exit_code == 0
    assert "z, 126 latents of 128 values; y, 40 latents" in shown.output
    assert "push w under p(w|v)" in shown.output
    assert "layer by layer, z " in shown.output
