"""What an integer model costs over a float twin of the same recipe, in exact bits on MNIST's 10,000 test images.

    python benchmarks/elbo.py --data MNIST                                           both bundled models
    python benchmarks/elbo.py --data MNIST --model M.safetensors --twin T.safetensors

The integer model: the exact code length of the frequencies that it codes with. The float twin: its negative ELBO. Both
with the same images, binarised once, and the same number of posterior samples an image. Needs bitsback[train].
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from bitsback.models import load_model
from bitsback.train.data import TEST_IMAGES, read_idx_images
from bitsback.train.rates import code_lengths
from bitsback.train.twins import LN2, VaeTwin
from bitsback.train.weights import load_twin

RECIPES = Path(__file__).resolve().parent.parent / "recipes"
BUNDLED = ("mnist-binary", "mnist-binary-paper")


def binarised_test_set(folder: Path) -> NDArray[np.uint8]:
    """The binarisation that every figure of this project uses, uint8 [10000, 784]."""
    grey = read_idx_images(folder / TEST_IMAGES)
    chosen = np.random.RandomState(0).random_sample(grey.shape) < grey / 255
    return chosen.reshape(len(grey), -1).astype(np.uint8)


@torch.no_grad()
def float_bits(twin: VaeTwin, x: NDArray[np.uint8], samples: int) -> NDArray[np.float64]:
    """The negative ELBO of each item in bits, [n], the mean of `samples` samples."""
    generator = torch.Generator().manual_seed(0)
    pixels = torch.from_numpy(x).float()
    total = torch.zeros(len(x), dtype=torch.float64)
    for _ in range(samples):
        losses, kl = twin.nats(pixels, torch.randn(len(x), twin.architecture.latents, generator=generator))
        total += (losses + kl).double()
    return (total / (samples * LN2)).numpy()


def main() -> None:
    parser = argparse.ArgumentParser(description="The integer model's exact rate beside its float twin's ELBO.")
    parser.add_argument("--data", type=Path, required=True, help="folder with MNIST's gzipped IDX files")
    parser.add_argument("--model", help="bundled name or file; without it, both bundled models")
    parser.add_argument("--twin", type=Path, help="the float twin's weights")
    parser.add_argument("--samples", type=int, default=10, help="posterior samples an image")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    pairs = [(name, RECIPES / f"{name}-float.safetensors") for name in BUNDLED]
    if arguments.model:
        if not arguments.twin:
            parser.error("--model needs --twin")
        pairs = [(arguments.model, arguments.twin)]
    x = binarised_test_set(arguments.data)
    print(f"{'model':24} {'integer bpd':>12} {'float bpd':>12} {'integer / float':>16} {'bits popped':>12}")
    for name, weights in pairs:
        model = load_model(name)
        runs = [code_lengths(model, x, seed) for seed in range(arguments.samples)]
        integer = np.mean([run.net.mean() for run in runs]) / model.pixels
        twin = float_bits(load_twin(weights), x, arguments.samples).mean() / model.pixels
        popped = np.mean([run.popped.mean() for run in runs])
        print(f"{model.name:24} {integer:12.5f} {twin:12.5f} {integer / twin:16.5f} {popped:12.1f}")


if __name__ == "__main__":
    main()
