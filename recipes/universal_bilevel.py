"""The model for bilevel images of any size, `universal-bilevel`.

    python recipes/universal_bilevel.py --images IMAGES --out runs/universal-bilevel

IMAGES holds scanned pages as train/pages/*.npy and val/pages/*.npy, bool, True for paper, and those
that `rendered_pages.py` makes, as rendered-*.npy.

Most of a page is empty paper, so of the pixels without any edge near them few are taken, and each
counts for as many as it stands for. Pages are taken at their own resolution, and scanned ones are
scaled down with other thresholds, too, as coarser scanners would have made them.

Some 30 minutes on one core. Run again, it goes on from its checkpoints.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from bitsback.train.export.exporter import Card
from bitsback.train.export.size_agnostic import export_predictive
from bitsback.train.fit.items import Item
from bitsback.train.fit.optimiser import Optimiser
from bitsback.train.fit.pixels import Pixels, Starts, make_predictor, sample_pixels
from bitsback.train.fit.start_matrices import WORTH, as_starts, no_starts, sum_products
from bitsback.train.twins.likelihoods import LN2
from bitsback.train.twins.pixel_predictor import (
    LinearPredictor,
    Places,
    PredictiveArchitecture,
    PredictiveTwin,
)

ARCHITECTURE = PredictiveArchitecture(
    predictors=(LinearPredictor(Places.nearest(4, 1, 1), 16, (86, 72, 72)),),
    window=Places.nearest(64, 5, 1),
    hidden=48,
    residuals=2,
    components=2,
)
CARD = Card(
    name="universal-bilevel",
    about="bilevel images of any size, trained on scanned pages",
    licence="CC-BY-SA-4.0",
)
SCALES = (1.0, 0.72, 0.6, 0.5)
RENDERED = "rendered-"
SIDE = 600  # of a crop
NEAR = 5  # pixels, above and to both sides, in which a pixel with an edge is busy
BUSY_PART, QUIET_PART = 0.35, 0.015
STEPS, ROUNDED_FROM = 24_000, 14_000
RATE, BATCH, CHECKED_EVERY = 2e-3, 8_192, 1_000


@dataclass(frozen=True)
class Weighed:
    """Pixels, and how many each stands for, float32 [n]."""

    pixels: Pixels
    weight: Tensor


def crops(folder: Path, random: np.random.Generator, scales: tuple[float, ...]) -> Iterator[Item]:
    for path in sorted(folder.glob("*.npy")):
        page = np.load(path)
        for scale in (1.0,) if path.name.startswith(RENDERED) else scales:
            found = page if scale == 1 else _scaled(page, scale, random)
            for _ in range(4):
                rows, columns = (min(SIDE, size) for size in found.shape)
                r = random.integers(0, found.shape[0] - rows + 1)
                q = random.integers(0, found.shape[1] - columns + 1)
                crop = found[r : r + rows, q : q + columns]
                if crop.min() != crop.max():
                    yield Item(crop.astype(np.uint8)[np.newaxis, :, :, np.newaxis], 2)


def _scaled(
    page: NDArray[np.bool_], scale: float, random: np.random.Generator
) -> NDArray[np.bool_]:
    size = [max(16, round(side * scale)) for side in page.shape[::-1]]
    grey = Image.fromarray(page.astype(np.uint8) * np.uint8(255)).resize(
        (size[0], size[1]), Image.Resampling.BOX
    )
    noisy = np.asarray(grey, np.float32) + random.normal(0, 8, (size[1], size[0]))
    return noisy > random.uniform(90, 170)


def busy(x: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which pixels have an edge near and before them."""
    edge = np.zeros(x.shape, bool)
    edge[:, 1:] |= x[:, 1:] != x[:, :-1]
    edge[1:] |= x[1:] != x[:-1]
    sums = np.pad(edge, ((NEAR + 1, 0), (NEAR + 1, NEAR))).cumsum(0).cumsum(1)
    rows, columns = x.shape
    high, wide = NEAR + 1, 2 * NEAR + 1
    count = (
        sums[high:, wide:][:rows, :columns]
        - sums[:-high, wide:][:rows, :columns]
        - sums[high:, :-wide][:rows, :columns]
        + sums[:-high, :-wide][:rows, :columns]
    )
    return np.asarray(count > 0)


