"""The networks of the twin of a pyramid: up, from cells to what their latents may be, and down,
from latents to what is below.
"""

from dataclasses import replace

from torch import Tensor, nn

from bitsback.train.quantise.rounding import HIDDEN, SCALE, Grid
from bitsback.train.twins.convolutions import RESIDUAL, ConvTwin, ResidualTwin, shuffle
from bitsback.train.twins.dense import LinearTwin
from bitsback.train.twins.layered import LATENT_MEAN

KERNELS = {2: 3, 4: 7}
"""Of the convolutions that look at cells of so many places either way: they see whole cells."""
PART = Grid(scale=LATENT_MEAN.scale, zero=0, lo=-4096, hi=4095)
"""What is added to a mean, or is one if it is by itself."""


class SeenTwin(nn.Module):
    """Latents as hidden channels, the first of which are the latents themselves, so that zeros may
    stand outside the image.
    """

    def __init__(self, source: Grid, latents: int, width: int) -> None:
        super().__init__()
        self.layer = LinearTwin(latents, width, source, HIDDEN)

    def forward(self, z: Tensor) -> Tensor:
        seen: Tensor = self.layer(z)
        return seen


class UpTwin(nn.Module):
    """The network of a posterior: cells of what is below to means and scales."""

    def __init__(
        self, source: Grid, inputs: int, width: int, outputs: int, factor: int, means: Grid
    ) -> None:
        super().__init__()
        kernel = KERNELS[factor]
        self.means = means
        self.seen = SeenTwin(source, inputs, width) if source.zero else None
        source, inputs = (HIDDEN, width) if source.zero else (source, inputs)
        self.around = ConvTwin(inputs, width, kernel, factor, source, HIDDEN)
        self.change = ResidualTwin(LinearTwin(width, width, HIDDEN, RESIDUAL))
        self.direct = ConvTwin(inputs, outputs, kernel, factor, source, PART)
        whole = replace(means, lo=PART.lo + means.zero, hi=PART.hi + means.zero)
        self.mean = LinearTwin(width, outputs, HIDDEN, whole)
        self.scale = LinearTwin(width, outputs, HIDDEN, SCALE)

    def forward(self, value: Tensor) -> tuple[Tensor, Tensor]:
        """[b, h, w, inputs] to means and log2 of the inverse standard deviations, each [b,
        h / factor, w / factor, outputs].
        """
        if self.seen is not None:
            value = self.seen(value)
        hidden = self.change(self.around(value))
        return self.means.clamp(self.direct(value) + self.mean(hidden)), self.scale(hidden)


class DownTwin(nn.Module):
    """The network of a prior or of the likelihood: latents to the outputs of each place of the
    finer grid below.
    """

    def __init__(
        self, source: Grid, latents: int, width: int, factor: int, outputs: dict[str, Grid],
        channels: dict[str, int],
    ) -> None:  # fmt: skip
        super().__init__()
        self.factor = factor
        self.outputs = outputs
        self.seen = SeenTwin(source, latents, width)
        self.around = ConvTwin(width, width, 3, 1, HIDDEN, HIDDEN)
        self.change = ResidualTwin(LinearTwin(width, width, HIDDEN, RESIDUAL))
        part = replace(outputs["mean"], zero=0, lo=-32768, hi=32767)
        self.direct = LinearTwin(latents, factor**2 * channels["mean"], source, part)
        targets = outputs | {"mean": replace(outputs["mean"], lo=-32768, hi=32767)}
        self.heads = nn.ModuleDict({
            name: LinearTwin(width, factor**2 * channels[name], HIDDEN, target)
            for name, target in targets.items()
        })  # fmt: skip

    def layers(self) -> dict[str, LinearTwin]:
        """The last layers, by output."""
        return {name: head for name, head in self.heads.items() if isinstance(head, LinearTwin)}

    def forward(self, z: Tensor) -> tuple[Tensor, ...]:
        """[b, h, w, latents], held to their grid, to the outputs, each [b, h * factor, w * factor,
        channels].
        """
        hidden = self.change(self.around(self.seen(z)))
        found: dict[str, Tensor] = {name: head(hidden) for name, head in self.heads.items()}
        found["mean"] = self.outputs["mean"].clamp(found["mean"] + self.direct(z))
        return tuple(shuffle(out, self.factor) for out in found.values())
