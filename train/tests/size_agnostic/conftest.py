"""Size-agnostic models small enough to train in a second, and images for them."""

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy.typing import NDArray

if TYPE_CHECKING:
    from bitsback_train.fit.pixels import Starts
    from bitsback_train.network.pixel_predictor import PredictiveArchitecture, PredictiveModule

if find_spec("torch") is None:
    collect_ignore = [path.name for path in Path(__file__).parent.glob("test_*.py")]
else:
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def architecture() -> "PredictiveArchitecture":
    from bitsback_train.network.pixel_predictor import (
        LinearPredictor,
        Places,
        PredictiveArchitecture,
    )

    return PredictiveArchitecture(
        (
            LinearPredictor(Places.nearest(6, 3, 1), 8, (86, 72, 72)),
            LinearPredictor(Places.nearest(2, 1, 1), 4, (70, 62, 62), 64),
        ),
        Places.nearest(8, 3, 1),
        hidden=12,
        residuals=1,
        components=3,
    )


@pytest.fixture
def module(architecture: "PredictiveArchitecture") -> "PredictiveModule":
    """An untrained float module."""
    from bitsback_train.network.pixel_predictor import PredictiveModule

    torch.manual_seed(7)
    return PredictiveModule(architecture)


@pytest.fixture(scope="session")
def starts(architecture: "PredictiveArchitecture") -> "Starts":
    from bitsback_train.fit.items import as_items
    from bitsback_train.fit.start_matrices import as_starts, no_starts, sum_products

    items = as_items([wavy((2, 24, 24, 2), np.uint8, seed) for seed in range(3)])
    none = no_starts(architecture)
    return as_starts(sum_products(architecture, none, items).means(), 16)


def wavy(shape: tuple[int, ...], dtype: Any, seed: int = 0) -> NDArray[Any]:
    """Slices of waves with some noise, [slices, rows, columns, channels]."""
    random = np.random.default_rng(seed)
    s, r, q, c = np.indices(shape)
    wave = np.sin(r / 3 + s / 5 + seed) + np.cos(q / 4 + c / 3) + random.normal(0, 0.1, shape)
    top = np.iinfo(dtype).max
    return np.clip((wave + 3) / 6 * top, 0, top).astype(dtype)


@pytest.fixture
def base(module: "PredictiveModule", starts: "Starts", tmp_path: Path) -> Path:
    """A model file to start from."""
    from bitsback_train.export.exporter import Card
    from bitsback_train.export.size_agnostic import export_predictive

    module.quantise()
    model = export_predictive(module.eval(), starts, Card("base", "for tests", "CC0-1.0"))
    path = tmp_path / "base.safetensors"
    path.write_bytes(model.to_bytes())
    return path
