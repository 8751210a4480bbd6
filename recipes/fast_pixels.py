"""Trains the networks of a model of the codec `wavefront`, one for each number of references.

    python recipes/fast_pixels.py train FEATURES OUT --model universal --refs 1
    python recipes/fast_pixels.py rate FEATURES OUT --model universal --refs 1
    python recipes/fast_pixels.py export OUT START.safetensors MODEL.safetensors --model universal

FEATURES is what `fast_features.py` writes: train_KIND_R and val_KIND_R for R references hold for
each sampled pixel its value, prediction, unit and number of levels, int32, and its features, int8.
`train` goes on from OUT/R.pt if that exists. The same machine and PyTorch give the same weights.
`rate` prints bits per pixel of the validation files with integer weights; `export` makes a model
of three networks, with the start matrices of another one.
"""

from __future__ import annotations

import argparse
import csv
import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from safetensors.numpy import load_file
from torch import Tensor, nn

from bitsback.models import Model
from bitsback.models.item_choice import build_with_items
from bitsback_train.fit.optimiser import Optimiser

FEATURES = (32, 32, 40)
COMPONENTS = 3
INPUT_SCALE, HIDDEN_SCALE = 8.0, 16.0
"""Steps of what a network reads and of hidden units, of one."""
OUTPUT_SCALE = (64 / math.log(2),) * 2 + (4096.0,) * 3 + (16 / math.log(2),) * 3
MOST_MULTIPLIER = 2**14
PART, MOST_SUM, MOST_WEIGHT, MOST_SCALE, MOST_ACC = 64, 516, 127, 256, 65_534
"""Absolute weights of a part may have this sum, so that sums of 16 bits hold its products, and
those of a row with its bias MOST_ACC.
"""
SHARES = {
    "photos": 0.40, "mosaic": 0.08, "large": 0.10, "greyphotos": 0.07, "greylarge": 0.05,
    "jpeg": 0.02, "grey8": 0.08, "med8": 0.04, "medb": 0.02, "volume": 0.08, "volumeb": 0.045,
    "volumec": 0.10, "multi": 0.04, "aerial": 0.05, "graphics": 0.07, "pages": 0.04, "rgba": 0.05,
}  # fmt: skip
DEEP_SHARES = {
    "photos": 0.08, "mosaic": 0.12, "greyphotos": 0.10, "medct": 0.20, "medmr": 0.15,
    "medxx": 0.10, "micro": 0.25, "multi": 0.10, "volumemr": 0.05, "volumect": 0.05,
    "volumemicro": 0.05,
}  # fmt: skip
"""Of kinds of pictures with more than 256 levels."""


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
    contexts: int = 0


DESIGNS = {
    "universal-fast": Design(
        "images, stacks and volumes of any size and kind, up to 256 levels, the fastest",
        (64, 32, 32), (1, 1, 1), False,
    ),
    "universal": Design(
        "images, stacks and volumes of any size and kind, up to 256 levels",
        (96, 96, 96), (2, 2, 2), True,
    ),
    "universal-16": Design(
        "images, stacks and volumes of more than 8 bits, of any size and kind",
        (96, 96, 96), (2, 2, 2), True, 65_536, DEEP_SHARES,
    ),
}  # fmt: skip
DESIGNS["universal-mixed"] = DESIGNS["universal"]._replace(
    about="images, stacks and volumes of any size and kind, up to 256 levels, with contexts learned"
    " as they come",
    contexts=20,
)
"""It has the weights of `universal`."""
POOL = 6_000_000
"""The number of pixels in memory, drawn by the shares of kinds, and drawn anew after each pass."""
BATCH, RATE, AVERAGED = 2_048, 4e-3, 0.998
SHOWN = 50_000  # pixels of a kind in the curve
FLOOR = 2.0**-15
KEPT = 1 - 2.0**-9
"""The table of the codec gives this part to the mixture, and FLOOR to each bin."""


