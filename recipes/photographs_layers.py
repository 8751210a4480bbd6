"""A model for photographs of any size, without a scan, with layers of latents on grids,
`photographs-layers`.

    python recipes/photographs_layers.py --photos PHOTOS --out runs/photographs-layers

PHOTOS has patches_00.webp, patches_01.webp, ..., each tiled with photographs of 64x64 pixels that
are trained on, and val_00.webp, by which weights are chosen.

With --layers 1 or 3 it has so many layers in place of two, which is what docs/models.md compares.
Twenty minutes for each on a core, and 1 GB. Run again, it goes on from its checkpoint.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from bitsback.train.export.code_lengths import code_lengths, safe_growth
from bitsback.train.export.exporter import Card, chain_batch, export
from bitsback.train.fit.items import PATCH, patches
from bitsback.train.fit.machine import keep_freed_memory
from bitsback.train.fit.recipe import Recipe, Training
from bitsback.train.fit.split import Split
from bitsback.train.twins.pyramid import PyramidArchitecture, PyramidTwin

SHAPE = (PATCH, PATCH, 3)
ARCHITECTURES = {
    1: PyramidArchitecture(SHAPE, factors=(4,), layers=(16,), widths=(48,)),
    2: PyramidArchitecture(SHAPE, factors=(4, 2), layers=(16, 12), widths=(48, 32)),
    3: PyramidArchitecture(SHAPE, factors=(4, 2, 2), layers=(16, 12, 8), widths=(48, 32, 32)),
}
EPOCHS, IN_FLOATS = 12, 8
VALIDATION = 256  # patches


def read(folder: Path) -> Split:
    """The patches, uint8 [n, 64 * 64 * 3]."""
    paths = sorted(folder.glob("patches_*.webp"))
    return Split(_rows(paths), _rows([folder / "val_00.webp"], step=4)[:VALIDATION])


def _rows(paths: list[Path], step: int = 1) -> Tensor:
    found = np.concatenate([patches(path)[::step] for path in paths])
    return torch.from_numpy(found.reshape(len(found), -1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=Path, required=True, help="folder of the patches")
    parser.add_argument(
        "--out", type=Path, required=True, help="folder for checkpoint, curve and result"
    )
    parser.add_argument("--layers", type=int, choices=ARCHITECTURES, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    keep_freed_memory()
    name = "photographs-layers" if arguments.layers == 2 else f"photographs-{arguments.layers}"
    recipe = Recipe(
        name, ARCHITECTURES[arguments.layers], epochs=EPOCHS, quantise_from=IN_FLOATS, batch=16,
        learning_rate=2e-3, warm_up=0, validate_every=1,
    )  # fmt: skip
    training = Training(recipe, read(arguments.photos), arguments.out / name, samples=1)
    while training.epoch < recipe.epochs:
        training.run(training.epoch + 1)
        print(training.rows[-1], flush=True)
    twin = training.best_twin()
    assert isinstance(twin, PyramidTwin)
    card = Card(
        name=name,
        about=f"photographs in colour of any size, {arguments.layers} layers of latents, no scan",
        licence="CC0-1.0",
    )
    x = training.validation.numpy().astype(np.uint8)
    lengths = code_lengths(export(twin, card, growth=1), x, recipe.seed, SHAPE[:2])
    model = export(twin, card, safe_growth(lengths, chain_batch(twin)))
    path = arguments.out / f"{name}.safetensors"
    path.write_bytes(model.to_bytes())
    print(
        f"least validation loss {training.best_loss:.5f} bpd; wrote {path}: growth {model.growth};"
        f" on the validation set exactly {lengths.net.mean() / x.shape[1]:.5f} bpd,"
        f" {lengths.popped.mean() / x.shape[1]:.5f} popped"
    )


if __name__ == "__main__":
    main()
