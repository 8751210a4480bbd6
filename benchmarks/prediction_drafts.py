"""Whether other uses of a fast model's multiply-adds, and other ways to train it, pay off: drafts
in floats.

    python benchmarks/prediction_drafts.py PHOTOS
    python benchmarks/prediction_drafts.py PHOTOS --only "fast" "rows"

PHOTOS is as for prediction_parts.py. Every draft learns from the same pixels for the same number
of steps, in floats, and is measured by the bits per sub-pixel of the validation photographs, so
rounding and the coder are not in it. Multiply-adds are the mean over the pixels.

- Networks chosen by the count of references (known planes) or by the recent error of the pixel.
- Distillation: besides the code length, the cross entropy to the distribution that `universal`
  gives, at levels drawn from each of its logistics.
- Rows: the network sees the rows above and the known planes only, so that it can run for a row at
  once. The pixels to the left enter by linear terms, whose weights the network gives.
- The bundled weights as a start, with the architecture and the start matrices that belong to them;
  larger batches.

Needs bitsback[train].
"""

from __future__ import annotations

import argparse
import copy
import math
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from harness import report
from numpy.typing import NDArray
from prediction_parts import FAST, items_of, starts_of
from torch import Tensor, nn

from bitsback import _core
from bitsback.models import bundled, file
from bitsback_train.export.size_agnostic import rebuild
from bitsback_train.fit.items import PATCH, Item, flat, together, turned_patches
from bitsback_train.fit.optimiser import Optimiser
from bitsback_train.fit.pixel_training import PixelTraining, Share, pixel_recipe
from bitsback_train.fit.pixels import GROUP, Pixels, Starts, make_predictor, sample_pixels, unit_of
from bitsback_train.network.dense import LinearModule
from bitsback_train.network.exact_tables import seen_differences
from bitsback_train.network.likelihoods import LN2
from bitsback_train.network.pixel_predictor import (
    FIRST_LEVEL,
    LAST_LEVEL,
    PredictiveArchitecture,
    PredictiveModule,
    Targets,
    relative_nats,
)
from bitsback_train.network.rounding import HIDDEN, TOP

UNIT, REFERENCES = -6, -3  # bytes of a context (docs/model-format.md, M4.2)
TEACHER, SHIPPED = "universal", "universal-fast"
AT_ONCE = 1 << 15
SEEN = seen_differences()
ABOVE = (((-1, 0), 2), ((-1, -1), 1), ((-1, 1), 1), ((-2, 0), 1))
"""Offsets whose errors make the unit of rows, with their weights."""


class Chosen(PredictiveModule):
    """A network for each class of pixels. `cuts`: for a byte of the context, the values at which
    the next class begins; classes of several bytes are combined.
    """

    def __init__(self, hidden: tuple[int, ...], cuts: Mapping[int, tuple[int, ...]]) -> None:
        super().__init__(replace(FAST, hidden=hidden[0]))
        self.cuts = cuts
        self.networks = nn.ModuleList(PredictiveModule(replace(FAST, hidden=n)) for n in hidden)
        del self.pixel, self.outputs

    def classes(self, context: Tensor) -> Tensor:
        found = torch.zeros(len(context), dtype=torch.long)
        for byte, cuts in self.cuts.items():
            of = torch.bucketize(context[:, byte].int(), torch.tensor(cuts), right=True)
            found = found * (len(cuts) + 1) + of
        return found

    def forward(self, context: Tensor) -> tuple[Tensor, ...]:
        order = torch.argsort(self.classes(context))
        counts = torch.bincount(self.classes(context), minlength=len(self.networks)).tolist()
        parts = torch.split(context[order], counts)
        found = [network(part) for network, part in zip(self.networks, parts, strict=True)]
        back = torch.argsort(order)
        return tuple(torch.cat([o.float() for o in of])[back] for of in zip(*found, strict=True))

    def multiply_adds(self, context: Tensor) -> float:
        counts = torch.bincount(self.classes(context), minlength=len(self.networks))
        sizes = [multiply_adds(network) for network in self.networks]
        return float((counts * torch.tensor(sizes)).sum() / len(context))


