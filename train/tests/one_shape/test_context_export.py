"""The exported context VAE computes the same integers as its module, and codes at the module's
cost.
"""

import io
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from pruning import prune

import bitsback
from bitsback.models import Model, load_model
from bitsback_train.export.exporter import Card, chain_batch, export
from bitsback_train.layers.rounding import HIDDEN, TOP
from bitsback_train.network.context import ContextArchitecture, ContextModule
from bitsback_train.network.exact_tables import bucket_centres, latent_grid
from bitsback_train.network.likelihoods import LN2

from .answers import flat_integers, likelihood_integers, pixel_integers, posterior_integers
from .conftest import CONTEXTS, widen

CARD = Card("small", "a model for tests", "CC0-1.0", (7, 6))
PIXEL = (1, 1)  # a network of a pixel has no more than that


@pytest.fixture
def model(context_module: ContextModule) -> Model:
    return load_model(export(context_module, CARD, growth=64).to_bytes())


@pytest.fixture
def x(context_module: ContextModule) -> NDArray[np.uint8]:
    """Noise; two of three images have a corner of flat symbols at the top left."""
    a = context_module.architecture
    random = np.random.default_rng(0)
    noise = random.integers(0, a.levels, (60, 7, 6), dtype=np.uint8)
    flat = random.integers(0, a.flat_levels, (60, 7, 6), dtype=np.uint8)
    rows, columns = random.integers(0, 8, (60, 1, 1)), random.integers(0, 7, (60, 1, 1))
    corner = (np.arange(7)[:, None] < rows) | (np.arange(6) < columns)
    corner &= (np.arange(60) % 3 > 0)[:, None, None]
    return np.where(corner, flat, noise).reshape(60, 42)


@pytest.fixture
def z(context_module: ContextModule) -> NDArray[np.uint16]:
    return np.random.default_rng(1).integers(
        0, 2**context_module.architecture.bits, (60, 5), dtype=np.uint16
    )


def test_the_networks_give_the_integers_of_the_module(
    context_module: ContextModule, model: Model, x: NDArray[np.uint8], z: NDArray[np.uint16]
) -> None:
    answers = posterior_integers(context_module, torch.from_numpy(x)) | likelihood_integers(
        context_module, z
    )
    np.testing.assert_array_equal(
        model.posterior_parameters(x), (answers["mean"], answers["scale"])
    )
    (features,) = model.likelihood_parameters(z)
    np.testing.assert_array_equal(features, answers["features"])
    assert len(np.unique(features)) > TOP // 2
    of_pixels = {"pixel": (context_module.inputs, pixel_integers)}
    if context_module.flat:
        of_pixels["flat"] = (context_module.architecture.features, flat_integers)
    assert set(model.networks) == {"posterior", "likelihood", *of_pixels}
    for network, (width, module_integers) in of_pixels.items():
        source = np.random.default_rng(2).integers(0, TOP + 1, (300, width), dtype=np.uint8)
        modules = module_integers(context_module, source)
        assert model.outputs[network] == tuple(modules)
        ours = model.networks[network].at(PIXEL)(source, outputs=tuple(modules))
        for output, (name, integers) in zip(ours, modules.items(), strict=True):
            np.testing.assert_array_equal(output, integers, f"{network}.{name}")
            assert len(np.unique(output)) > 5
        if context_module.architecture.levels > 2:
            assert sum(len(np.unique(output)) for output in ours) > 100


@torch.no_grad()
def module_bits(
    module: ContextModule, x: NDArray[np.uint8], z: NDArray[np.uint16]
) -> NDArray[np.float64]:
    """-log2 p(x | z) by the module, [n], for symbols [n, pixels] and buckets [n, latents]."""
    symbols = torch.from_numpy(x).float()
    centres = latent_grid(module.architecture.bits).real(
        torch.from_numpy(bucket_centres(module.architecture.bits).astype(np.float32))
    )
    values = module.decode(centres[torch.from_numpy(z.astype(np.int64))])
    windows, features, of_pixels = (
        module.windows(symbols),
        values.flatten(0, 2),
        symbols.view(-1, 1),
    )
    nats = module.pixel_likelihood.nats(
        of_pixels, *module.pixel_outputs(windows, features)
    ).double()
    if module.flat:
        flat = module.is_flat(windows)
        assert 100 < int(flat.sum()) < 0.9 * len(flat)
        outputs = module.outputs_if_flat(features[flat])
        nats[flat] = module.pixel_likelihood.nats(of_pixels[flat], *outputs).double()
    bits: NDArray[np.float64] = nats.view(len(x), -1).sum(1).numpy() / LN2
    return bits


def test_the_model_codes_at_the_price_that_the_module_names(
    context_module: ContextModule, model: Model, x: NDArray[np.uint8], z: NDArray[np.uint16]
) -> None:
    """Mixtures agree exactly; the probability of a logit is rounded to 2^-16."""
    bits = model.likelihood(z).bits(x)
    tolerance = 1e-5 if context_module.architecture.levels > 2 else 0.01
    np.testing.assert_allclose(bits, module_bits(context_module, x, z), rtol=tolerance)


def test_an_archive_comes_back(
    context_module: ContextModule, model: Model, x: NDArray[np.uint8]
) -> None:
    images = x.reshape(-1, 7, 6).astype(
        np.bool_ if context_module.architecture.levels == 2 else np.uint8
    )
    buffer = io.BytesIO()
    bitsback.compress(images, buffer, model=model)
    buffer.seek(0)
    np.testing.assert_array_equal(bitsback.decompress(buffer), images)


