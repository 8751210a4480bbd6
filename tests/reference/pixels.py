"""The codecs of pixels in docs/model-format.md: from the outputs of a network to a distribution for
each pixel.
"""

from itertools import pairwise
from typing import NamedTuple

from . import grids
from .codecs import Bernoulli, Interval, Mixture, Rows
from .network import Ints, Network, Range, Tensors, lookup, require


class Kind(NamedTuple):
    """What a codec asks of a model."""

    outputs: tuple[str, ...]
    """The layers of its network that it needs."""
    tensors: tuple[str, ...]
    """Those that it has beside the network's."""
    precision: Range
    levels: Range


BERNOULLI = Kind(("logit",), ("probability",), (8, 16), (2, 2))
BETA_BINOMIAL = Kind(("first", "second"), (), (16, 24), (256, 256))
EXPONENTIAL = Kind(
    ("first", "second"),
    ("base", "first_statistic", "second_statistic", "first_value", "second_value"),
    (16, 24),
    (2, 256),
)
MIXTURE = Kind(("weight", "mean", "scale"), ("exponential", "inverse_scale"), (20, 24), (2, 256))

# By the architecture: the codecs that it may have.
LIKELIHOODS = {"bernoulli": BERNOULLI, "beta-binomial": BETA_BINOMIAL, "exponential": EXPONENTIAL}
PIXELS = {"bernoulli": BERNOULLI, "exponential": EXPONENTIAL, "mixture": MIXTURE}


class PixelCodec:
    """A codec with its tensors, which are called `network`.NAME, and the outputs of that
    network.
    """

    def __init__(
        self, codec: str, precision: int, levels: int, prefix: str, tensors: Tensors
    ) -> None:
        self.codec, self.precision, self.levels = codec, precision, levels
        if codec == "bernoulli":
            self.probability = lookup(
                tensors, f"{prefix}.probability", "uint16", 1, 2**precision - 1
            )
        elif codec == "mixture":
            self.exponential = lookup(tensors, f"{prefix}.exponential", "uint32", 1, 2**24)
            self.inverse_scale = lookup(tensors, f"{prefix}.inverse_scale", "uint32", 1, 2**26)
        else:
            self.grid = (
                grids.BETA_BINOMIAL if codec == "beta-binomial" else self._family(prefix, tensors)
            )

    def _family(self, prefix: str, tensors: Tensors) -> grids.Grid:
        parts = {}
        for name in EXPONENTIAL.tensors:
            key = f"{prefix}.{name}"
            require(key in tensors, f"{key} is missing")
            part = tensors[key]
            require(part.ndim == 1 and part.dtype == "int16", f"{key} is int16, of one dimension")
            sizes = (1, 256) if name.endswith("_value") else (self.levels, self.levels)
            require(sizes[0] <= len(part) <= sizes[1], f"{key} has {sizes} entries")
            parts[name] = part.tolist()
        require(
            len(parts["first_value"]) * len(parts["second_value"]) <= 4096,
            "a grid has at most 4,096 rows",
        )
        return grids.exponential(**parts)

    def check(self, network: Network, pixels: int) -> None:
        """The network has the outputs for so many pixels, within their ranges."""
        if self.codec == "bernoulli":
            network.check_output("logit", pixels, (0, 255))
        elif self.codec == "mixture":
            require("weight" in network.layers, "there is an output weight")
            components = network.widths["weight"] // pixels
            require(1 <= components <= 32, "a mixture has 1 to 32 components")
            network.check_output("weight", pixels * components, (0, 255))
            network.check_output("mean", pixels * components, (-(2**15), 2**15 - 1))
            network.check_output("scale", pixels * components, (0, 255))
        else:
            network.check_output("first", pixels, (0, len(self.grid) - 1))
            network.check_output("second", pixels, (0, len(self.grid[0]) - 1))

    def distributions(self, values: dict[str, Ints]) -> list[Interval]:
        """One for each pixel: values [batch, pixels], or [batch of one pixel each, components] of a
        mixture.
        """
        if self.codec == "mixture":
            parts = (values[name].tolist() for name in MIXTURE.outputs)
            return [self._mixture(*components) for components in zip(*parts, strict=True)]
        if self.codec == "bernoulli":
            return [
                Bernoulli(self.probability[logit], self.precision)
                for logit in values["logit"].ravel().tolist()
            ]
        pairs = zip(
            values["first"].ravel().tolist(), values["second"].ravel().tolist(), strict=True
        )
        return [Rows(self.grid[i][j], self.precision) for i, j in pairs]

    def _mixture(self, weight: list[int], mean: list[int], scale: list[int]) -> Mixture:
        e = [self.exponential[w] for w in weight]
        ends = [2**16 * sum(e[:k]) // sum(e) for k in range(len(e) + 1)]
        return Mixture(
            weights=[end - start for start, end in pairwise(ends)],
            means=[m * 4 for m in mean],
            inverse_scales=[self.inverse_scale[s] for s in scale],
            size=self.levels,
            precision=self.precision,
            logistic=True,
        )
