"""Muon trains the matrices of hidden layers, Adam everything else, both at the step's rate."""

import pytest
import torch

from bitsback_train.fit.optimiser import Optimiser
from bitsback_train.network.context import ContextArchitecture, ContextModule


def named(module: ContextModule, part: torch.optim.Optimizer) -> set[str]:
    held = {id(parameter) for group in part.param_groups for parameter in group["params"]}
    return {name for name, parameter in module.named_parameters() if id(parameter) in held}


def test_each_parameter_is_in_one_part(context_architecture: ContextArchitecture) -> None:
    module = ContextModule(context_architecture)
    (alone,) = Optimiser(module, 1e-3, muon=False).parts
    assert named(module, alone) == {name for name, _ in module.named_parameters()}
    adam, muon = (named(module, part) for part in Optimiser(module, 1e-3, muon=True).parts)
    assert adam.isdisjoint(muon) and adam | muon == named(module, alone)
    assert {"encoder.0.linear.weight", "cell.linear.weight", "pixel.0.linear.weight"} <= muon
    last = ("mean.", "scale.", "outputs.", "mean_context.")
    assert not any(name.endswith("bias") or name.startswith(last) for name in muon)


@pytest.mark.parametrize("muon", [False, True])
def test_a_step_of_rate_zero_changes_nothing_and_another_does(
    context_architecture: ContextArchitecture, muon: bool
) -> None:
    torch.manual_seed(0)
    module = ContextModule(context_architecture)
    optimiser = Optimiser(module, 1e-3, muon)
    before = [parameter.detach().clone() for parameter in module.parameters()]
    x = torch.randint(0, context_architecture.levels, (4, 42))
    losses, kl = module.nats(x, torch.zeros(4, 5))
    (losses + kl).sum().backward()
    optimiser.step(0.0)
    assert all(torch.equal(a, b) for a, b in zip(before, module.parameters(), strict=True))
    optimiser.step(0.01)
    assert optimiser.rate == 0.01
    moved = [
        float((a - b.detach()).abs().max())
        for a, b in zip(before, module.parameters(), strict=True)
    ]
    assert sum(move > 1e-4 for move in moved) > len(moved) // 2
    optimiser.zero_grad()
    assert all(parameter.grad is None for parameter in module.parameters())
