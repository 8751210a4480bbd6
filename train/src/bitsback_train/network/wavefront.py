"""The network of a pixel of the codec `wavefront`: its module, its integers, and its loss
(docs/model-format.md, M10.2 and M10.3).
"""

import math
from typing import Any

import torch
from torch import Tensor, nn

from bitsback.models.distributions.wavefront import FEATURES
from bitsback_train.layers.operations import Rounding

COMPONENTS = 3
INPUT_SCALE, HIDDEN_SCALE = 8.0, 16.0
"""Steps of what a network reads and of hidden units, of one."""
OUTPUT_SCALE = (64 / math.log(2),) * 2 + (4096.0,) * 3 + (16 / math.log(2),) * 3
OUTPUT_STEPS = 4096 * torch.tensor(OUTPUT_SCALE)
MOST_MULTIPLIER = 2**14
PART, MOST_SUM, MOST_WEIGHT, MOST_SCALE, MOST_ACC = 64, 516, 127, 256, 65_534
"""Absolute weights of a part may have this sum, so that sums of 16 bits hold its products, and
those of a row with its bias MOST_ACC.
"""
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


def part_sums(w: Tensor) -> Tensor:
    """The sums of absolute weights of each part, [parts, rows]."""
    i = torch.arange(w.shape[1])
    part = i // PART * 2 + i % 4 // 2
    return torch.stack([(w.abs() * (part == k)).sum(1) for k in range(int(part.max()) + 1)])


def greatest(w: Tensor, bias: Tensor, first: bool) -> Tensor:
    """The greatest magnitude of a sum and its bias for any inputs: -64 to 63 of the first layer,
    0 to 127 of another.
    """
    if first:
        return 64 * w.abs().sum(1) + bias.abs()
    up, down = w.clamp(min=0).sum(1), w.clamp(max=0).sum(1)
    return torch.maximum(127 * up + bias, -(127 * down + bias))


class Layer(nn.Linear):
    """A layer whose rows become integers, each by a factor of its own."""

    multiplier: Tensor | None = None
    """The multipliers of the rows in the model that the weights come from, float32 [outputs]. Rows
    keep them as long as their integers fit, so that these are the same if no weight changes.
    """

    def factors(self, bias: Tensor, unit: float | Tensor, first: bool) -> Tensor:
        """The factors of rows, with which their multipliers are unit / factor."""
        w = self.weight.detach()
        most = (MOST_SUM - 4 - w.shape[1] / 8) / part_sums(w).amax(0).clamp(min=1e-4)
        most = torch.minimum(most, (MOST_WEIGHT - 0.5) / w.abs().amax(1).clamp(min=1e-4))
        room = (MOST_ACC - 32 * w.shape[1]) / greatest(w, bias, first)
        found = torch.minimum(most.clamp(max=MOST_SCALE), room)
        if self.multiplier is None:
            return found
        kept = unit / self.multiplier
        w, bias = torch.round(w * kept[:, None]), torch.round(bias * kept)
        fits = (part_sums(w).amax(0) <= MOST_SUM) & (w.abs().amax(1) <= MOST_WEIGHT)
        return torch.where(fits & (greatest(w, bias, first) <= MOST_ACC), kept, found)

    def hidden_integers(self, scale: float) -> tuple[Tensor, Tensor, Tensor]:
        """Weights, bias and multiplier of a hidden or residual layer that reads steps of
        1 / scale.
        """
        unit = 32768 * HIDDEN_SCALE / scale
        a = self.factors(self.bias.detach() * scale, unit, scale == INPUT_SCALE)
        w, b = self.weight * a[:, None], self.bias * (a * scale)
        return through(w, torch.round(w)), through(b, torch.round(b)), torch.round(unit / a)

    def output_integers(self) -> tuple[Tensor, Tensor, Tensor]:
        unit = OUTPUT_STEPS / HIDDEN_SCALE
        a = self.factors(torch.zeros(len(unit)), unit, False)
        a = torch.maximum(a, unit / MOST_MULTIPLIER)
        w = self.weight * a[:, None]
        w = through(w, torch.round(w).clamp(-MOST_WEIGHT, MOST_WEIGHT))
        return w, torch.round(self.bias * OUTPUT_STEPS), torch.round(unit / a)

    @torch.no_grad()
    def restore(
        self, weight: Tensor, bias: Tensor, multiplier: Tensor, scale: float | None
    ) -> None:
        """Takes the real weights that have these integers. scale: as above; None for outputs."""
        unit = 32768 * HIDDEN_SCALE / scale if scale else OUTPUT_STEPS / HIDDEN_SCALE
        a = unit / multiplier
        self.weight.copy_(weight / a[:, None])
        self.bias.copy_(bias / (a * scale if scale else OUTPUT_STEPS))
        self.multiplier = multiplier


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


class PixelNetwork(Rounding):
    """The network of planes with some number of references."""

    def __init__(self, references: int, hidden: int, residual: int) -> None:
        super().__init__()
        sizes = [FEATURES[references]] + [hidden] * residual
        self.references = references
        self.layers = nn.ModuleList([Layer(size, hidden) for size in sizes])
        self.outputs = Layer(hidden, 3 * COMPONENTS - 1)
        with torch.no_grad():
            self.hidden_layers()[0][0].weight.mul_(0.1)
            self.outputs.weight.mul_(0.1)
            self.outputs.bias[:] = torch.tensor([-1, -1, 0, 0, 0, -0.7, -1.5, 0.3])

    def forward(self, f: Tensor) -> Tensor:
        """Outputs [n, 8] of features [n, inputs], each -64 to 63."""
        return self._integers(f) if self.rounded else self._floats(f / INPUT_SCALE)

    def _floats(self, x: Tensor) -> Tensor:
        for number, layer in enumerate(self.layers):
            u = torch.relu(layer(x))
            x = (x + u if number else u).clamp(max=127 / HIDDEN_SCALE)
        outputs: Tensor = self.outputs(x)
        return outputs

    def _integers(self, x: Tensor) -> Tensor:
        """The same as the integers of the codec, with gradients as if there were no roundings."""
        before = None
        for layer, scale in self.hidden_layers():
            w, b, multiplier = layer.hidden_integers(scale)
            x = before = Activation.apply(  # type: ignore[no-untyped-call]
                nn.functional.linear(x, w, b), multiplier, before
            )
        w, b, multiplier = self.outputs.output_integers()
        factor = multiplier / OUTPUT_STEPS
        return nn.functional.linear(x, w * factor[:, None], self.outputs.bias)

    def hidden_layers(self) -> list[tuple[Layer, float]]:
        """The layers before the outputs, with the steps of one that they read."""
        scales = [INPUT_SCALE] + [HIDDEN_SCALE] * (len(self.layers) - 1)
        return [
            (layer, k)
            for layer, k in zip(self.layers, scales, strict=True)
            if isinstance(layer, Layer)
        ]

    def bits(self, values: Tensor, features: Tensor) -> Tensor:
        """The bits of each pixel, [n]. values: [n, 4], those of CodeLength. features: [n, inputs],
        -64 to 63.
        """
        outputs = self(features.float()).T.contiguous()
        bits: Tensor = CodeLength.apply(  # type: ignore[no-untyped-call]
            outputs, values.T.float().contiguous()
        )
        return bits
