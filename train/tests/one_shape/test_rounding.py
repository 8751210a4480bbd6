"""Layers that round in training, in float32 or bfloat16, give the integer results."""

import pytest
import torch

from bitsback_train.layers.affine import Affine, FineAffine
from bitsback_train.layers.rounding import HIDDEN, LOGIT, Grid, pixel_grid
from bitsback_train.network.mixtures import MEAN, SCALE, WEIGHT


@pytest.mark.parametrize("half", [True, False])
@pytest.mark.parametrize("target", [HIDDEN, LOGIT, WEIGHT, SCALE])
def test_a_layer_rounds_in_training_as_it_is_exported(target: Grid, half: bool) -> None:
    torch.manual_seed(1)
    layer = Affine(64, 32, HIDDEN, target, half=half)
    layer.rounded = True
    value = HIDDEN.snap(3 * torch.rand(500, 64))
    with torch.no_grad():
        in_training = target.integers(layer.train()(value).float())
        exported = target.integers(layer.eval()(value))
    difference = in_training - exported
    assert float(difference.abs().max()) <= 1
    assert float(difference.mean().abs()) < 0.05  # neither too large nor too small, on the whole
    assert len(exported.unique()) > 10


def test_fine_weights_cost_no_more_than_the_rounding_of_the_result() -> None:
    torch.manual_seed(1)
    target = Grid(scale=MEAN.scale, zero=0, lo=-32768, hi=32767)
    fine, coarse = FineAffine(64, 8, HIDDEN, target, "mean"), Affine(64, 8, HIDDEN, target)
    coarse.load_state_dict(fine.state_dict())
    value = HIDDEN.snap(3 * torch.rand(500, 64))
    with torch.no_grad():
        exact = fine(value)
        errors = []
        for layer in (fine, coarse):
            layer.rounded = True
            errors.append((layer.eval()(value) - exact).abs().mean() * target.scale)
        in_training = fine.train()(value)
    assert errors[0] < 0.5 and errors[1] > 5  # in steps of the target
    assert float((in_training - fine.eval()(value)).abs().max()) * target.scale <= 2


@pytest.mark.parametrize("levels", [2, 17, 256])
@pytest.mark.parametrize("centre", [0.0, 0.25])
def test_a_bias_is_rounded_in_training_as_it_is_exported(levels: int, centre: float) -> None:
    """Steps of the bias are those of the weights if the inputs are bits, so a bias may fall beside
    a half.
    """
    torch.manual_seed(1)
    source = pixel_grid(levels)
    layer = Affine(9, 64, source, HIDDEN, centre=centre)
    layer.rounded = True
    value = source.real(torch.randint(0, source.hi + 1, (500, 9)).float())
    with torch.no_grad():
        layer.linear.bias.copy_((torch.arange(64) + 0.5) / 32 + 1e-3 * torch.randn(64))
        in_training = HIDDEN.integers(layer.train()(value))
        exported = HIDDEN.integers(layer.eval()(value))
    assert float((in_training != exported).float().mean()) < 1e-3
    assert len(exported.unique()) > 30
