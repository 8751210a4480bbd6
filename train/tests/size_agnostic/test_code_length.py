"""The loss of a pixel: its gradient, and that probabilities sum to one."""

import pytest
import torch

from bitsback_train.network.wavefront import FLOOR, KEPT, CodeLength, bin_of


def log_units(unit: torch.Tensor) -> torch.Tensor:
    lead = torch.floor(torch.log2(unit))
    return lead + torch.floor(8 * (unit / 2**lead - 1)) / 8


def code_length(o: torch.Tensor, pixels: torch.Tensor) -> torch.Tensor:
    """The same loss, in doubles and without a gradient of its own."""
    value, prediction, unit, levels = pixels.double()
    log_unit = log_units(unit)
    w = torch.softmax(torch.cat([torch.zeros_like(o[:1]), o[:2]]), 0)
    scale = torch.exp(o[5:]) * 2**log_unit
    mean = prediction + o[2:5] * unit
    first, end = bin_of(value, prediction, levels, 8 * log_unit, w, o[5:]).detach()
    assert bool(((first <= value) & (value < end)).all()) and float((end - first).max()) > 8
    high = torch.where(end == levels, 1.0, torch.sigmoid((64 * end - 32 - mean) / scale))
    low = torch.where(first == 0, 0.0, torch.sigmoid((64 * first - 32 - mean) / scale))
    p = (w * (high - low)).sum(0)
    return torch.log2(end - first) - torch.log2(p * KEPT + FLOOR)


@pytest.mark.parametrize("levels", [256, 5000])
def test_the_gradient_is_that_of_the_definition(levels: int) -> None:
    random = torch.Generator().manual_seed(1)
    unit = torch.randint(16, 4 * levels, (500,), generator=random)
    prediction = torch.randint(0, 64 * (levels - 1), (500,), generator=random)
    value = torch.randint(0, levels, (500,), generator=random)
    value[:9] = levels - 1
    pixels = torch.stack([value, prediction, unit, torch.full((500,), levels)]).float()
    o = torch.randn(8, 500, generator=random)
    exact = o.double().requires_grad_()
    expected = code_length(exact, pixels)
    expected.sum().backward()
    outputs = o.clone().requires_grad_()
    found = CodeLength.apply(outputs, pixels)
    found.sum().backward()
    torch.testing.assert_close(found.double(), expected, rtol=1e-3, atol=1e-3)
    assert outputs.grad is not None and exact.grad is not None
    torch.testing.assert_close(outputs.grad.double(), exact.grad, rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize(
    ("levels", "unit"), [(2, 90), (17, 40), (256, 40), (256, 900), (5000, 900)]
)
def test_the_probabilities_of_all_symbols_sum_to_one(levels: int, unit: int) -> None:
    prediction = 20.0 * levels
    o = torch.randn(8, 1, generator=torch.Generator().manual_seed(1)).expand(-1, levels)
    given = (prediction, unit, levels)
    pixels = torch.stack(
        [torch.arange(float(levels)), *(torch.full((levels,), float(of)) for of in given)]
    )
    w = torch.softmax(torch.cat([torch.zeros_like(o[:1]), o[:2]]), 0)
    value, predictions, units, most = pixels
    bins = bin_of(value, predictions, most, 8 * log_units(units), w, o[5:]).unique(dim=1).shape[1]
    total = float(torch.exp2(-CodeLength.apply(o, pixels)).double().sum())
    assert 2 <= bins <= 64 and total == pytest.approx(KEPT + bins * FLOOR, abs=1e-4)
