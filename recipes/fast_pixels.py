"""Trains the networks of a model of the codec `wavefront`, one for each number of references.

    python recipes/fast_pixels.py train FEATURES OUT --model universal --refs 1
    python recipes/fast_pixels.py narrow FEATURES WIDE OUT --model universal --refs 1
    python recipes/fast_pixels.py rate FEATURES OUT --model universal --refs 1
    python recipes/fast_pixels.py export OUT START.safetensors MODEL.safetensors --model universal

FEATURES is what `fast_features.py` writes: train_KIND_R and val_KIND_R for R references hold for
each sampled pixel its value, prediction, unit and number of levels, int32, and its features, int8.
`train` goes on from OUT/R.pt if that exists. The same machine and PyTorch give the same weights.
`narrow` makes OUT/R.pt from the checkpoint of a wider network, without the units that matter least.
`rate` prints bits per pixel of the validation files with integer weights; `export` makes a model
of three networks, with the start matrices of START. References are planes that are already decoded.
"""

from __future__ import annotations

import argparse
import copy
import csv
import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from safetensors.numpy import load_file

from bitsback.models import Model
from bitsback.models.distributions.wavefront import FEATURES
from bitsback_train.export.exporter import Card
from bitsback_train.export.wavefronts import new_model, with_contexts
from bitsback_train.fit.optimiser import Optimiser
from bitsback_train.fit.pixel_training import mean_bits
from bitsback_train.fit.pixels import Pixels
from bitsback_train.network.wavefront import PixelNetwork

SHARES = {
    "photos": 0.40, "mosaic": 0.08, "large": 0.10, "greyphotos": 0.07, "greylarge": 0.05,
    "jpeg": 0.02, "grey8": 0.08, "med8": 0.04, "medb": 0.02, "volume": 0.08, "volumeb": 0.045,
    "volumec": 0.10, "multi": 0.04, "aerial": 0.05, "graphics": 0.07, "pages": 0.04, "rgba": 0.05,
}  # fmt: skip
"""The shares of kinds of pictures in the training pixels."""
DEEP_SHARES = {
    "photos": 0.20, "mosaic": 0.12, "greyphotos": 0.08, "medct": 0.20, "medmr": 0.15,
    "medxx": 0.03, "micro": 0.12, "multi": 0.04, "volumemr": 0.04, "volumect": 0.04,
    "volumemicro": 0.02,
}  # fmt: skip
"""The same for pictures of more than 256 levels."""


class Design(NamedTuple):
    about: str
    hidden: tuple[int, int, int]
    """Hidden units for 0, 1 and 2 references."""
    residual: tuple[int, int, int]
    """Residual layers."""
    muon: bool
    """Whether Muon trains the matrices of hidden layers."""
    levels: int = 256
    shares: dict[str, float] = SHARES
    contexts: bool = False


DESIGNS = {
    "universal-fast": Design(
        "images, stacks and volumes of any size and kind, up to 256 levels, the fastest",
        (64, 32, 32), (1, 1, 1), False,
    ),
    "universal": Design(
        "images, stacks and volumes of any size and kind, up to 256 levels",
        (64, 64, 64), (2, 2, 2), True,
    ),
    "universal-16": Design(
        "images, stacks and volumes of more than 8 bits, of any size and kind",
        (96, 96, 96), (2, 2, 2), True, 65_536, DEEP_SHARES,
    ),
}  # fmt: skip
DESIGNS["universal-mixed"] = DESIGNS["universal"]._replace(
    about="images, stacks and volumes of any size and kind, up to 256 levels, with contexts learned"
    " as they come",
    contexts=True,
)
DESIGNS["universal-deep"] = DESIGNS["universal-16"]._replace(
    about="images, stacks and volumes of more than 8 bits, of any size and kind, with contexts"
    " learned as they come",
    contexts=True,
)
"""`universal-mixed` and `universal-deep` have the weights of `universal` and of `universal-16`."""
POOL = 6_000_000
"""The number of pixels in memory, drawn by the shares of kinds, and drawn anew after each pass."""
# Pixels of a step, the greatest learning rate, and what the averaged weights keep at each step.
BATCH, RATE, AVERAGED = 2_048, 4e-3, 0.998
SHOWN = 50_000  # pixels of each kind for a row of the learning curve
PRUNING_SAMPLE, PRUNED_AT_ONCE = 20_000, 8  # pixels, units