class CodeLength(torch.autograd.Function):
    """Bits of pixels: outputs [8, n], and value, prediction and unit in 1/64 levels, and number of
    levels [4, n].
    """

    @staticmethod
    def forward(ctx: Any, o: Tensor, pixels: Tensor) -> Tensor:
        x, prediction, e, levels = pixels
        octave = torch.floor(torch.log2(e))
        eighth = torch.floor((e * torch.exp2(-octave) - 1) * 8) / 8
        logits = torch.cat([torch.zeros_like(o[:1]), o[: COMPONENTS - 1]])
        w = torch.softmax(logits, 0)
        mean, log_scale = o[COMPONENTS - 1 : 2 * COMPONENTS - 1], o[2 * COMPONENTS - 1 :]
        inverse = torch.exp(-log_scale.clamp(-5, 4)) * (e / torch.exp2(octave + eighth))
        centre = mean.clamp(-8, 8)
        first, end = bin_of(x, prediction, levels, 8 * (octave + eighth), w, log_scale)
        low = ((64 * first - 32 - prediction) / e - centre) * inverse
        high = ((64 * end - 32 - prediction) / e - centre) * inverse
        side = torch.where(low + high > 0, -1.0, 1.0)
        s_low = torch.sigmoid(torch.where(first > 0, low, -60.0) * side)
        s_high = torch.sigmoid(torch.where(end == levels, 60.0, high) * side)
        d = (s_high - s_low).abs()
        wd = w * d
        p = KEPT * wd.sum(0) + FLOOR
        by_p = -KEPT / (p * math.log(2))
        g_low, g_high = s_low * (1 - s_low) * w, s_high * (1 - s_high) * w
        g_mean = (g_low - g_high) * inverse * by_p * (mean.abs() < 8)
        g_scale = (g_low * low - g_high * high) * by_p * ((log_scale > -5) & (log_scale < 4))
        g_weight = (wd - w * wd.sum(0)) * by_p
        ctx.save_for_backward(torch.cat([g_weight[1:], g_mean, g_scale]))
        return torch.log2(end - first) - torch.log2(p)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return ctx.saved_tensors[0] * gradient, None


def bin_of(
    x: Tensor, prediction: Tensor, levels: Tensor, log_unit: Tensor, w: Tensor, log_scale: Tensor
) -> Tensor:
    """The first level of the bin of x, and that behind its last one: [2, n]. Levels in a bin are
    equally probable.
    """
    scales = 2 * log_unit - 96 + log_scale * OUTPUT_SCALE[-1]
    wide = levels > 256
    least, finest = torch.where(wide, 1 / 4, 1 / 16), torch.where(wide, 5.0, 29.0)
    most = torch.ceil(torch.log2(levels)).clamp(min=8) - 4
    greatest_scale = torch.where(w >= least, scales, -1000.0).amax(0)
    bits = torch.floor((greatest_scale - finest) / 16).clamp(min=0)
    size = torch.exp2(torch.minimum(bits, most))
    base = torch.floor(torch.floor((prediction + 32) / 64) / size) * size
    number = torch.floor((x - base) / size + 32)
    first = torch.where(number < 1, 0.0, base + (number.clamp(max=63) - 32) * size)
    end = torch.where(number > 62, levels, base + (number.clamp(min=0) - 31) * size)
    return torch.stack([first.clamp(min=0), torch.minimum(end, levels)])


def through(x: Tensor, rounded: Tensor) -> Tensor:
    """The rounded value, with the gradient of the other."""
    return x + (rounded - x).detach()


def weight_scale(w: Tensor) -> Tensor:
    """The largest factor of each row with which no sum of a part and no weight is too large, with
    room for rounding.
    """
    i = torch.arange(w.shape[1])
    part = i // PART * 2 + i % 4 // 2
    sums = torch.stack([(w.abs() * (part == k)).sum(1) for k in range(int(part.max()) + 1)])
    most = (MOST_SUM - 4 - w.shape[1] / 8) / sums.amax(0).clamp(min=1e-4)
    most = torch.minimum(most, (MOST_WEIGHT - 0.5) / w.abs().amax(1).clamp(min=1e-4))
    return most.clamp(max=MOST_SCALE)


def greatest(w: Tensor, bias: Tensor, first: bool) -> Tensor:
    """The greatest magnitude of a sum and its bias for any inputs: -64 to 63 of the first layer,
    0 to 127 of a residual one.
    """
    if first:
        return 64 * w.abs().sum(1) + bias.abs()
    up, down = w.clamp(min=0).sum(1), w.clamp(max=0).sum(1)
    return torch.maximum(127 * up + bias, -(127 * down + bias))


def hidden_integers(layer: nn.Linear, scale: float) -> tuple[Tensor, Tensor, Tensor]:
    """Weights, bias and multiplier of a hidden or residual layer that reads steps of 1 / scale."""
    weight, bias = layer.weight.detach(), layer.bias.detach() * scale
    room = MOST_ACC - 32 * weight.shape[1]
    a = torch.minimum(weight_scale(weight), room / greatest(weight, bias, scale == INPUT_SCALE))
    w, b = layer.weight * a[:, None], layer.bias * (a * scale)
    multiplier = torch.round(32768 * HIDDEN_SCALE / (scale * a))
    return through(w, torch.round(w)), through(b, torch.round(b)), multiplier


