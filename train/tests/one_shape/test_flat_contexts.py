"""Pixels with flat contexts, whose windows are black, get their distribution from a small
network.
"""

from dataclasses import replace

import pytest
import torch
from gate import Gate, with_gate
from torch import Tensor

from bitsback_train.export.exporter import Card
from bitsback_train.network.context import ContextArchitecture, ContextModule

CARD = Card("small", "a model for tests", "CC0-1.0", (7, 6))


@pytest.fixture
def gated(context_architecture: ContextArchitecture) -> ContextModule:
    """A quantised module with a gate: symbols 0 and, of many levels, 1 are flat."""
    torch.manual_seed(5)
    few = 1 if context_architecture.levels == 2 else 2
    module = ContextModule(
        replace(
            context_architecture,
            flat_hidden=6,
            flat_levels=few,
            flat_components=min(2, context_architecture.components),
        )
    )
    module.quantise()
    return module.eval()


def without_gate(gated: ContextModule) -> ContextModule:
    """The same weights, by which the pixel network handles flat contexts too."""
    made = ContextModule(
        replace(gated.architecture, flat_hidden=0, flat_components=1, flat_levels=1)
    )
    made.load_state_dict(gated.state_dict(), strict=False)
    made.quantise()
    return made.eval()


@pytest.fixture
def x(gated: ContextModule) -> Tensor:
    """Images [30, 42] with a busy corner and, elsewhere, some flat symbols."""
    a = gated.architecture
    symbols = torch.randint(0, a.flat_levels, (30, *a.shape))
    symbols[:, 4:, 3:] = torch.randint(0, a.levels, (30, 3, 3))
    return symbols.flatten(1).to(torch.uint8)


def test_a_context_is_flat_if_all_of_its_window_is(gated: ContextModule, x: Tensor) -> None:
    a = gated.architecture
    flat = gated.is_flat(gated.windows(x)).view(len(x), *a.shape)
    image = x.view(len(x), *a.shape)
    for row in range(a.shape[0]):
        for column in range(a.shape[1]):
            left, right = max(0, column - a.side), column + a.side + 1
            above = image[:, max(0, row - a.above) : row, left:right].flatten(1)
            seen = torch.cat((above, image[:, row, left:column]), 1)
            expected = (seen < a.flat_levels).all(1)
            assert torch.equal(flat[:, row, column], expected), (row, column)
    assert 0.2 < float(flat.float().mean()) < 0.95


@torch.no_grad()
def test_each_pixel_costs_what_its_own_network_says(gated: ContextModule, x: Tensor) -> None:
    noise = torch.randn(len(x), gated.architecture.latents)
    rows, columns = gated.architecture.shape
    mean, log2_inverse = gated.posterior(x)
    features = gated.features(mean + (-log2_inverse).exp2() * noise)[:, :rows, :columns]
    windows, features, symbols = gated.windows(x), features.flatten(0, 2), x.reshape(-1, 1)
    likelihood = gated.pixel_likelihood
    busy = likelihood.nats(symbols, *gated.pixel_outputs(windows, features))
    flat = likelihood.nats(symbols, *gated.outputs_if_flat(features))
    expected = torch.where(gated.is_flat(windows), flat, busy).view(len(x), -1).sum(1)
    torch.testing.assert_close(gated.nats(x, noise)[0], expected, rtol=1e-4, atol=1e-3)


@torch.no_grad()
def mean_nats(module: ContextModule, x: Tensor) -> float:
    noise = torch.randn((len(x), module.architecture.latents), generator=torch.manual_seed(1))
    return float(module.nats(x, noise)[0].mean())


def test_a_gate_learns_what_flat_contexts_are_like_and_changes_nothing_else(
    gated: ContextModule, x: Tensor
) -> None:
    untaught = without_gate(gated)
    many = x.repeat(20, 1)
    rough, fine = (
        with_gate(
            untaught,
            Gate(hidden=6, components=2, levels=gated.architecture.flat_levels, epochs=n),
            many,
            1,
        )
        for n in (0, 30)
    )
    assert fine.architecture == replace(
        gated.architecture, flat_components=fine.architecture.flat_components
    )
    assert mean_nats(fine, x) < mean_nats(rough, x) - 1
    for name, value in untaught.state_dict().items():
        assert torch.equal(fine.state_dict()[name], value), name


def test_where_no_context_is_flat_there_is_nothing_to_learn(gated: ContextModule) -> None:
    bright = torch.full((5, 42), gated.architecture.levels - 1, dtype=torch.uint8)
    ungated = without_gate(gated)
    few = with_gate(ungated, Gate(hidden=6), bright, seed=1)
    assert few.is_flat(few.windows(bright)).sum() == 5  # the first pixel of each has no window
    assert mean_nats(few, bright) < float("inf")
