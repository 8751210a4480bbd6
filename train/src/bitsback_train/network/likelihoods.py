"""The modules of the likelihoods of docs/model-format.md: from the outputs of the network to -log
p(x | z).

Each works in the three modes of bitsback_train.layers.affine. The first takes real outputs. The
second takes rounded outputs with straight-through gradients. `eval()` takes rounded outputs with
the exact frequencies of the integer codec.
"""

import math
from abc import abstractmethod
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from bitsback.codecs.categorical import starts_of
from bitsback.models import grids
from bitsback_train.layers.operations import Rounding
from bitsback_train.layers.rounding import LOGIT, Grid
from bitsback_train.network.exact_tables import PROBABILITY_BITS, probabilities

LN2 = math.log(2.0)
ROW_PRECISION = 24


class LikelihoodModule(Rounding):
    """The distributions of the pixels. `outputs`: the required last layers of the network, and
    their grids.
    """

    codec: str
    precision: int
    outputs: dict[str, Grid]

    @abstractmethod
    def nats(self, x: Tensor, *outputs: Tensor) -> Tensor:
        """-log p(x | z) of each item, [b], for symbols x and real outputs, all [b, pixels]."""

    @abstractmethod
    def tensors(self) -> dict[str, NDArray[Any]]:
        """The tensors of the model file, by their names after `likelihood.`."""

    @abstractmethod
    def start(self, grey: Tensor) -> dict[str, Tensor]:
        """The initial biases [pixels] of outputs for training images, grey uint8 [n, pixels]; may
        set parameters.
        """


class BernoulliModule(LikelihoodModule):
    """Two levels: the logit of a one."""

    codec = "bernoulli"
    precision = PROBABILITY_BITS
    outputs = {"logit": LOGIT}  # noqa: RUF012

    def nats(self, x: Tensor, *outputs: Tensor) -> Tensor:
        (logit,) = outputs
        losses = functional.binary_cross_entropy_with_logits(
            logit, x.to(logit.dtype), reduction="none"
        )
        return losses.sum(1)

    def tensors(self) -> dict[str, NDArray[Any]]:
        return {"probability": probabilities()}

    def start(self, grey: Tensor) -> dict[str, Tensor]:
        return {"logit": torch.logit(pixel_means(grey)).float()}


class GridModule(LikelihoodModule):
    """A row of a grid of distributions, chosen by the outputs `first` and `second`."""

    precision = ROW_PRECISION

    @abstractmethod
    def cumulative(self) -> NDArray[Any]:
        """The integer grid T [A, B, levels] of docs/model-format.md, in units of 2^-16."""

    def exact_nats(self, x: Tensor, first: Tensor, second: Tensor) -> Tensor:
        """The nats by the frequencies of the codec; the outputs lie on their grids."""
        frequencies = np.diff(
            starts_of(self.cumulative(), ROW_PRECISION).astype(np.float64), axis=-1
        )
        table = torch.from_numpy((ROW_PRECISION * LN2 - np.log(frequencies)).astype(np.float32))
        row = self.row(first, second)
        return table.reshape(-1)[row * table.shape[-1] + x.long()].sum(1)

    def row(self, first: Tensor, second: Tensor) -> Tensor:
        """The number of the nearest row of the grid."""
        i, j = (
            g.integers(v.detach()).long()
            for g, v in zip(self.outputs.values(), (first, second), strict=True)
        )
        return i * (self.outputs["second"].hi + 1) + j


