"""p(x|z) of the model `context-vae`: pixel by pixel, given the latents and a window of the pixels
before it.

Source: Gulrajani et al. 2017 (PixelVAE); docs/model-format.md for its integers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback import _core
from bitsback.codecs import Autoregressive, BernoulliTable, Mixture, Rows
from bitsback.errors import ModelError
from bitsback.integer import Bounds, Network, Values
from bitsback.integer.builder import read_size, tensor
from bitsback.integer.fields import Fields
from bitsback.integer.layers import Size
from bitsback.models import likelihood
from bitsback.models.file import Tensors
from bitsback.models.outline import Outline


@dataclass(frozen=True, eq=False)
class PixelsInContext:
    """A network over the latents that says something of each pixel, and one that adds what stands
    before the pixel.
    """

    network: Network
    """From the latents to the features: an image with some channels, at least as large as the
    item.
    """
    size: Size
    """Of the features."""
    shape: Size
    """Of the item."""
    window: tuple[int, int]
    """Rows above the pixel, and columns to its left and, in the rows above, to its right."""
    planes: NDArray[np.uint8]
    """What the pixel network sees of a symbol: uint8 [planes, levels]."""
    pixel_network: Network
    """From a pixel's context to the parameters of its distribution."""
    pixel: likelihood.Likelihood

    def codec(self, z: NDArray[Any]) -> Autoregressive:
        """Of x uint8 [size, pixels], for buckets z [size, latents]."""
        (features,) = self.network(z)
        size, (rows, columns) = len(z), self.shape
        channels = self.network.values[0].width // (self.size[0] * self.size[1])
        image = features.reshape(size, *self.size, channels)[:, :rows, :columns]
        of_pixels = image.reshape(size, rows * columns, channels)

        def step(x: NDArray[np.uint8], pixel: int) -> BernoulliTable | Rows | Mixture:
            return self.pixel.codec(*self.pixel_network(self._context(x, of_pixels, pixel)))

        return Autoregressive(step, (size, rows * columns), self.planes.shape[1])

    def _context(
        self, x: NDArray[np.uint8], features: NDArray[np.uint8], pixel: int
    ) -> NDArray[np.uint8]:
        """What the pixel network is told: uint8 [size, width]. features: [size, pixels,
        channels].
        """
        columns = self.shape[1]
        down, right = _window(*self.window)
        row, column = pixel // columns + down, pixel % columns + right
        inside = (row >= 0) & (column >= 0) & (column < columns)
        window = np.zeros((len(x), len(down)), np.uint8)
        window[:, inside] = x[:, (row * columns + column)[inside]]
        return np.concatenate(
            [*(plane[window] for plane in self.planes), features[:, pixel]], axis=1
        )

    @property
    def networks(self) -> dict[str, Network]:
        return {"likelihood": self.network, "pixel": self.pixel_network}

    @property
    def output_names(self) -> tuple[str, ...]:
        """As the test vectors name them."""
        return "features", *(f"pixel.{name}" for name in self.pixel.outputs)

    @property
    def tensor_names(self) -> frozenset[str]:
        networks = self.network.tensor_names | self.pixel_network.tensor_names
        return networks | self.pixel.tensor_names | {"pixel.planes"}

    def core(self, **posterior: Any) -> _core.ContextVae:
        """Bits back in the core. posterior: `Posterior.core`."""
        return _core.ContextVae(
            **posterior,
            likelihood=self.network.core,
            features=self.network.outputs[0],
            features_size=self.size,
            shape=self.shape,
            window=self.window,
            planes=self.planes,
            pixel=self.pixel_network.core,
            outputs=self.pixel_network.outputs,
            **self.pixel.core,
        )

    @classmethod
    def read(cls, top: Fields, tensors: Tensors, outline: Outline) -> PixelsInContext:
        """From the fields `likelihood` and `pixel` of a description. Raises ModelError."""
        rows, columns = shape = (outline.item_shape[0], outline.item_shape[1])
        fields = top.object("likelihood")
        size = read_size(fields)
        if size[0] < rows or size[1] < columns:
            raise ModelError(
                f"likelihood: features of {size} pixels are too few for items of {shape}"
            )
        area = size[0] * size[1]
        network = Network.build(
            "likelihood",
            fields.items("network"),
            tensors,
            "z",
            Values(outline.latents, 0, (1 << outline.bits) - 1),
            {"features": Bounds(range(area, 256 * area + 1, area), 0, 255)},
        )
        fields.done()
        fields = top.object("pixel")
        pixel = likelihood.read(fields, tensors, outline.levels, "pixel", likelihood.IN_CONTEXT)
        above, side = fields.integers("window", 2, 1, 8)
        planes = tensor(tensors, "pixel.planes", "uint8")
        if planes.ndim != 2 or not 1 <= len(planes) <= 8 or planes.shape[1] != outline.levels:
            raise ModelError(
                f"the tensor pixel.planes must have the shape [1 to 8, {outline.levels}]"
            )
        channels = network.values[0].width // area
        pixel_network = Network.build(
            "pixel",
            fields.items("network"),
            tensors,
            "context",
            Values(len(planes) * window_size(above, side) + channels, 0, 255),
            pixel.outputs,
        )
        fields.done()
        if len({values.width for values in pixel_network.values}) != 1:
            raise ModelError(
                f"pixel: {', '.join(pixel.outputs)} must have as many elements as each other"
            )
        return cls(network, size, shape, (above, side), planes, pixel_network, pixel)


def _window(above: int, side: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Where the pixels of a window are, row by row: how far below the pixel, and how far to its
    right. [window]
    """
    down, right = np.mgrid[-above:1, -side : side + 1].reshape(2, -1)[:, : window_size(above, side)]
    return down, right


def window_size(above: int, side: int) -> int:
    """The number of pixels in a window."""
    return above * (2 * side + 1) + side
