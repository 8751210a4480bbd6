"""Costs and gains of the number of places, from -4 to 4, of latents below the top: exact code
length and popped bits.

    python benchmarks/latent_places.py --data MNIST --run runs/mnist-binary-layers

--run: the folder of a training by the recipe mnist-binary-layers, whose best module is rounded to
fewer places without further training. Needs bitsback[train].
"""

import argparse
import sys
from importlib import import_module
from pathlib import Path

import torch
from elbo import test_set

from bitsback.train.export.code_lengths import code_lengths
from bitsback.train.export.exporter import export
from bitsback.train.fit.vae_training import VaeTraining, mnist_split
from bitsback.train.network.layered import LayeredModule, with_steps

RECIPES = Path(__file__).resolve().parent.parent / "recipes"
BITS = (7, 6, 5, 4)


def main() -> None:
    parser = argparse.ArgumentParser(description="Rate and start by the places of latents.")
    parser.add_argument("--data", type=Path, required=True, help="folder with MNIST's IDX files")
    parser.add_argument("--run", type=Path, required=True, help="folder of the training")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    sys.path.insert(0, str(RECIPES))
    layers = import_module("settings").RECIPES["mnist-binary-layers"]
    (recipe,) = layers.parts
    split = mnist_split(arguments.data)
    module = VaeTraining(recipe, split, arguments.run / recipe.name).best_module()
    assert isinstance(module, LayeredModule)
    x = test_set(arguments.data, module.architecture.levels)
    print("| places | step | exact code length, test set | popped an image |")
    print("| --- | --- | --- | --- |")
    for bits in BITS:
        lengths = code_lengths(
            export(with_steps(module, bits), layers.card(recipe.name), growth=1), x, 0
        )
        rate, popped = lengths.net.mean() / x.shape[1], lengths.popped.mean()
        print(f"| {1 << bits} | 1/{(1 << bits) // 8} | {rate:.5f} | {popped:.0f} bits |")


if __name__ == "__main__":
    main()
