"""The same pixels on other engines: NumPy's int64, and float32 in torch for each layer whose sums
it represents exactly.
"""

import io
from copy import deepcopy

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import bitsback
from bitsback.models import Model, bundled
from bundled_models import spec_model
from random_models import random_context_model_file
from reference import archive as spec
from reference.layers import Conv, Linear
from reference.model import Model as SpecModel
from reference.network import Network
from reference.values import Ints

EXACT = 2**24  # every integer of smaller magnitude is a float32


class TorchLinear(Linear):
    """A linear layer whose sums torch computes, in float32 if no sum of some of its terms can reach
    2^24.
    """

    def bound(self, top: int) -> int:
        return int((np.abs(self.bias) + top * np.abs(self.weight).sum(axis=1)).max())

    def apply(self, value: Ints) -> Ints:
        dtype = torch.float32 if self.bound(255) < EXACT else torch.int64
        weight, bias, x = (
            torch.from_numpy(part).to(dtype) for part in (self.weight, self.bias, value)
        )
        acc = x @ weight.T + bias
        assert int(acc.abs().max()) <= self.bound(255)
        assert bool((acc == acc.round()).all())
        out = acc.to(torch.int64) * torch.from_numpy(self.multiplier) + (1 << (self.shift - 1))
        return (out >> self.shift).clamp(*self.clamp).numpy()


def ported(layer: Linear) -> TorchLinear:
    return TorchLinear(layer.weight, layer.bias, layer.multiplier, layer.shift, layer.clamp)


def port(network: Network) -> int:
    """Gives the linear layers and convolutions of a network to torch. Returns how many run in
    float32.
    """
    in_floats = 0
    for name, (of, layer) in network.layers.items():
        if isinstance(layer, Linear):
            linear = layer = ported(layer)
        elif isinstance(layer, Conv):
            layer = Conv(linear := ported(layer.linear), layer.kernel, layer.stride)
        else:
            continue
        network.layers[name] = of, layer
        in_floats += linear.bound(255) < EXACT
    return in_floats


def an_archive(model: Model, count: int) -> tuple[bytes, NDArray[np.uint8]]:
    """Items that the model decodes from random bits, and their archive."""
    message = bitsback.Message(
        [2**40], np.random.default_rng(7).integers(0, 2**32, 20_000, np.uint32), 0
    )
    items = (
        model.likelihood(model.prior(count).pop(message))
        .pop(message)
        .reshape(count, *model.item_shape)
    )
    out = io.BytesIO()
    bitsback.compress(items, out, model=model, embed="never")
    return out.getvalue(), items


def means_the_same(ours: Model, theirs: SpecModel, count: int) -> None:
    data, items = an_archive(ours, count)
    assert (bitsback.decompress(io.BytesIO(data), model=ours) == items).all()
    assert (spec.decode(data, [theirs]) == items).all()
    assert sum(map(port, theirs.program.networks.values())) > 0
    assert (spec.decode(data, [theirs]) == items).all()


@pytest.mark.parametrize(("name", "count"), [("mnist-binary", 40), ("mnist", 15)])
def test_an_archive_means_the_same_pixels_to_every_engine(name: str, count: int) -> None:
    means_the_same(bundled.load(name), deepcopy(spec_model(name)), count)


def test_so_does_one_of_pixels_in_context() -> None:
    data = random_context_model_file(codec="mixture", levels=256, precision=24)
    means_the_same(bitsback.load_model(data), SpecModel.from_bytes(data), 20)


def test_a_layer_beyond_the_bound_keeps_to_integers() -> None:
    """2^24 + 1 is no float32."""
    weight = np.full((1, 519), 127, np.int64)
    layer = TorchLinear(weight, np.array([1]), np.array([1]), 1, (-32768, 32767))
    assert layer.bound(255) > EXACT
    x = np.full((1, 519), 255, np.int64)
    assert layer.apply(x).tolist() == Linear.apply(layer, x).tolist()