def pixels_in(records: np.ndarray) -> Pixels:
    values = np.ascontiguousarray(records[:, :16]).view(np.int32)
    features = np.ascontiguousarray(records[:, 16:]).view(np.int8) >> 1
    return Pixels(torch.from_numpy(values), torch.from_numpy(features))


def records_of(path: Path, refs: int) -> np.ndarray:
    width = 16 + FEATURES[refs]
    if not path.exists() or not path.stat().st_size:
        return np.empty((0, width), np.uint8)
    return np.memmap(path, np.uint8, "r").reshape(-1, width)


def pool(folder: Path, shares: dict[str, float], refs: int, random: np.random.Generator) -> Pixels:
    """Pixels of all kinds by their shares, shuffled."""
    found = {kind: records_of(folder / f"train_{kind}_{refs}", refs) for kind in shares}
    found = {kind: records for kind, records in found.items() if len(records)}
    if not found:
        raise SystemExit(f"{folder}: has no pixels to train on; fast_features.py writes them")
    whole = sum(shares[kind] for kind in found)
    drawn = np.concatenate(
        [
            records[random.integers(0, len(records), round(POOL * shares[kind] / whole))]
            for kind, records in found.items()
        ]
    )
    return pixels_in(random.permutation(drawn))


def rates(
    net: PixelNetwork, design: Design, folder: Path, refs: int, most: int
) -> dict[str, float]:
    """Bits per pixel of each kind."""
    found = {}
    for kind in design.shares:
        records = records_of(folder / f"val_{kind}_{refs}", refs)
        if len(records):
            random = np.random.default_rng(5)
            if len(records) > most:
                records = records[random.choice(len(records), most, replace=False)]
            found[kind] = mean_bits(net, pixels_in(records))
    return found


def train(options: argparse.Namespace) -> None:
    design, refs, steps, out = DESIGNS[options.model], options.refs, options.steps, options.out
    torch.manual_seed(refs + 1)
    net, mean = network(design, refs), network(design, refs)
    mean.load_state_dict(net.state_dict())
    optimiser = Optimiser(net, RATE, design.muon)
    out.mkdir(parents=True, exist_ok=True)
    path, done = out / f"{refs}.pt", 0
    if path.exists():
        state = torch.load(path)
        net.load_state_dict(state["net"])
        mean.load_state_dict(state["mean"])
        optimiser.load_state_dict(state["optimiser"])
        done = state["step"]
    rounding, blocks = steps - steps // 4, POOL // BATCH
    losses, number = [], -1
    for step in range(done, steps):
        if step // blocks != number:
            number = step // blocks
            random = np.random.default_rng((refs + 1, number))
            pixels = pool(options.features, design.shares, refs, random)
        fall = 0.5 * (1 + math.cos(math.pi * step / steps))
        rate = RATE * min(1, (step + 1) / 200) * (0.01 + 0.99 * fall)
        k = step % blocks * BATCH
        batch = pixels.at(slice(k, k + BATCH))
        net.quantise(step >= rounding)
        loss = net.bits(batch.values, batch.features).mean()
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step(rate)
        losses.append(loss.detach())
        with torch.no_grad():
            keep = min(AVERAGED, (step + 1) / (step + 10))
            for slow, fast in zip(mean.parameters(), net.parameters(), strict=True):
                slow.lerp_(fast, 1 - keep)
        if (step + 1) % options.every == 0 or step + 1 == steps:
            state = {"net": net.state_dict(), "mean": mean.state_dict(), "step": step + 1}
            torch.save(state | {"optimiser": optimiser.state_dict()}, path)
            row: dict[str, float] = {"step": step + 1, "rounded": int(step >= rounding)}
            row["train"] = torch.stack(losses).mean().item()
            mean.quantise(step >= rounding)
            row |= rates(mean, design, options.features, refs, SHOWN)
            show(out / f"{refs}.csv", row)
            losses.clear()


def narrow(options: argparse.Namespace) -> None:
    design, refs = DESIGNS[options.model], options.refs
    saved = torch.load(options.wide / f"{refs}.pt")["mean"]
    wide = PixelNetwork(refs, saved["outputs.weight"].shape[1], design.residual[refs])
    wide.load_state_dict(saved)
    pixels = pool(options.features, design.shares, refs, np.random.default_rng(1))
    net = without_units(wide, wide.outputs.in_features - design.hidden[refs], pixels)
    options.out.mkdir(parents=True, exist_ok=True)
    optimiser = Optimiser(net, RATE, design.muon)
    state = {"net": net.state_dict(), "mean": net.state_dict(), "step": 0}
    torch.save(state | {"optimiser": optimiser.state_dict()}, options.out / f"{refs}.pt")


