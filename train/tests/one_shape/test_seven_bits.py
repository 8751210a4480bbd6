"""The inputs of layers lie within 0 to 127 in all models that training makes."""

import torch

from bitsback.models import Model
from bitsback_train.export.exporter import AnyVae, Card, export
from bitsback_train.layers.rounding import pixel_grid, seven_bits
from bitsback_train.network.context import ContextModule
from bitsback_train.network.dense import VaeModule


def ranges_multiplied(module: AnyVae, shape: tuple[int, ...]) -> dict[str, tuple[int, int]]:
    """The input range of each layer with weights, by name."""
    model = export(module, Card("small", "for tests", "CC0-1.0", shape), 1)
    return {
        f"{network.name}.{name}": (network.known[of].low, network.known[of].high)
        for network in model.networks.values()
        for name, layer in network.layers.items()
        if layer.multiply_adds((shape[0], shape[1]))
        for of in layer.inputs
    }


def test_layers_of_a_dense_vae_multiply_seven_bits(module: VaeModule) -> None:
    found = ranges_multiplied(module, (6, 6))
    assert len(found) >= 7
    assert all(low >= 0 and high <= 127 for low, high in found.values()), found


def test_layers_of_a_context_vae_multiply_seven_bits(context_module: ContextModule) -> None:
    found = ranges_multiplied(context_module, (7, 6))
    assert len(found) >= 10
    assert all(low >= 0 and high <= 127 for low, high in found.values()), found


def test_the_core_reads_a_posterior_that_sees_the_upper_bits(context_module: ContextModule) -> None:
    """With 256 levels, symbols that differ only in the lowest bit give the same posterior."""
    levels = context_module.architecture.levels
    model: Model = export(context_module, Card("small", "for tests", "CC0-1.0", (7, 6)), 1)
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
