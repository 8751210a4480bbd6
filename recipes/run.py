"""Train a VAE by the recipe of its name, one of those in `settings.py`.

    python recipes/run.py mnist --data MNIST --out runs/mnist
    python recipes/run.py mnist --data MNIST --out runs/mnist-float --float

MNIST is a folder with its gzipped IDX files. A second run continues from the checkpoints. With
--float a VAE is trained without rounding, and its weights are written as module.safetensors.

The curves beside this file are from the runs that made the bundled models.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from architectures import load_module, save_module
from gate import with_gate
from pruning import prune
from settings import RECIPES, Vae
from vae_training import Split, VaeTraining, mnist_split

from bitsback.models import Model
from bitsback_train.export.exporter import Card, chain_batch, vae_parts
from bitsback_train.fit.machine import keep_freed_memory
from bitsback_train.fit.training import CURVE
from bitsback_train.network.context import ContextModule

GATE_IMAGES = 14_000  # their flat contexts train the network for these
FLOATS = "module.safetensors"


def main(arguments: Sequence[str] | None = None, recipes: Mapping[str, Vae] = RECIPES) -> None:
    """recipes: the available ones, by name."""
    parser = argparse.ArgumentParser(description="Train a VAE by the recipe of its name.")
    parser.add_argument("name", choices=recipes, metavar="NAME", help=", ".join(recipes))
    parser.add_argument("--data", type=Path, required=True, help="folder of MNIST's files")
    parser.add_argument(
        "--out", type=Path, required=True, help="folder for checkpoints, curves and result"
    )
    parser.add_argument(
        "--float", action="store_true", dest="as_float", help="train without rounding"
    )
    parser.add_argument(
        "--threads", type=int, default=1, help="on which the outcome depends (default: %(default)s)"
    )
    parser.add_argument("--start", type=Path, help="weights for the last part")
    parser.add_argument(
        "--done", type=int, default=0, help="epochs of the last part that made these weights"
    )
    parser.add_argument(
        "--checkpoint", type=Path, metavar="FILE",
        help="write the weights of an unfinished last part, for --start, and end",
    )  # fmt: skip
    chosen = parser.parse_args(arguments)
    recipe = recipes[chosen.name]
    torch.set_num_threads(chosen.threads)
    torch.set_flush_denormal(True)
    keep_freed_memory()
    split = mnist_split(chosen.data, recipe.validation)
    if chosen.checkpoint is not None:
        part = recipe.parts[-1]
        training = VaeTraining(part, split, chosen.out / part.name)
        save_module(training.module, chosen.checkpoint)
        print(f"wrote {chosen.checkpoint}: --start it with --done {training.epoch}")
        return
    start = None if chosen.start is None else load_module(chosen.start).state_dict()
    training = train_vae(recipe, split, chosen.out, chosen.as_float, start, chosen.done)
    if chosen.as_float:
        save_module(training.best_module(), chosen.out / FLOATS)
        print(f"wrote {chosen.out / FLOATS}")
        return
    model = finish(recipe, training, recipe.card(chosen.name))
    path = chosen.out / f"{chosen.name}.safetensors"
    path.write_bytes(model.to_bytes())
    print(f"wrote {path}")


def train_vae(
    recipe: Vae,
    images: Split,
    out: Path,
    as_float: bool,
    start: dict[str, torch.Tensor] | None = None,
    done: int = 0,
) -> VaeTraining:
    """Trains all parts in turn. Returns the last one. start: weights for the last part, after as
    many epochs of it as are `done`, in place of the parts before.
    """
    parts = list(recipe.parts if start is None else recipe.parts[-1:])
    if as_float:
        parts[-1] = replace(parts[-1], quantise_from=None, seed=recipe.float_seed)
    elif recipe.last is not None:
        parts.append(recipe.last)
    for part in parts:
        training = VaeTraining(part, images, out / part.name)
        if start is not None and training.epoch == 0:
            training.start_from(start)
            training.epoch = done
        while training.epoch < training.recipe.epochs:
            training.run(training.epoch + training.recipe.validate_every)
            print(training.rows[-1], flush=True)
        print(f"the curve is in {training.folder / CURVE}")
        done = 0
        start = training.best_module().state_dict()
    print(f"least validation loss {training.best_loss:.5f} bpd")
    return training


def finish(recipe: Vae, training: VaeTraining, card: Card) -> Model:
    """The integer model, with the growth that the validation images allow."""
    module = training.best_module()
    seed = recipe.parts[-1].seed
    if recipe.drop_idle_latents:
        module = prune(module, training.validation)
    if recipe.gate is not None and isinstance(module, ContextModule):
        module = with_gate(module, recipe.gate, training.symbols_to_train_on(GATE_IMAGES), seed)
    x = training.validation.numpy().astype(np.uint8)
    model, lengths = vae_parts(module, card).grown(chain_batch(module), x, seed, len(x))
    print(
        f"{module.architecture.latents} latents, growth {model.growth}; on the validation set"
        f" exactly {lengths.net.mean() / x.shape[1]:.5f} bpd, {lengths.popped.mean():.0f} bits"
        " popped an image"
    )
    return model


if __name__ == "__main__":
    main()