class BetaBinomialModule(GridModule):
    """256 levels. The outputs are the logit of the mean and the log2 of the concentration."""

    codec = "beta-binomial"
    outputs = {  # noqa: RUF012
        "first": Grid(scale=4, zero=32, lo=0, hi=63),
        "second": Grid(scale=4, zero=11, lo=0, hi=31),
    }

    def __init__(self) -> None:
        super().__init__()
        i, j = torch.arange(64.0, dtype=torch.float64), torch.arange(32.0, dtype=torch.float64)
        symbols = torch.arange(256).expand(64, 32, 256)
        loss = -log_beta_binomial(symbols, i[:, None, None], j[None, :, None]).float()
        slopes = torch.gradient(loss, dim=(0, 1))
        for name, table in (("loss", loss), ("by_first", slopes[0]), ("by_second", slopes[1])):
            self.register_buffer(name, table.reshape(-1), persistent=False)

    def nats(self, x: Tensor, *outputs: Tensor) -> Tensor:
        first, second = outputs
        i, j = (v * g.scale + g.zero for g, v in zip(self.outputs.values(), outputs, strict=True))
        if not self.rounded:
            return -log_beta_binomial(x.long(), i, j).sum(1)
        if not self.training:
            return self.exact_nats(x, first, second)
        at = self.row(first, second) * 256 + x.long()
        by_first, by_second = self.get_buffer("by_first")[at], self.get_buffer("by_second")[at]
        through = (i - i.detach()) * by_first + (
            j - j.detach()
        ) * by_second  # zero, with the slopes as gradients
        return (self.get_buffer("loss")[at] + through).sum(1)

    def cumulative(self) -> NDArray[Any]:
        return grids.beta_binomial()

    def tensors(self) -> dict[str, NDArray[Any]]:
        return {}

    def start(self, grey: Tensor) -> dict[str, Tensor]:
        grid = self.outputs["first"]
        index = 31.5 + 3 * torch.logit(pixel_means(grey))
        return {"first": grid.clamp(grid.real(index)).float()}


def log_beta_binomial(x: Tensor, i: Tensor, j: Tensor) -> Tensor:
    """log p(x), in nats, for symbols 0 ... 255 and real indexes i, j of the grid of
    docs/model-format.md.
    """
    logit, concentration = (i - 31.5) / 3, torch.exp2((j - 11) / 2.5)
    alpha, beta = torch.sigmoid(logit) * concentration, torch.sigmoid(-logit) * concentration
    n, c = 255.0, x.to(i.dtype)
    symbols = torch.arange(256, dtype=i.dtype)
    choices = math.lgamma(n + 1) - torch.lgamma(symbols + 1) - torch.lgamma(n - symbols + 1)
    pushed = torch.lgamma(c + alpha) + torch.lgamma(n - c + beta) - torch.lgamma(n + concentration)
    return (
        choices[x] + pushed - torch.lgamma(alpha) - torch.lgamma(beta) + torch.lgamma(concentration)
    )