@dataclass(frozen=True)
class Taught(Pixels):
    """teacher: the outputs of the teacher in units of the student, float32 [n, 3, components].
    symbol: the targets. levels: all of them have 256.
    """

    teacher: Tensor | None = None
    symbol: Tensor | None = None

    def at(self, index: Tensor | slice) -> Taught:
        assert self.teacher is not None and self.symbol is not None
        plain = super().at(index)
        teacher, symbol = self.teacher[index], self.symbol[index]
        return Taught(plain.context, plain.targets, None, teacher, symbol)

    def to(self, device: torch.device) -> Taught:
        """Stays on the CPU."""
        return self


class Distilling(PixelTraining):
    """weight: of the cross entropy beside the code length."""

    weight = 0.5

    def _loss(self, batch: Pixels, done: int) -> tuple[Tensor, Tensor]:
        assert isinstance(batch, Taught) and batch.teacher is not None
        outputs = self.module(batch.context)
        bits = relative_nats(batch.targets, *outputs).mean() / LN2
        cross = torch.zeros(())
        weight, mean, scale = batch.teacher.unbind(1)
        share = torch.softmax(weight, 1)
        for k in range(share.shape[1]):
            drawn = mean[:, k] + torch.logit(torch.rand(len(batch)), 1e-6) * torch.exp2(
                -scale[:, k]
            )
            nats = relative_nats(_levels_at(batch, drawn), *outputs)
            cross = cross + (share[:, k] * nats).mean() / LN2
        return (1 - self.weight) * bits + self.weight * cross, bits.detach()


def _levels_at(batch: Taught, at: Tensor) -> Targets:
    """The levels at these distances from the prediction, as targets."""
    assert batch.symbol is not None
    below, step, _ = batch.targets
    symbol = batch.symbol.float()
    moved = torch.floor((at - below) / step)
    level = (symbol + moved).clamp_(0, 255)
    ends = (level == 0) * FIRST_LEVEL + (level == 255) * LAST_LEVEL
    return Targets(below + (level - symbol) * step, step, ends.to(torch.uint8))


@torch.no_grad()
def _taught(pixels: Pixels, seen: Pixels, symbols: Tensor, teacher: PredictiveModule) -> Taught:
    """Pixels of the student with the outputs of the teacher, which sees them as `seen`."""
    found = []
    for start in range(0, len(pixels), AT_ONCE):
        part = slice(start, start + AT_ONCE)
        weight, mean, scale = teacher(seen.context[part])
        ratio = (pixels.targets.step[part] / seen.targets.step[part])[:, None]
        mean = (
            pixels.targets.below[part][:, None] + (mean - seen.targets.below[part][:, None]) * ratio
        )
        found.append(torch.stack([weight, mean, scale - torch.log2(ratio)], 1))
    return Taught(pixels.context, pixels.targets, None, torch.cat(found), symbols)


SIGNED, WITHOUT_SIGN = 4, 5  # numbers of the left features


class Rows(PredictiveModule):
    """Contexts have the bytes of the network and then those of the left features: the signed ones,
    which enter means, and the others, which enter scales.
    """

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__(replace(FAST, hidden=hidden))
        self.inputs = inputs
        width = FAST.width
        first = self.pixel[0]
        assert isinstance(first, LinearModule) and width == first.linear.in_features
        first.linear = nn.Linear(inputs, hidden)
        self.left = nn.Linear(hidden, SIGNED + WITHOUT_SIGN)
        nn.init.zeros_(self.left.weight)
        nn.init.zeros_(self.left.bias)

    def forward(self, context: Tensor) -> tuple[Tensor, ...]:
        seen = context[:, : self.inputs].float() / HIDDEN.scale
        hidden = self.pixel[0](seen).float()
        left = context[:, self.inputs :].float() - 64
        signed = torch.sinh(left[:, :SIGNED] * (math.asinh(96) / 63)).div(1.5).clamp(-8, 8)
        by_mean, by_scale = self.left(hidden).split([SIGNED, WITHOUT_SIGN], 1)
        weight, mean, scale = (of(hidden).float() for of in self.output_layers().values())
        mean = mean + (by_mean * signed).sum(1, keepdim=True)
        return weight, mean, scale + (by_scale * left[:, SIGNED:] / 32).sum(1, keepdim=True)


