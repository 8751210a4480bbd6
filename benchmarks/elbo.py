"""The cost of an integer model over a float module of the same recipe, in exact bits on the 10,000
test images of its set.

    python benchmarks/elbo.py --data MNIST --fashion FASHION-MNIST                   all bundled
    models python benchmarks/elbo.py --data MNIST --model M.safetensors --module T.safetensors

For the integer model it is the exact code length of its frequencies, for the float module its
negative ELBO. Both use the same images, binarised once for models of two levels, and the same
number of posterior samples per image. Needs bitsback[train].
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from bitsback.models import bundled, load_model
from bitsback_train.downloads import TEST_IMAGES
from bitsback_train.export.code_lengths import code_lengths
from bitsback_train.fit.vae_training import nats_in_parts, read_idx_images
from bitsback_train.network.architectures import AnyVae, load_module
from bitsback_train.network.likelihoods import LN2

RECIPES = Path(__file__).resolve().parent.parent / "recipes"


def test_set(folder: Path, levels: int) -> NDArray[np.uint8]:
    """The test images, for 2 levels the binarisation that all figures use, uint8 [10000, 784]."""
    symbols = read_idx_images(folder / TEST_IMAGES)
    if levels == 2:
        symbols = (np.random.RandomState(0).random_sample(symbols.shape) < symbols / 255).astype(
            np.uint8
        )
    return symbols.reshape(len(symbols), -1).copy()  # torch wants it writable


def float_bits(module: AnyVae, x: NDArray[np.uint8], samples: int) -> NDArray[np.float64]:
    """The negative ELBO of each item in bits, [n], the mean of `samples` samples."""
    generator = torch.Generator().manual_seed(0)
    bits = np.zeros(len(x))
    for _ in range(samples):
        noise = torch.randn(len(x), module.architecture.latents, generator=generator)
        losses, kl = nats_in_parts(module, torch.from_numpy(x), noise)
        bits += ((losses + kl).double() / (samples * LN2)).numpy()
    return bits


def main() -> None:
    parser = argparse.ArgumentParser(
        description="The integer model's exact rate beside its float module's ELBO."
    )
    parser.add_argument(
        "--data", type=Path, required=True, help="folder with MNIST's gzipped IDX files"
    )
    parser.add_argument(
        "--fashion", type=Path, help="folder with Fashion-MNIST's, for the bundled models of it"
    )
    parser.add_argument("--model", help="bundled name or file; without it, all bundled models")
    parser.add_argument(
        "--module",
        type=Path,
        help="its float module's weights (default: those in recipes/, if there)",
    )
    parser.add_argument("--samples", type=int, default=10, help="posterior samples an image")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    pairs = [(name, RECIPES / f"{name}-float.safetensors") for name in bundled.names()]
    if arguments.model:
        pairs = [
            (arguments.model, arguments.module or RECIPES / f"{arguments.model}-float.safetensors")
        ]
    print(
        f"{'model':24} {'integer bpd':>12} {'float bpd':>12} {'integer / float':>16}"
        f" {'bits popped':>12}"
    )
    for name, weights in pairs:
        model = load_model(name)
        folder = (
            arguments.fashion
            if model.name.startswith("fashion-mnist") and not arguments.model
            else arguments.data
        )
        if folder is None:
            print(f"{model.name:24} needs --fashion")
            continue
        x = test_set(folder, model.levels)
        runs = [code_lengths(model, x, seed) for seed in range(arguments.samples)]
        integer = np.mean([run.net.mean() for run in runs]) / model.pixels
        popped = np.mean([run.popped.mean() for run in runs])
        beside = f"{'-':>12} {'-':>16}"
        if weights.exists():
            module = float_bits(load_module(weights), x, arguments.samples).mean() / model.pixels
            beside = f"{module:12.5f} {integer / module:16.5f}"
        print(f"{model.name:24} {integer:12.5f} {beside} {popped:12.1f}")


if __name__ == "__main__":
    main()
