"""What the scripts in recipes/ run: train, choose on the validation set, export."""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from bitsback.train.export.code_lengths import code_lengths, safe_growth
from bitsback.train.export.exporter import Card, chain_batch, export
from bitsback.train.fit.gate import Gate, with_gate
from bitsback.train.fit.machine import keep_freed_memory
from bitsback.train.fit.pruning import prune
from bitsback.train.fit.recipe import CURVE, Recipe, Training
from bitsback.train.fit.split import mnist_split
from bitsback.train.twins.architectures import load_twin, save_twin
from bitsback.train.twins.context import ContextTwin
from bitsback.train.twins.layered import LayeredTwin, with_steps

GATE_IMAGES = 14_000  # whose dull pixels the network for dull pixels is trained on


def run(
    recipe: Recipe,
    card: Card,
    drop_idle_latents: bool,
    float_seed: int,
    validation: int = 5_000,
    before: Sequence[Recipe] = (),
    last: Recipe | None = None,
    gate: Gate | None = None,
    start: Path | None = None,
    step_bits: int | None = None,
) -> None:
    """Train by `recipe` as the command line says, and write the integer model or, with --float, its
    float twin.

    `float_seed` is the seed of the float twin. The choices are made by the last `validation`
    images, on which nothing trains. Those `before` are trained one after the other; each, and
    `recipe` after them, starts from the best of the one before it, grown where it is larger. With
    `last`, the best that `recipe` has come to is trained on by that one, with rounding; the float
    twin is not. With `gate`, dull pixels have a network of their own, which is trained last.
    `start` is a file with the weights of a float twin to start from. With `step_bits`, latents
    below the top have so many bits in the model, whatever they had in training.
    """
    parser = argparse.ArgumentParser(description=f"Train {card.name}: {card.about}.")
    parser.add_argument(
        "--data", type=Path, required=True, help="folder with the gzipped IDX files"
    )
    parser.add_argument(
        "--out", type=Path, required=True, help="folder for checkpoint, curve and result"
    )
    parser.add_argument(
        "--float", action="store_true", dest="as_float", help="train the float twin: no rounding"
    )
    parser.add_argument(
        "--threads", type=int, default=1, help="on which the outcome depends (default: %(default)s)"
    )
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.set_flush_denormal(True)
    keep_freed_memory()
    if arguments.as_float:
        recipe = replace(recipe, quantise_from=None, seed=float_seed)
    split = mnist_split(arguments.data, validation)
    first, *others = (
        [*before, recipe] if last is None or arguments.as_float else [*before, recipe, last]
    )
    training = Training(first, split, arguments.out / first.name)
    if start is not None and training.epoch == 0:
        training.start_from(load_twin(start).state_dict())
    training = _train(training)
    for stage in others:
        following = Training(stage, split, arguments.out / stage.name)
        if following.epoch == 0:
            following.start_from(training.best_twin().state_dict())
        training = _train(following)
    twin = training.best_twin()
    print(
        f"least validation loss {training.best_loss:.5f} bpd; the curve is in"
        f" {training.folder / CURVE}"
    )
    if arguments.as_float:
        save_twin(twin, arguments.out / "twin.safetensors")
        print(f"wrote {arguments.out / 'twin.safetensors'}")
        return
    if drop_idle_latents:
        twin = prune(twin, training.validation)
    if step_bits is not None and isinstance(twin, LayeredTwin):
        twin = with_steps(twin, step_bits)
    if gate is not None and isinstance(twin, ContextTwin):
        twin = with_gate(twin, gate, training.symbols_to_train_on(GATE_IMAGES), recipe.seed)
    lengths = code_lengths(
        export(twin, card, growth=1), training.validation.numpy().astype(np.uint8), recipe.seed
    )
    model = export(twin, card, safe_growth(lengths, chain_batch(twin)))
    path = arguments.out / f"{card.name}.safetensors"
    path.write_bytes(model.to_bytes())
    print(
        f"wrote {path}: {model.latents} latents, growth {model.growth}; on the validation set"
        f" exactly {lengths.net.mean() / model.pixels:.5f} bpd, {lengths.popped.mean():.0f} bits"
        " popped an image"
    )


def _train(training: Training) -> Training:
    while training.epoch < training.recipe.epochs:
        training.run(training.epoch + training.recipe.validate_every)
        print(training.rows[-1], flush=True)
    return training