class _Planes:
    """Planes of patches, int32 [n, side, side], with the values assumed around them."""

    margin = 9

    def __init__(self, planes: NDArray[Any], start: int) -> None:
        m = self.margin
        self.around = np.pad(planes.astype(np.int32), ((0, 0), (m, m), (m, m)), mode="edge")
        self.around[:, :m] = start
        self.around[:, m:, :m] = self.around[:, m - 1 : -1, m, None]

    def at(self, offset: tuple[int, int]) -> NDArray[np.int32]:
        r, q = (self.margin + shift for shift in offset)
        side = PATCH
        return self.around[:, r : r + side, q : q + side]


def sample_rows(
    starts: Starts, items: list[Item], part: float, random: np.random.Generator
) -> Pixels:
    """A random part of the pixels, with contexts as `Rows` takes them."""
    predictor = make_predictor(FAST, starts)
    found = [
        pixels
        for group in together(items, GROUP)
        for pixels in _rows_of(predictor, group, part, random)
    ]
    return Pixels.joined(found)


def _rows_of(
    predictor: _core.Predictor, group: list[Item], part: float, random: np.random.Generator
) -> list[Pixels]:
    symbols = np.concatenate([item.symbols for item in group]).astype(np.int32)
    found = predictor.contexts(flat(group), [item.shape for item in group])
    predictions, units = found[1].reshape(symbols.shape), unit_of(found[2]).reshape(symbols.shape)
    known: list[_Planes] = []
    pixels = []
    for channel in (1, 0, 2):  # in coding order
        x, prediction = symbols[..., channel], predictions[..., channel]
        kept = random.random(x.shape) < part
        pixels.append(_RowContexts(x, prediction, units[..., channel], known, kept).pixels())
        known.append(_Planes(x, 128))
    return pixels


class _RowContexts:
    """The contexts of a plane's pixels where `kept`. known: the planes coded before it."""

    def __init__(
        self,
        x: NDArray[np.int32],
        prediction: NDArray[np.int32],
        unit: NDArray[np.float64],
        known: list[_Planes],
        kept: NDArray[np.bool_],
    ) -> None:
        self.x, self.prediction, self.unit, self.known, self.kept = x, prediction, unit, known, kept
        self.plane = _Planes(x, 128)
        self.residual = _Planes(256 * x - prediction, 0)
        error = _Planes(np.abs(256 * x - prediction), 2_048)
        near = np.sum([weight * error.at(offset) for offset, weight in ABOVE], axis=0)
        self.above: NDArray[np.float64] = 16 + near / sum(weight for _, weight in ABOVE)
        # what the rows above and the known plane predict
        self.base = 256 * self.plane.at((-1, 0))
        if known:
            self.base = self.base + 256 * (known[-1].at((0, 0)) - known[-1].at((-1, 0)))

    def pixels(self) -> Pixels:
        kept = self.kept
        x, p, unit = self.x[kept].astype(np.int64), self.prediction[kept], self.unit[kept]
        ends = (x == 0) * FIRST_LEVEL + (x == 255) * LAST_LEVEL
        below = ((256 * x - 128 - p) / unit).astype(np.float32)
        targets = (below, (256 / unit).astype(np.float32), ends.astype(np.uint8))
        context = torch.from_numpy(np.stack([*self._above(), *self._left()], 1))
        return Pixels(context, Targets(*map(torch.from_numpy, targets)))

    def _above(self) -> Iterator[NDArray[np.uint8]]:
        for offset in FAST.window.own:
            if offset[0] < 0:
                yield self._seen(256 * self.plane.at(offset) - self.base, self.above)
        for number, offsets in enumerate((FAST.window.first, FAST.window.second), 1):
            for offset in offsets:
                if number > len(self.known):
                    yield self._constant(64)
                else:
                    other = self.known[-number]
                    yield self._seen(256 * (other.at(offset) - other.at((0, 0))), self.above)
        for offset, _ in ABOVE:
            yield self._seen(self.residual.at(offset), self.above)
        yield self._seen(self.base, self.above)
        yield self._seen(256 * 255 - self.base, self.above)
        yield self._constant(4 * np.log2(self.above))
        yield self._constant(63 * len(self.known))
        yield self._constant(8 * np.arange(PATCH)[:, None])
        yield self._constant(8 * np.arange(PATCH))

    def _left(self) -> Iterator[NDArray[np.uint8]]:
        west, further = (256 * self.plane.at((0, q)) - self.prediction for q in (-1, -2))
        differences = west, further, self.base - self.prediction, self.residual.at((0, -1))
        signed = [self._seen(difference, self.unit) for difference in differences]
        yield from signed
        for of in signed:
            yield (64 + np.abs(of.astype(np.int32) - 64)).clip(0, TOP).astype(np.uint8)
        yield self._constant(64 + 16 * np.log2(self.unit / self.above))

    def _seen(self, difference: NDArray[Any], unit: NDArray[np.float64]) -> NDArray[np.uint8]:
        d = np.floor(16 * difference[self.kept] / unit[self.kept]).clip(-1024, 1023)
        found: NDArray[np.uint8] = SEEN[d.astype(np.int32) + 1024]
        return found

    def _constant(self, value: Any) -> NDArray[np.uint8]:
        every = np.broadcast_to(np.asarray(value), self.x.shape)
        return every[self.kept].clip(0, TOP).astype(np.uint8)