def output_integers(layer: nn.Linear) -> tuple[Tensor, Tensor, Tensor]:
    outputs = 4096 * torch.tensor(OUTPUT_SCALE)
    factor = outputs / HIDDEN_SCALE
    weight = layer.weight.detach()
    room = (MOST_ACC - 32 * weight.shape[1]) / greatest(weight, torch.zeros(len(weight)), False)
    a = torch.maximum(torch.minimum(weight_scale(weight), room), factor / MOST_MULTIPLIER)
    w = layer.weight * a[:, None]
    w = through(w, torch.round(w).clamp(-MOST_WEIGHT, MOST_WEIGHT))
    return w, torch.round(layer.bias * outputs), torch.round(factor / a)


class Activation(torch.autograd.Function):
    """Sums to hidden units; with the units of the layer before, those of a residual layer."""

    @staticmethod
    def forward(ctx: Any, total: Tensor, multiplier: Tensor, before: Tensor | None) -> Tensor:
        factor = multiplier / 32768
        u = total.clamp(-32768, 32767).mul_(factor).add_(0.5).floor_()
        ctx.save_for_backward(factor, u > 0)
        u.clamp_(0, 127)
        if before is not None:
            u.add_(before).clamp_(max=127)
        ctx.residual, ctx.inside = before is not None, u < 127
        return u

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, Tensor | None]:
        factor, positive = ctx.saved_tensors
        gradient = gradient * ctx.inside
        return gradient * positive * factor, None, gradient if ctx.residual else None


class Network(nn.Module):
    def __init__(self, inputs: int, hidden: int, residual: int) -> None:
        super().__init__()
        sizes = [inputs] + [hidden] * residual
        self.layers = nn.ModuleList([nn.Linear(size, hidden) for size in sizes])
        self.outputs = nn.Linear(hidden, 3 * COMPONENTS - 1)
        with torch.no_grad():
            for parameter in self.layers[0].parameters():
                if parameter.ndim == 2:
                    parameter.mul_(0.1)
            self.outputs.weight.mul_(0.1)
            self.outputs.bias[:] = torch.tensor([-1, -1, 0, 0, 0, -0.7, -1.5, 0.3])

    def forward(self, f: Tensor, rounded: bool) -> Tensor:
        """Outputs [n, 8] of features [n, inputs], each -64 to 63."""
        return self.integers(f) if rounded else self.floats(f / INPUT_SCALE)

    def floats(self, x: Tensor) -> Tensor:
        for number, layer in enumerate(self.layers):
            u = torch.relu(layer(x))
            x = (x + u if number else u).clamp(max=127 / HIDDEN_SCALE)
        outputs: Tensor = self.outputs(x)
        return outputs

    def integers(self, x: Tensor) -> Tensor:
        """The same as the codec computes it, with gradients through all roundings."""
        scale, before = INPUT_SCALE, None
        for layer in self.layers:
            assert isinstance(layer, nn.Linear)
            w, b, multiplier = hidden_integers(layer, scale)
            x = before = Activation.apply(  # type: ignore[no-untyped-call]
                nn.functional.linear(x, w, b), multiplier, before
            )
            scale = HIDDEN_SCALE
        w, b, multiplier = output_integers(self.outputs)
        factor = multiplier / (4096 * torch.tensor(OUTPUT_SCALE))
        return nn.functional.linear(x, w * factor[:, None], self.outputs.bias)

    def bits(self, pixels: Tensor, features: Tensor, rounded: bool) -> Tensor:
        o = self(features.float(), rounded).T.contiguous()
        values = pixels.T.float().contiguous()
        bits: Tensor = CodeLength.apply(o, values)  # type: ignore[no-untyped-call]
        return bits


def split(records: np.ndarray) -> tuple[Tensor, Tensor]:
    """Value, prediction, unit, levels, int32 [n, 4], and features of 7 bits, int8 [n, inputs]."""
    pixels = np.ascontiguousarray(records[:, :16]).view(np.int32)
    features = np.ascontiguousarray(records[:, 16:]).view(np.int8) >> 1
    return torch.from_numpy(pixels), torch.from_numpy(features)


def records_of(path: Path, refs: int) -> np.ndarray:
    width = 16 + FEATURES[refs]
    if not path.exists() or not path.stat().st_size:
        return np.empty((0, width), np.uint8)
    return np.memmap(path, np.uint8, "r").reshape(-1, width)


def pool(
    folder: Path, shares: dict[str, float], refs: int, random: np.random.Generator
) -> tuple[Tensor, Tensor]:
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
    return split(random.permutation(drawn))


