"""Whatever a layer multiplies lies within 0 to 127, in all models that training makes."""

import json
from typing import Any

import torch

from bitsback.models import Model
from bitsback.train.export.exporter import Card, described, export
from bitsback.train.fit.recipe import Twin
from bitsback.train.quantise.rounding import pixel_grid, seven_bits
from bitsback.train.twins.context import ContextTwin
from bitsback.train.twins.dense import VaeTwin


def ranges_multiplied(twin: Twin, shape: tuple[int, ...]) -> dict[str, tuple[int, int]]:
    """The range of what each layer with weights reads, by the layer's name."""
    text, tensors = described(twin, Card("small", "a model for tests", "CC0-1.0", shape), 1)
    description: dict[str, Any] = json.loads(text)
    of_planes = int(tensors["pixel.planes"].max()) if "pixel.planes" in tensors else 0
    features: tuple[int, int] = (0, 0)
    found = {}
    for network in ("posterior", "likelihood", "pixel"):
        values = {
            "x": (0, description["item"]["levels"] - 1),
            "z": (0, 255),
            "context": (0, max(of_planes, features[1])),
        }
        for layer in description.get(network, {"network": ()})["network"]:
            name, read = layer["name"], values[layer["input"]]
            if "clamp" in layer:
                values[name] = tuple(layer["clamp"])
            elif layer["op"] == "table":
                table = tensors[f"{network}.{name}.table"]
                values[name] = (int(table.min()), int(table.max()))
            else:
                values[name] = read
            if "shift" in layer:
                found[f"{network}.{name}"] = read
        features = values.get("features", features)
    return found


def test_layers_of_a_dense_vae_multiply_seven_bits(twin: VaeTwin) -> None:
    found = ranges_multiplied(twin, (36,))
    assert len(found) >= 7
    assert all(low >= 0 and high <= 127 for low, high in found.values()), found


def test_layers_of_a_context_vae_multiply_seven_bits(context_twin: ContextTwin) -> None:
    found = ranges_multiplied(context_twin, (7, 6))
    assert len(found) >= 10
    assert all(low >= 0 and high <= 127 for low, high in found.values()), found


def test_the_core_reads_a_posterior_that_sees_the_upper_bits(context_twin: ContextTwin) -> None:
    """Two symbols that differ in their lowest bit alone are one to the posterior, of 256 levels."""
    levels = context_twin.architecture.levels
    model: Model = export(context_twin, Card("small", "for tests", "CC0-1.0", (7, 6)), 1)
    symbols = torch.randint(0, levels, (20, 42), dtype=torch.uint8)
    others = (symbols ^ (torch.arange(42) % 3 == 0)).clamp(max=levels - 1)
    same = all(
        (ours == theirs).all()
        for ours, theirs in zip(
            model.posterior_parameters(symbols.numpy()),
            model.posterior_parameters(others.numpy()),
            strict=True,
        )
    )
    assert same == (levels == 256)


def test_few_levels_are_seen_as_they_are_and_many_by_their_upper_bits() -> None:
    symbols = torch.tensor([0, 1, 2, 127, 128, 254, 255], dtype=torch.uint8)
    assert torch.equal(seven_bits(symbols[:4], 128), symbols[:4])
    assert seven_bits(symbols, 256).tolist() == [0, 0, 1, 63, 64, 127, 127]
    assert (pixel_grid(128).hi, pixel_grid(129).hi, pixel_grid(256).hi) == (127, 64, 127)