class Material:
    """Pixels to train on and to validate by, as each draft sees them, all at the same places but
    those of rows, which are drawn apart.
    """

    part = 0.2

    def __init__(self, photos: Path, pictures: int) -> None:
        self.photos = [photos / f"patches_{number:02}.webp" for number in range(1, pictures + 1)]
        self.held_out = photos / "val_00.webp"
        self.starts = starts_of(FAST, photos)

    def items(self, training: bool, random: np.random.Generator) -> list[list[Item]]:
        if not training:
            return [items_of(self.held_out)[::4]]
        return [turned_patches(path, random) for path in self.photos]

    def drawn(self, architecture: PredictiveArchitecture, starts: Starts, training: bool) -> Pixels:
        predictor, random = make_predictor(architecture, starts), np.random.default_rng(1)
        groups = self.items(training, random)
        return Pixels.joined(
            [
                found
                for items in groups
                for found in sample_pixels(predictor, items, self.part, random)
            ]
        )

    def taught(self) -> Pixels:
        teacher, starts = _bundled(TEACHER)
        random = np.random.default_rng(1)
        symbols = []
        for items in self.items(True, random):
            for group in together(items, GROUP):
                of = flat(group)
                symbols.append(of[random.random(len(of)) < self.part])
        return _taught(
            self.drawn(FAST, self.starts, True),
            self.drawn(teacher.architecture, starts, True),
            torch.from_numpy(np.concatenate(symbols)),
            teacher,
        )

    def rows(self, training: bool) -> Pixels:
        random = np.random.default_rng(1)
        groups = self.items(training, random)
        return Pixels.joined(
            [sample_rows(self.starts, items, self.part, random) for items in groups]
        )


def _bundled(name: str) -> tuple[PredictiveModule, Starts]:
    return rebuild(*file.read(bundled.content(name)), name)


def multiply_adds(module: nn.Module) -> int:
    """The weights of its layers."""
    return sum(of.weight.numel() for of in module.modules() if isinstance(of, nn.Linear))


@dataclass(frozen=True)
class Draft:
    """module: what is trained in place of FAST's network, from the pixels to train on, by which
    classes are balanced.
    """

    module: Callable[[Pixels], PredictiveModule] = lambda _: PredictiveModule(FAST)
    pixels: str = "plain"
    training: type[PixelTraining] = PixelTraining
    batch: int = 4_096