def rates(
    net: Network, design: Design, folder: Path, refs: int, rounded: bool, most: int
) -> dict[str, float]:
    """Bits per pixel of each kind."""
    found = {}
    with torch.no_grad():
        for kind in design.shares:
            records = records_of(folder / f"val_{kind}_{refs}", refs)
            if len(records):
                random = np.random.default_rng(5)
                if len(records) > most:
                    records = records[random.choice(len(records), most, replace=False)]
                pixels, features = split(records)
                parts = [
                    net.bits(pixels[k : k + 16384], features[k : k + 16384], rounded).sum().item()
                    for k in range(0, len(records), 16384)
                ]
                found[kind] = sum(parts) / len(records)
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
            pixels, features = pool(options.features, design.shares, refs, random)
        fall = 0.5 * (1 + math.cos(math.pi * step / steps))
        rate = RATE * min(1, (step + 1) / 200) * (0.01 + 0.99 * fall)
        k = step % blocks * BATCH
        loss = net.bits(pixels[k : k + BATCH], features[k : k + BATCH], step >= rounding).mean()
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
            row |= rates(mean, design, options.features, refs, step >= rounding, SHOWN)
            show(out / f"{refs}.csv", row)
            losses.clear()


def show(path: Path, row: dict[str, float]) -> None:
    shown = [f"{value:.5f}" if isinstance(value, float) else str(value) for value in row.values()]
    print(*(f"{name} {value}" for name, value in zip(row, shown, strict=True)), flush=True)
    first = not path.exists()
    with path.open("a") as file:
        csv.writer(file).writerows([list(row), shown] if first else [shown])


def tensors(net: Network, refs: int) -> dict[str, np.ndarray]:
    """The tensors of docs/model-format.md, M10; a reader of the model checks their bounds."""
    found: dict[str, Tensor] = {}
    with torch.no_grad():
        for number, layer in enumerate(net.layers):
            assert isinstance(layer, nn.Linear)
            w, b, multiplier = hidden_integers(layer, HIDDEN_SCALE if number else INPUT_SCALE)
            name = f"residual.{number - 1}" if number else "hidden"
            found[f"{name}.weight"] = w.to(torch.int8)
            found[f"{name}.bias"] = (b if number else b - 64 * w.sum(1)).to(torch.int32)
            found[f"{name}.multiplier"] = multiplier.to(torch.int16)
        w, b, multiplier = output_integers(net.outputs)
        found["output.weight"] = w.to(torch.int8)
        found["output.bias"] = b.to(torch.int32)
        found["output.multiplier"] = multiplier.to(torch.int32)
    return {f"x.{refs}.{name}": tensor.numpy() for name, tensor in found.items()}


def export(options: argparse.Namespace) -> None:
    start = load_file(options.start)["x.start"]
    options.out.write_bytes(model(options.model, options.weights, start).to_bytes())


def model(name: str, weights: Path, start: np.ndarray) -> Model:
    design, found = DESIGNS[name], {"x.start": start}
    for refs in range(3):
        found |= tensors(averaged(design, weights, refs), refs)
    settings = {"decay": [80, 66, 66], "ridge": 256}
    networks = {"hidden": design.hidden, "residual": design.residual}
    contexts = {"contexts": design.contexts} if design.contexts else {}
    description = {
        "format": "bitsback-model",
        "version": 1,
        "name": name,
        "about": design.about,
        "licence": "CC-BY-SA-4.0",
        "variables": {"x": {"planes": "any", "levels": design.levels}},
        "networks": {},
        "distributions": {"p(x)": {"codec": "wavefront"} | settings | networks | contexts},
        "code": ["push x ~ p(x)"],
        "chain": {"growth": 256, "batch": 1},
        "test": {"seed": 1, "count": 1, "size": [1, 1], "sha256": {}},
    }
    return build_with_items(description, found)


def network(design: Design, refs: int) -> Network:
    return Network(FEATURES[refs], design.hidden[refs], design.residual[refs])


def averaged(design: Design, weights: Path, refs: int) -> Network:
    net = network(design, refs)
    net.load_state_dict(torch.load(weights / f"{refs}.pt")["mean"])
    return net


def rate(options: argparse.Namespace) -> None:
    design, refs = DESIGNS[options.model], options.refs
    net = averaged(design, options.weights, refs)
    for kind, bits in rates(net, design, options.features, refs, True, options.most).items():
        print(kind, f"{bits:.5f}")


def main() -> None:
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    commands = parser.add_subparsers(required=True)
    one, two, three = (commands.add_parser(run.__name__) for run in (train, rate, export))
    for command, run in ((one, train), (two, rate)):
        command.set_defaults(run=run)
        command.add_argument("features", type=Path)
        command.add_argument("out" if run is train else "weights", type=Path)
        command.add_argument("--refs", type=int, required=True)
    one.add_argument("--steps", type=int, default=60_000)
    one.add_argument("--every", type=int, default=2_000, help="steps between checkpoints")
    two.add_argument("--most", type=int, default=200_000, help="pixels of a kind")
    three.set_defaults(run=export)
    for command in (one, two, three):
        command.add_argument("--model", choices=DESIGNS, required=True)
    for name in ("weights", "start", "out"):
        three.add_argument(name, type=Path)
    options = parser.parse_args()
    options.run(options)


if __name__ == "__main__":
    main()
