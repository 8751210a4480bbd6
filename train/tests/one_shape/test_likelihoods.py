"""The modules of likelihoods: a symbol's loss, rounded or not, and its gradient."""

import numpy as np
import pytest
import torch
from torch import Tensor

from bitsback.codecs.categorical import starts_of
from bitsback_train.network.likelihoods import (
    LN2,
    ROW_PRECISION,
    BetaBinomialModule,
    ExponentialModule,
    GridModule,
    log_beta_binomial,
    make_likelihood,
    take,
)

LEVELS = {"exponential": 16, "beta-binomial": 256}


@pytest.fixture(params=["exponential", "beta-binomial"])
def grid_module(request: pytest.FixtureRequest) -> GridModule:
    torch.manual_seed(5)
    made = make_likelihood(request.param, LEVELS[request.param])
    assert isinstance(made, GridModule)
    if isinstance(made, ExponentialModule):
        with torch.no_grad():
            made.base.normal_()
    return made


def outputs_near_the_middle(module: GridModule) -> tuple[Tensor, Tensor]:
    """Real outputs [40, 30] away from the edges of the grid."""
    first, second = module.outputs.values()
    near = [
        torch.rand(40, 30) * 4 - 2 + (grid.real_lo + grid.real_hi) / 2 for grid in (first, second)
    ]
    return near[0], near[1]


def test_rounded_outputs_cost_in_training_what_they_cost_in_the_codec(
    grid_module: GridModule,
) -> None:
    first, second = (
        grid.snap(v)
        for grid, v in zip(
            grid_module.outputs.values(), outputs_near_the_middle(grid_module), strict=True
        )
    )
    frequencies = np.diff(
        starts_of(grid_module.cumulative(), ROW_PRECISION).astype(np.float64), axis=-1
    )
    rows = torch.from_numpy(frequencies).flatten(0, 1)[grid_module.row(first, second).flatten()]
    # likely symbols only, since rounding dominates the rarest
    x = torch.multinomial(rows, 1).reshape(first.shape)
    grid_module.rounded = True
    in_training = grid_module.train().nats(x, first, second)
    in_the_codec = grid_module.eval().nats(x, first, second)
    torch.testing.assert_close(
        in_training, in_the_codec.to(in_training.dtype), rtol=0.01, atol=0.01
    )


def test_the_gradient_of_rounded_outputs_is_the_slope_of_real_ones(grid_module: GridModule) -> None:
    grids = grid_module.outputs.values()
    points = [
        grid.snap(v).double()
        for grid, v in zip(grids, outputs_near_the_middle(grid_module), strict=True)
    ]
    x = torch.randint(0, LEVELS[grid_module.codec], points[0].shape)
    slopes = []
    for quantised in (False, True):
        grid_module.rounded = quantised
        inputs = [point.clone().requires_grad_() for point in points]
        grid_module.double().nats(x, *inputs).sum().backward()  # type: ignore[no-untyped-call]
        slopes.append([i.grad for i in inputs])
    for real, rounded in zip(*slopes, strict=True):
        assert real is not None and rounded is not None
        assert float((real - rounded).abs().mean()) < 0.05 * float(real.abs().mean())


def test_the_exponential_family_sums_to_one_between_the_rows_of_its_grid() -> None:
    torch.manual_seed(5)
    module = ExponentialModule(16)
    with torch.no_grad():
        module.base.normal_()
        first, second = outputs_near_the_middle(module)
        pixel = [
            module.nats(torch.full((40, 1), c), first[:, :1], second[:, :1]) for c in range(16)
        ]
    torch.testing.assert_close(
        torch.stack(pixel).neg().exp().sum(0), torch.ones(40), atol=2e-3, rtol=0
    )


def test_the_exponential_family_learns_its_statistics_as_autograd_would() -> None:
    torch.manual_seed(5)
    module = ExponentialModule(16)
    module.rounded = True
    first, second = (
        grid.snap(v)
        for grid, v in zip(module.outputs.values(), outputs_near_the_middle(module), strict=True)
    )
    x = torch.randint(0, 16, first.shape)
    module.nats(x, first, second).sum().backward()  # type: ignore[no-untyped-call]
    parts = [module.base, module.first_statistic, module.second_statistic]
    copies = [part.detach().clone().requires_grad_() for part in parts]
    energy = LN2 * (copies[0] + first[..., None] * copies[1] + second[..., None] * copies[2])
    torch.nn.functional.cross_entropy(energy.flatten(0, 1), x.flatten(), reduction="sum").backward()  # type: ignore[no-untyped-call]
    for part, copy in zip(parts, copies, strict=True):
        assert part.grad is not None and copy.grad is not None
        torch.testing.assert_close(part.grad, copy.grad, rtol=0.02, atol=0.5)


def test_beta_binomials_are_those_of_the_table_that_ships() -> None:
    module = BetaBinomialModule()
    cumulative = module.cumulative().astype(np.float64) / 2**16
    assert cumulative.shape == (64, 32, 256)
    for i, j in ((0, 0), (20, 3), (31, 16), (32, 31), (63, 10)):
        row = (
            torch.full((256,), float(i), dtype=torch.float64),
            torch.full((256,), float(j), dtype=torch.float64),
        )
        p = log_beta_binomial(torch.arange(256), *row).exp().numpy()
        assert p.sum() == pytest.approx(1)
        below = np.concatenate(([0.0], np.cumsum(p)[:-1]))
        assert np.all(cumulative[i, j] <= below + 1e-9) and np.all(
            below - cumulative[i, j] <= 2**-16 + 1e-9
        )


def test_take_has_the_gradient_of_indexing() -> None:
    table = torch.randn(9, dtype=torch.float64, requires_grad=True)
    index = torch.randint(0, 9, (6, 7))
    assert torch.autograd.gradcheck(lambda t: take(t, index), (table,))


def test_levels_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="beta-binomial"):
        make_likelihood("beta-binomial", 16)
