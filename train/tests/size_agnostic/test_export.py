"""An exported size-agnostic model computes the same as its module, has the module's cost, and
becomes the same module again.
"""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from bitsback import load_model
from bitsback.errors import InputError
from bitsback.message import Message
from bitsback.models import file
from bitsback_train.export.exporter import Card
from bitsback_train.export.size_agnostic import (
    described,
    export_predictive,
    rebuild,
)
from bitsback_train.fit.items import Item, as_items
from bitsback_train.fit.pixel_training import mean_bits
from bitsback_train.fit.pixels import Pixels, Starts, make_predictor, sample_pixels
from bitsback_train.layers.affine import Affine
from bitsback_train.layers.rounding import HIDDEN
from bitsback_train.network.pixel_predictor import OUTPUTS, PredictiveModule

from .conftest import wavy

CARD = Card("small", "a model for tests", "CC0-1.0")


def items(dtype: type[np.integer]) -> list[Item]:
    shapes = [(1, 30, 41, 3), (3, 20, 17, 1), (1, 8, 9, 5)]
    return as_items([wavy(shape, dtype, seed) for seed, shape in enumerate(shapes)])


def test_the_network_gives_the_integers_of_the_module(
    module: PredictiveModule, starts: Starts
) -> None:
    module.quantise()
    model = export_predictive(module.eval(), starts, CARD)
    width = module.architecture.width
    context = np.random.default_rng(0).integers(0, 128, (50, width), dtype=np.uint8)
    network = model.networks["pixel"]
    found = network.at((1, 1))(context, outputs=tuple(OUTPUTS))
    with torch.no_grad():
        real = module(torch.from_numpy(context))
    for (name, grid), value, array in zip(OUTPUTS.items(), real, found, strict=True):
        np.testing.assert_array_equal(array, grid.integers(value).numpy(), err_msg=name)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16])
def test_a_message_costs_what_the_module_says(
    module: PredictiveModule, starts: Starts, dtype: type[np.integer]
) -> None:
    module.quantise()
    model = export_predictive(module.eval(), starts, CARD)
    made = items(dtype)
    predictor = make_predictor(module.architecture, starts)
    pixels = Pixels.joined(sample_pixels(predictor, made, 1, np.random.default_rng(0)))
    message = Message(np.full(4, 1 << 40, np.uint64))
    before = len(message.to_bytes())
    symbols: NDArray[np.integer] = np.concatenate([item.symbols.ravel() for item in made])
    bound = model.bind([(1, item.shape) for item in made])
    bound.push(message, symbols)
    bits = 8 * (len(message.to_bytes()) - before)
    assert bits == pytest.approx(mean_bits(module, pixels) * len(pixels), rel=0.005, abs=64)
    np.testing.assert_array_equal(bound.pop(message), symbols)


def test_a_model_becomes_the_module_that_it_was_made_of(
    module: PredictiveModule, starts: Starts
) -> None:
    module.quantise()
    model = export_predictive(module.eval(), starts, CARD)
    again, starts_again = rebuild(model.description, model.tensors, "small")
    assert again.architecture == module.architecture and not again.rounded
    again.quantise()
    assert described(again, starts_again, CARD)[0] == described(module, starts, CARD)[0]
    for one, other in zip(starts, starts_again, strict=True):
        np.testing.assert_array_equal(one, other)


def test_what_is_no_free_model_of_this_kind_is_refused(
    module: PredictiveModule, starts: Starts
) -> None:
    of_one_shape = load_model("mnist-binary")
    with pytest.raises(InputError, match="--from"):
        rebuild(of_one_shape.description, of_one_shape.tensors, "mnist-binary")
    module.quantise()
    model = export_predictive(module.eval(), starts, CARD)
    other = model.tensors | {"x.see": model.tensors["x.see"][::-1].copy()}
    with pytest.raises(InputError, match="small"):
        rebuild(model.description, other, "small")
    fewer = model.description.replace('"clamp":[-128,127]', '"clamp":[-127,127]')
    assert fewer != model.description
    with pytest.raises(InputError, match="small"):
        rebuild(fewer, model.tensors, "small")


def test_the_file_is_read_back(base: Path) -> None:
    model = load_model(base)
    assert model.any_shape and model.identity == file.identity(*file.read(base.read_bytes()))


def test_where_no_input_differs_rounded_weights_cancel(module: PredictiveModule) -> None:
    first = module.pixel[0]
    assert isinstance(first, Affine)
    layer = first.requantised()
    sums = 64 * layer.weight.sum(1) + layer.bias
    found = sums * layer.multiplier / 2.0**layer.shift / HIDDEN.scale
    assert torch.allclose(found, first.linear.bias.double(), atol=1e-3)
