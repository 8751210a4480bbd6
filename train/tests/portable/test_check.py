"""The cost of quantisation, layer by layer, and fine-tuning with rounding in the loop."""

import copy

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from bitsback.errors import InputError
from bitsback_train.portable import PortableModel
from own_models import Own, convolutional, dense, images


def test_the_float_model_is_the_users() -> None:
    """The negative ELBO in the report equals that of the modules."""
    torch.manual_seed(1)
    own = dense()
    report = own.build().check(own.images, layers=False, seed=5)
    noise = torch.randn(len(own.images), 4, generator=torch.Generator().manual_seed(5))
    x = torch.as_tensor(own.images, dtype=torch.float32)[:, None]
    with torch.no_grad():
        mean, log_scale = own.networks["q"].eval()(x).chunk(2, 1)
        z = mean + log_scale.exp() * noise
        logits = own.networks["p"].eval()(z)
        pixels = functional.binary_cross_entropy_with_logits(logits, x.flatten(1), reduction="sum")
        latents = (0.5 * z**2 - 0.5 * noise**2 - log_scale).sum()
    bits = float(pixels + latents) / np.log(2) / own.images.size
    assert report.float_elbo == pytest.approx(bits, rel=1e-5)


def test_all_layers_are_named_and_cost_little() -> None:
    torch.manual_seed(2)
    own = convolutional(nn.SiLU())
    report = own.build().check(own.images)
    assert abs(report.cost) < 0.05
    assert abs(report.rounded_elbo - report.float_elbo) < 0.05
    places = [each.place for each in report.layers]
    for place in ("q.body.0", "q.body.3.first", "q.body.3", "q.end", "p.start", "p.body.1"):
        assert place in places
    assert "p: z" in places, "the buckets of the latents have a line of their own"
    assert str(report).count("\n") == 3 + len(report.layers)


def test_the_layer_that_costs_is_found() -> None:
    """A unit that is never active has a weight so large that the others are below one step."""
    own = dense()
    torch.manual_seed(3)
    own.networks["p"] = nn.Sequential(nn.Linear(4, 20), nn.ReLU(), nn.Linear(20, 48))
    with torch.no_grad():
        own.networks["p"][0].bias[0] = -100.0
        own.networks["p"][2].weight *= 10
        own.networks["p"][2].weight[:, 0] = 1000.0
    costs = {
        each.place: abs(each.bits_per_dimension) for each in own.build().check(own.images).layers
    }
    assert max(costs, key=lambda place: costs[place]) == "p.2"


def taught() -> tuple[Own, PortableModel]:
    """With weights that nobody has trained."""
    torch.manual_seed(4)
    own = dense()
    own = Own(own.networks, own.variables, own.steps, images((6, 8), 2, count=200))
    return own, own.build()


def test_fine_tuning_makes_the_integers_better_and_leaves_the_modules() -> None:
    own, made = taught()
    before = copy.deepcopy(own.networks["p"].state_dict())
    first = made.check(own.images, layers=False)
    seen: list[int] = []
    made.fine_tune(own.images, 120, 3e-3, seed=1, progress=lambda step, bits: seen.append(step))
    second = made.check(own.images, layers=False)
    assert seen == list(range(1, 121))
    assert second.code_length < first.code_length - 0.05
    assert abs(second.code_length - second.rounded_elbo) < 0.05
    for name, weight in own.networks["p"].state_dict().items():
        assert torch.equal(weight, before[name])


def test_fine_tuning_gives_the_same_each_time() -> None:
    identities = set()
    for _ in range(2):
        own, made = taught()
        made.fine_tune(own.images, 3)
        identities.add(made.model.identity)
    assert len(identities) == 1


def test_structural_zeros_stay() -> None:
    """A grouped convolution becomes a dense one with zeros, which training must not change."""
    torch.manual_seed(5)
    own = dense()
    own.networks["q"] = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 4, 3, padding=1, groups=2),
        nn.Flatten(), nn.Linear(4 * 48, 8),
    )  # fmt: skip
    made = own.build()
    key = "q.conv1.weight"
    assert (made.model.tensors[key] == 0).mean() >= 0.5
    before = made.model.tensors[key].copy()
    made.fine_tune(own.images, 20, rate=1e-2)
    after = made.model.tensors[key]
    assert (before != after).any()
    assert (after == 0).mean() >= 0.5


def test_too_few_steps_are_refused() -> None:
    own, made = taught()
    with pytest.raises(InputError, match="at least one step"):
        made.fine_tune(own.images, 0)