def _median_unit(pixels: Pixels) -> tuple[int, ...]:
    return (int(pixels.context[:, UNIT].median()),)


def _by_unit(hidden: tuple[int, ...]) -> Draft:
    return Draft(lambda pixels: Chosen(hidden, {UNIT: _median_unit(pixels)}))


COUNTS: dict[int, tuple[int, ...]] = {REFERENCES: (1, 64)}  # 63 for each reference
DRAFTS = {
    "fast": Draft(),
    "hidden layer of 128": Draft(lambda _: PredictiveModule(replace(FAST, hidden=128))),
    "two networks by recent error: 32 for small, 96 for large": _by_unit((32, 96)),
    "the same, 96 for small, 32 for large": _by_unit((96, 32)),
    "the same, 64 for both": _by_unit((64, 64)),
    "a network for each count of references": Draft(lambda _: Chosen((64,) * 3, COUNTS)),
    "the same, by recent error too": Draft(
        lambda pixels: Chosen((64,) * 6, COUNTS | {UNIT: _median_unit(pixels)})
    ),
    "distilled from universal": Draft(pixels="taught", training=Distilling),
    "rows": Draft(lambda pixels: Rows(pixels.context.shape[1] - SIGNED - WITHOUT_SIGN, 68), "rows"),
    "batches of 16,384": Draft(batch=16_384),
    "from the bundled weights": Draft(lambda _: _bundled(SHIPPED)[0], "bundled"),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photos", type=Path, help="folder of the photographs")
    parser.add_argument("--steps", type=int, default=3_000, help="default %(default)s")
    parser.add_argument("--pictures", type=int, default=3, help="to train on (default %(default)s)")
    parser.add_argument("--only", nargs="+", choices=DRAFTS, default=list(DRAFTS))
    parser.add_argument("--json", action="store_true", help="print the numbers as JSON")
    options = parser.parse_args()
    torch.set_num_threads(1)
    material = Material(options.photos, options.pictures)
    drawn: dict[str, tuple[Pixels, Pixels]] = {}
    rows: list[dict[str, Any]] = []
    for name in options.only:
        draft = DRAFTS[name]
        if draft.pixels not in drawn:
            drawn.clear()  # as they are large
            drawn[draft.pixels] = _drawn(material, draft.pixels)
        rows.append({"draft": name} | _measured(draft, *drawn[draft.pixels], options.steps))
        rows[-1]["over_first"] = rows[-1]["bits_per_sub-pixel"] / rows[0]["bits_per_sub-pixel"]
        report(f"{options.steps} steps", rows[-1:], [], options.json)
    report(f"all, {options.steps} steps", rows, [], options.json)


def _drawn(material: Material, kind: str) -> tuple[Pixels, Pixels]:
    if kind == "bundled":
        module, starts = _bundled(SHIPPED)
        of = module.architecture
        return material.drawn(of, starts, True), material.drawn(of, starts, False)
    if kind == "rows":
        return material.rows(True), material.rows(False)
    held_out = material.drawn(FAST, material.starts, False)
    if kind == "taught":
        return material.taught(), held_out
    return material.drawn(FAST, material.starts, True), held_out


def _measured(draft: Draft, pixels: Pixels, held_out: Pixels, steps: int) -> dict[str, Any]:
    recipe = pixel_recipe(
        "draft", FAST, steps, steps + 1, steps, constant=0.2, warm_up=100, average=0.01,
        batch=draft.batch, muon=False,
    )  # fmt: skip
    torch.manual_seed(recipe.seed)
    with tempfile.TemporaryDirectory() as folder:
        training = draft.training(recipe, [Share(pixels, 1.0)], {"photos": held_out}, Path(folder))
        module = draft.module(pixels)
        training.module, training.average = module, copy.deepcopy(module)
        training.optimiser = Optimiser(module, recipe.learning_rate, recipe.muon)
        training.run()
    count = multiply_adds(module)
    if isinstance(module, Chosen):
        count = round(module.multiply_adds(held_out.context))
    return {"multiply-adds": count, "bits_per_sub-pixel": training.best_loss}


if __name__ == "__main__":
    main()