class ExponentialModule(GridModule):
    """p(c) proportional to 2^(base[c] + a first_statistic[c] + b second_statistic[c]), all three
    learned.

    The outputs are a and b. log Z(a, b) is a second-order expansion around the nearest row of the
    grid. It is exact for rounded outputs. For real outputs it has a third-order error, of less than
    half a step.
    """

    codec = "exponential"
    outputs = {  # noqa: RUF012
        "first": Grid(scale=2, zero=32, lo=0, hi=63),
        "second": Grid(scale=2, zero=16, lo=0, hi=31),
    }
    base_grid = Grid(scale=2**10, zero=0, lo=-32767, hi=32767)
    statistic_grid = Grid(scale=2**12, zero=0, lo=-32767, hi=32767)
    value_scale = 2**8

    def __init__(self, levels: int) -> None:
        super().__init__()
        v = torch.linspace(-1, 1, levels)
        self.base = nn.Parameter(torch.zeros(levels))
        self.first_statistic = nn.Parameter(1.2 * v)
        self.second_statistic = nn.Parameter(2.0 * v * v - 1.0)

    def nats(self, x: Tensor, *outputs: Tensor) -> Tensor:
        first, second = outputs
        if self.rounded and not self.training:
            return self.exact_nats(x, first, second)
        base, u, w = self._parameters_used()
        row, symbol = self.row(first, second), x.long()
        log2_z = self._log2_z(base, u, w, row, first, second)
        return LN2 * (
            log2_z - take(base, symbol) - first * take(u, symbol) - second * take(w, symbol)
        ).sum(1)

    def _parameters_used(self) -> tuple[Tensor, Tensor, Tensor]:
        def fixed(grid: Grid, parameter: Tensor) -> Tensor:
            return grid.snap(parameter) if self.rounded else grid.clamp(parameter)

        statistics = (
            fixed(self.statistic_grid, self.first_statistic),
            fixed(self.statistic_grid, self.second_statistic),
        )
        return fixed(self.base_grid, self.base), *statistics

    def _log2_z(
        self, base: Tensor, u: Tensor, w: Tensor, row: Tensor, first: Tensor, second: Tensor
    ) -> Tensor:
        a, b = (grid.real(torch.arange(grid.hi + 1.0)) for grid in self.outputs.values())
        a, b = a.repeat_interleave(len(b)), b.repeat(len(a))
        energy = LN2 * (base + a[:, None] * u + b[:, None] * w)
        log2_z = torch.logsumexp(energy, -1) / LN2
        if self.rounded:  # on the row itself: the slopes matter only for the gradient
            p = torch.softmax(energy.detach(), -1)
            da, db = first - first.detach(), second - second.detach()
            return take(log2_z, row) + da * (p @ u.detach())[row] + db * (p @ w.detach())[row]
        p = torch.exp(energy - LN2 * log2_z[:, None])
        eu, ew, euu, euw, eww = (p @ torch.stack((u, w, u * u, u * w, w * w), 1)).unbind(1)
        da, db = first - a[row], second - b[row]
        value = take(log2_z, row) + da * take(eu, row) + db * take(ew, row)
        curved = da * da * take(euu - eu * eu, row) + db * db * take(eww - ew * ew, row)
        return value + LN2 * (0.5 * curved + da * db * take(euw - eu * ew, row))

    def cumulative(self) -> NDArray[Any]:
        return grids.exponential(**self.tensors())

    @torch.no_grad()
    def tensors(self) -> dict[str, NDArray[Any]]:
        def integers(grid: Grid, parameter: Tensor) -> NDArray[np.int16]:
            return grid.integers(grid.snap(parameter.double())).numpy().astype(np.int16)

        def values(grid: Grid) -> NDArray[np.int16]:
            return (((np.arange(grid.hi + 1) - grid.zero) * self.value_scale) // grid.scale).astype(
                np.int16
            )

        return {
            "base": integers(self.base_grid, self.base),
            "first_statistic": integers(self.statistic_grid, self.first_statistic),
            "second_statistic": integers(self.statistic_grid, self.second_statistic),
            "first_value": values(self.outputs["first"]),
            "second_value": values(self.outputs["second"]),
        }

    @torch.no_grad()
    def start(self, grey: Tensor) -> dict[str, Tensor]:
        """Initialises the base by the frequencies of the symbols; the biases do not change."""
        counts = torch.bincount(grey.reshape(-1), minlength=len(self.base)).double() + 10
        self.base.copy_(torch.log2(counts / counts.max()))
        return {}


class _Take(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, table: Tensor, index: Tensor) -> Tensor:
        ctx.save_for_backward(index)
        ctx.size = len(table)
        return table[index]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (index,) = ctx.saved_tensors
        sums = torch.bincount(index.reshape(-1), gradients[0].reshape(-1), ctx.size)
        return sums.to(gradients[0].dtype), None


def take(table: Tensor, index: Tensor) -> Tensor:
    """table[index] for a short table, with a gradient by counting that is many times as fast as
    torch's own.
    """
    return _Take.apply(table, index)  # type: ignore[no-any-return, no-untyped-call]


def pixel_means(grey: Tensor, top: int = 255) -> Tensor:
    """The mean of each pixel, [pixels], as a share of the top level, never 0 nor 1, of grey uint8
    [n, pixels].
    """
    return grey.double().mean(0).div(top).clamp(1e-3, 1 - 1e-3)


def make_likelihood(codec: str, levels: int) -> LikelihoodModule:
    """The module of a likelihood by the name of its codec. Raises ValueError if the levels do not
    fit.
    """
    if codec == "bernoulli" and levels == 2:
        return BernoulliModule()
    if codec == "beta-binomial" and levels == 256:
        return BetaBinomialModule()
    if codec == "exponential":
        return ExponentialModule(levels)
    raise ValueError(f"there is no likelihood '{codec}' for {levels} levels")