@torch.no_grad()
def without_units(wide: PixelNetwork, count: int, pixels: Pixels) -> PixelNetwork:
    """The network without `count` units, the cheapest ones, removed a few at a time."""
    net = copy.deepcopy(wide)
    kept = list(range(net.outputs.in_features))
    sample = pixels.at(slice(0, PRUNING_SAMPLE))

    def cost(unit: int) -> float:
        less = copy.deepcopy(net)
        silence(less, unit)
        return less.bits(sample.values, sample.features).mean().item()

    while count:
        cheapest = sorted(kept, key=cost)[: min(count, PRUNED_AT_ONCE)]
        for unit in cheapest:
            silence(net, unit)
        kept = [unit for unit in kept if unit not in cheapest]
        count -= len(cheapest)
    narrow = PixelNetwork(net.references, len(kept), len(net.layers) - 1)
    pairs = zip(net.hidden_layers(), narrow.hidden_layers(), strict=True)
    for number, ((source, _), (layer, _)) in enumerate(pairs):
        weight = source.weight[kept]
        layer.weight.copy_(weight if number == 0 else weight[:, kept])
        layer.bias.copy_(source.bias[kept])
    narrow.outputs.weight.copy_(net.outputs.weight[:, kept])
    narrow.outputs.bias.copy_(net.outputs.bias)
    return narrow


def silence(net: PixelNetwork, unit: int) -> None:
    """Makes a unit zero in all layers."""
    for layer, _ in net.hidden_layers():
        layer.weight[unit] = 0
        layer.bias[unit] = 0


def show(path: Path, row: dict[str, float]) -> None:
    shown = [f"{value:.5f}" if isinstance(value, float) else str(value) for value in row.values()]
    print(*(f"{name} {value}" for name, value in zip(row, shown, strict=True)), flush=True)
    first = not path.exists()
    with path.open("a") as file:
        csv.writer(file).writerows([list(row), shown] if first else [shown])


def export(options: argparse.Namespace) -> None:
    start = load_file(options.start)["x.start"]
    options.out.write_bytes(model(options.model, options.weights, start).to_bytes())


def model(name: str, weights: Path, start: np.ndarray) -> Model:
    design = DESIGNS[name]
    networks = tuple(averaged(design, weights, refs) for refs in range(3))
    card = Card(name, design.about, "CC-BY-SA-4.0")
    made = new_model(card, design.levels, networks, start)
    return with_contexts(made) if design.contexts else made


def network(design: Design, refs: int) -> PixelNetwork:
    return PixelNetwork(refs, design.hidden[refs], design.residual[refs])


def averaged(design: Design, weights: Path, refs: int) -> PixelNetwork:
    """The network of averaged weights, which computes with integers."""
    net = network(design, refs)
    net.load_state_dict(torch.load(weights / f"{refs}.pt")["mean"])
    net.quantise()
    return net


def rate(options: argparse.Namespace) -> None:
    design, refs = DESIGNS[options.model], options.refs
    net = averaged(design, options.weights, refs)
    for kind, bits in rates(net, design, options.features, refs, options.most).items():
        print(kind, f"{bits:.5f}")


def main() -> None:
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    commands = parser.add_subparsers(required=True)
    names = (train, rate, export, narrow)
    one, two, three, four = (commands.add_parser(run.__name__) for run in names)
    for command, run, folders in (
        (one, train, ["out"]),
        (two, rate, ["weights"]),
        (four, narrow, ["wide", "out"]),
    ):
        command.set_defaults(run=run)
        for name in ("features", *folders):
            command.add_argument(name, type=Path)
        command.add_argument("--refs", type=int, required=True)
    one.add_argument("--steps", type=int, default=60_000)
    one.add_argument("--every", type=int, default=2_000, help="steps between checkpoints")
    two.add_argument("--most", type=int, default=200_000, help="pixels of a kind")
    three.set_defaults(run=export)
    for command in (one, two, three, four):
        command.add_argument("--model", choices=DESIGNS, required=True)
    for name in ("weights", "start", "out"):
        three.add_argument(name, type=Path)
    options = parser.parse_args()
    options.run(options)


if __name__ == "__main__":
    main()
