"""Size-agnostic models small enough to train in a second, and images for them."""

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy.typing import NDArray

if TYPE_CHECKING:
    from bitsback.models import Model
    from bitsback_train.fit.start_matrices import Start
    from bitsback_train.network.wavefront import PixelNetwork

    Networks = tuple[PixelNetwork, ...]

if find_spec("torch") is None:
    collect_ignore = [path.name for path in Path(__file__).parent.glob("test_*.py")]
else:
    import torch

    torch.set_num_threads(1)


@pytest.fixture
def networks() -> "Networks":
    """Untrained ones that round, for 0, 1 and 2 references."""
    from bitsback_train.network.wavefront import PixelNetwork

    torch.manual_seed(7)
    found = tuple(PixelNetwork(references, 16, 1) for references in range(3))
    for network in found:
        network.quantise()
    return found


@pytest.fixture(scope="session")
def start() -> "Start":
    from bitsback.models import bundled
    from bitsback_train.export.wavefronts import distribution_of
    from bitsback_train.fit.items import as_items
    from bitsback_train.fit.start_matrices import adapted, no_start, sum_products

    settings = distribution_of(bundled.load("universal-fast"), "universal-fast").settings
    items = as_items([wavy((2, 48, 48, 2), np.uint8, seed) for seed in range(3)])
    return adapted(sum_products(settings, items), no_start(), 16)


def wavy(shape: tuple[int, ...], dtype: Any, seed: int = 0) -> NDArray[Any]:
    """Slices of waves with some noise, [slices, rows, columns, channels]."""
    random = np.random.default_rng(seed)
    s, r, q, c = np.indices(shape)
    wave = np.sin(r / 3 + s / 5 + seed) + np.cos(q / 4 + c / 3) + random.normal(0, 0.1, shape)
    top = np.iinfo(dtype).max
    return np.clip((wave + 3) / 6 * top, 0, top).astype(dtype)


@pytest.fixture
def model(networks: "Networks", start: "Start") -> "Model":
    from bitsback_train.export.exporter import Card
    from bitsback_train.export.wavefronts import new_model

    return new_model(Card("base", "for tests", "CC0-1.0"), 65_536, networks, start)