def weighed(items: list[Item], starts: Starts, random: np.random.Generator) -> Weighed:
    predictor = make_predictor(ARCHITECTURE, starts)
    parts, weights = [], []
    for item in items:
        (pixels,) = sample_pixels(predictor, [item], 1, random)
        part = np.where(busy(item.symbols[0, :, :, 0]).ravel(), BUSY_PART, QUIET_PART)
        kept = np.flatnonzero(random.random(len(part)) < part)
        parts.append(pixels.at(torch.from_numpy(kept)))
        weights.append(torch.from_numpy((1 / part[kept]).astype(np.float32)))
    return Weighed(Pixels.joined(parts), torch.cat(weights))


def learn_starts(items: list[Item]) -> Starts:
    starts = no_starts(ARCHITECTURE)
    for _ in range(2):
        starts = as_starts(sum_products(ARCHITECTURE, starts, items).means(), WORTH)
    return starts


def train(folder: Path, data: Weighed, validation: Weighed) -> PredictiveTwin:
    torch.manual_seed(1)
    twin, average = PredictiveTwin(ARCHITECTURE), PredictiveTwin(ARCHITECTURE)
    average.load_state_dict(twin.state_dict())
    optimiser, first, checkpoint = Optimiser(twin, RATE, muon=True), 0, folder / "checkpoint.pt"
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        first = state["step"]
        twin.load_state_dict(state["twin"])
        average.load_state_dict(state["average"])
        optimiser.load_state_dict(state["optimiser"])
    mean = float(data.weight.mean())
    for step in range(first, STEPS):
        twin.quantise(step >= ROUNDED_FROM)
        twin.train()
        index = torch.randint(
            len(data.weight), (BATCH,), generator=torch.Generator().manual_seed(step)
        )
        batch = data.pixels.at(index)
        loss = (twin.nats(batch.context, batch.targets) * data.weight[index]).mean() / (mean * LN2)
        optimiser.zero_grad()
        # A page takes a twentieth of a bit, and the clip is for bits.
        (loss * 20).backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(twin.parameters(), 0.5)
        optimiser.step(max(1e-5, RATE * 0.5 * (1 + np.cos(np.pi * step / STEPS))))
        if step % 4 == 0:
            with torch.no_grad():
                for kept, new in zip(average.parameters(), twin.parameters(), strict=True):
                    kept.lerp_(new, max(0.002, min(1.0, 10 / (step + 1))))
        if (step + 1) % CHECKED_EVERY == 0:
            average.quantise(step >= ROUNDED_FROM)
            print(f"{step + 1}: {bits(average.eval(), validation):.5f} bits a pixel", flush=True)
            torch.save(
                {
                    "step": step + 1, "twin": twin.state_dict(), "average": average.state_dict(),
                    "optimiser": optimiser.state_dict(),
                },
                checkpoint,
            )  # fmt: skip
    average.quantise()
    return average.eval()


@torch.no_grad()
def bits(twin: PredictiveTwin, data: Weighed) -> float:
    total = 0.0
    for first in range(0, len(data.weight), 1 << 16):
        part = data.pixels.at(slice(first, first + (1 << 16)))
        weight = data.weight[first : first + (1 << 16)]
        total += float((twin.nats(part.context, part.targets) * weight).sum())
    return total / float(data.weight.sum()) / LN2


def main() -> None:
    parser = argparse.ArgumentParser(description=f"Train {CARD.name}: {CARD.about}.")
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    random = np.random.default_rng(3)
    items = list(crops(arguments.images / "train/pages", random, SCALES))
    starts = learn_starts(items[::5])
    held_out = list(crops(arguments.images / "val/pages", random, (1.0,)))
    twin = train(arguments.out, weighed(items, starts, random), weighed(held_out, starts, random))
    path = arguments.out / f"{CARD.name}.safetensors"
    path.write_bytes(export_predictive(twin, starts, CARD, levels=2).to_bytes())
    print(f"wrote {path}")


if __name__ == "__main__":
    main()
