"""A chain of bitsback whose networks are computed by something other than its core, as
docs/model-format.md says.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback import Message, Model
from bitsback.codecs import Bernoulli, BitsBack, GaussianBuckets, Uniform
from bitsback.coding import chain

Ints = NDArray[np.int64]
Pixels = NDArray[np.uint8]
Product = Callable[[Ints, Ints], Ints]
"""The product of two matrices."""


class IntegerVae:
    """A model of zeros and ones. product: what multiplies. at_a_time: the items that a network is
    given at once.
    """

    def __init__(self, model: Model, product: Product, at_a_time: int) -> None:
        self.about = json.loads(model.description)
        self.tensors = {name: tensor.astype(np.int64) for name, tensor in model.tensors.items()}
        self.product = product
        self.at_a_time = at_a_time

    def encode(self, images: Pixels, content: bytes, lanes: int) -> bytes:
        """The same as `chain.encode` of the model."""
        message, end = chain.initial(content, lanes), len(images)
        for size in self._sizes(end):
            self._codec(size).push(message, images[end - size : end])
            end -= size
        return message.to_bytes()

    def decode(self, message: Message, count: int) -> Pixels:
        """The same as `chain.decode` of the model, for all items."""
        return np.concatenate([self._codec(size).pop(message) for size in self._sizes(count)[::-1]])

    def _sizes(self, count: int) -> list[int]:
        growth, batch = self.about["chain"]["growth"], self.about["chain"]["batch"]
        return [size for size, n in chain.schedule(count, growth, batch) for _ in range(n)]

    def _codec(self, size: int) -> BitsBack[Pixels, NDArray[Any]]:
        latents, bits = (self.about["variables"]["z"][key] for key in ("channels", "bits"))
        of_z, of_x = (self.about["distributions"][key] for key in ("q(z|x)", "p(x|z)"))

        def posterior(x: Pixels) -> GaussianBuckets:
            mean, scale = self._network("posterior", "x", x, of_z["outputs"])
            inverse_scale = self.tensors["posterior.inverse_scale"][scale].astype(np.uint32)
            return GaussianBuckets(
                (mean << 8).astype(np.int32),
                inverse_scale,
                bits,
                of_z["precision"],
            )

        def likelihood(z: NDArray[Any]) -> Bernoulli:
            (logit,) = self._network("likelihood", "z", z, of_x["outputs"])
            ones = self.tensors["likelihood.probability"][logit].astype(np.uint32)
            return Bernoulli(ones, of_x["precision"])

        return BitsBack(Uniform(1 << bits, (size, latents)), likelihood, posterior)

    def _network(
        self, part: str, source: str, items: NDArray[Any], outputs: list[str]
    ) -> Iterator[Ints]:
        starts = range(0, len(items), self.at_a_time)
        runs = [self._run(part, source, items[start : start + self.at_a_time]) for start in starts]
        return (np.concatenate([values[name] for values in runs]) for name in outputs)

    def _run(self, part: str, source: str, items: NDArray[Any]) -> dict[str, Ints]:
        values = {source: items.astype(np.int64)}
        for layer in self.about["networks"][part]["layers"]:
            name, given = f"{part}.{layer['name']}", values[layer["input"]]
            if layer["op"] in ("flatten", "image"):  # the same numbers, seen as a row or an image
                values[layer["name"]] = given
                continue
            if layer["op"] == "lookup_table":
                values[layer["name"]] = self.tensors[f"{name}.table"][given]
                continue
            acc = (
                self.product(given, self.tensors[f"{name}.weight"].T) + self.tensors[f"{name}.bias"]
            )
            half = 1 << (layer["shift"] - 1)
            scaled = (acc * self.tensors[f"{name}.multiplier"] + half) >> layer["shift"]
            values[layer["name"]] = np.clip(scaled, *layer["clamp"])
        return values