def test_a_chain_of_the_model_comes_back(model: Model, x: NDArray[np.uint8]) -> None:
    message = bitsback.Message(heads=[1 << 40] * 2, tail=range(3_000))
    before = message.to_bytes()
    model.push(message, x, [(30, 2)])
    np.testing.assert_array_equal(model.pop(message, [(30, 2)]), x)
    assert message.to_bytes() == before


def test_the_description_says_what_the_module_is(
    context_module: ContextModule, model: Model
) -> None:
    a = context_module.architecture
    assert model.autoregressive and (model.name, model.growth, model.batch) == ("small", 64, 256)
    assert (model.item_shape, model.latents, model.levels) == ((7, 6), 5, a.levels)
    scan = json.loads(model.description)["distributions"]["p(x|z)"]
    (group,) = scan["groups"]
    assert (group["codec"], scan["window"]) == (a.likelihood, [2, 3])
    assert ("flat" in group) == (a.flat_hidden > 0)


def test_idle_latents_are_pruned_and_the_rest_is_as_it_was(
    context_module: ContextModule, x: NDArray[np.uint8]
) -> None:
    with torch.no_grad():
        for layer in (context_module.mean, context_module.scale):
            layer.linear.weight[2] = 0
            layer.linear.bias[2] = 0
        context_module.cell.linear.weight[:, 2] *= 1e-3
    dead_units(context_module, x)
    pruned = prune(context_module, torch.from_numpy(x))
    assert isinstance(pruned, ContextModule) and pruned.architecture.latents == 4
    kept = [0, 1, 3, 4]
    before, after = (
        posterior_integers(each, torch.from_numpy(x)) for each in (context_module, pruned)
    )
    for name in before:
        np.testing.assert_array_equal(after[name], before[name][:, kept])
    z = np.random.default_rng(0).integers(0, 256, (50, 5))
    whole = likelihood_integers(context_module, z)["features"]
    assert (
        np.abs(whole - likelihood_integers(pruned, z[:, kept])["features"]).mean()
        < 0.05 * HIDDEN.scale
    )
    export(pruned, CARD, growth=1)


def test_of_latents_that_are_all_idle_one_stays(
    context_module: ContextModule, x: NDArray[np.uint8]
) -> None:
    with torch.no_grad():
        for layer in (context_module.mean, context_module.scale):
            layer.linear.weight.zero_()
            layer.linear.bias.zero_()
        context_module.mean.linear.bias[3] = 0.01
    assert prune(context_module, torch.from_numpy(x)).architecture.latents == 1


def test_dead_units_of_the_encoder_are_pruned(
    context_module: ContextModule, x: NDArray[np.uint8]
) -> None:
    with torch.no_grad():
        context_module.dense.linear.bias.fill_(0.5)
        context_module.dense.linear.bias[[2, 5]] = -100
    dead = dead_units(context_module, x)
    pruned = prune(context_module, torch.from_numpy(x))
    assert isinstance(pruned, ContextModule) and pruned.architecture.dense == 10 - dead <= 8
    before, after = (
        posterior_integers(each, torch.from_numpy(x)) for each in (context_module, pruned)
    )
    for name in before:
        np.testing.assert_array_equal(after[name], before[name])
    export(pruned, CARD, growth=1)


@torch.no_grad()
def dead_units(module: ContextModule, x: NDArray[np.uint8]) -> int:
    """Counts dead units. From then on, their weights do not set the steps of the others'
    weights.
    """
    dead = module.last_hidden(torch.from_numpy(x)).amax(0) <= 0
    for layer in (module.mean, module.scale):
        layer.linear.weight[:, dead] *= 0.01
    return int(dead.sum())


def test_of_units_that_are_all_dead_one_stays(
    context_module: ContextModule, x: NDArray[np.uint8]
) -> None:
    with torch.no_grad():
        context_module.dense.linear.bias.fill_(-100)
    pruned = prune(context_module, torch.from_numpy(x))
    assert isinstance(pruned, ContextModule) and pruned.architecture.dense == 1


@pytest.mark.parametrize(
    ("shape", "batch"), [((8, 8), 256), ((28, 28), 256), ((64, 64), 49), ((128, 128), 12)]
)
def test_batches_of_large_images_are_small(
    context_architecture: ContextArchitecture, shape: tuple[int, int], batch: int
) -> None:
    with torch.device("meta"):
        module = ContextModule(replace(context_architecture, shape=shape))
    assert chain_batch(module) == batch


@pytest.mark.parametrize("shape", [(9, 5), (6, 11), (8, 8), (3, 14)])
def test_features_are_cropped_to_the_size_of_the_images(shape: tuple[int, int]) -> None:
    """The decoder's squares have 4 x 4 pixels, the encoder's strides are 2 x 2."""
    torch.manual_seed(7)
    module = ContextModule(replace(CONTEXTS["gated, 17 levels"], shape=shape))
    widen(module, 1.5)
    module.quantise()
    module.eval()
    model = export(module, replace(CARD, item_shape=shape), growth=64)
    random = np.random.default_rng(0)
    z = random.integers(0, 256, (20, 5), dtype=np.uint16)
    x = random.integers(0, 17, (20, *shape), dtype=np.uint8)
    (features,) = model.likelihood_parameters(z)
    np.testing.assert_array_equal(features, likelihood_integers(module, z)["features"])
    means, _ = model.posterior_parameters(x.reshape(20, -1))
    np.testing.assert_array_equal(
        means, posterior_integers(module, torch.from_numpy(x.reshape(20, -1)))["mean"]
    )
    buffer = io.BytesIO()
    bitsback.compress(x, buffer, model=model)
    buffer.seek(0)
    np.testing.assert_array_equal(bitsback.decompress(buffer), x)
