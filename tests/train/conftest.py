"""Twins and data small enough to train in a second."""

from dataclasses import replace
from importlib.util import find_spec

import pytest

if find_spec("torch") is None:
    collect_ignore = ["test_tables.py", "test_likelihoods.py", "test_export.py", "test_training.py"]
else:
    import torch

    from bitsback.train.data import Split
    from bitsback.train.recipe import Recipe
    from bitsback.train.twins import Architecture, LinearTwin, VaeTwin

    torch.set_num_threads(1)
    SMALL = Architecture(pixels=36, hidden=(16, 12), latents=5, bits=8)
    ARCHITECTURES = {
        "bernoulli": SMALL,
        "exponential": replace(SMALL, bits=10, levels=256, likelihood="exponential"),
        "beta-binomial": replace(SMALL, bits=10, levels=256, likelihood="beta-binomial"),
    }


@pytest.fixture(params=["bernoulli", "exponential", "beta-binomial"])
def architecture(request: pytest.FixtureRequest) -> "Architecture":
    return ARCHITECTURES[request.param]


@pytest.fixture
def twin(architecture: "Architecture") -> "VaeTwin":
    """A quantised twin with weights wide enough to reach every clamp."""
    torch.manual_seed(7)
    made = VaeTwin(architecture, centre=0.25)
    with torch.no_grad():
        for module in made.modules():
            if isinstance(module, LinearTwin):
                module.linear.weight.mul_(6)
                module.linear.bias.normal_(0, 2)
    made.quantise()
    return made.eval()


@pytest.fixture
def split() -> "Split":
    """Grey stripes with some noise: 300 to train on, 60 to validate."""
    generator = torch.Generator().manual_seed(3)
    phase = torch.randint(0, 6, (360, 1), generator=generator)
    stripes = ((torch.arange(36) + phase) % 6 < 3) * 200
    grey = (stripes + torch.randint(0, 55, (360, 36), generator=generator)).to(torch.uint8)
    return Split(grey[:300], grey[300:])


@pytest.fixture
def recipe() -> "Recipe":
    return Recipe("small", SMALL, epochs=6, quantise_from=3, batch=30, warm_up=1, validate_every=2, learning_rate=5e-3)
