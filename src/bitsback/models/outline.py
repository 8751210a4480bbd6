"""What a description says of a model as a whole, before its networks."""

from dataclasses import dataclass

import numpy as np

from bitsback.errors import ModelError
from bitsback.integer.fields import Fields

VAE, CONTEXT_VAE = "vae", "context-vae"
ARCHITECTURES = (VAE, CONTEXT_VAE)


@dataclass(frozen=True, eq=False)
class Outline:
    """A latent-variable model of items with `item_shape`, whose pixels take the values 0 ... levels
    - 1.
    """

    name: str
    about: str
    licence: str
    architecture: str
    """`vae`: the pixels are independent, given the latents; `context-vae`: each depends on some of
    those before it.
    """
    item_shape: tuple[int, ...]
    levels: int
    growth: int
    """Images a batch for every 256 already coded (docs/format.md, the chain)."""
    batch: int
    """The largest batch."""
    latents: int
    bits: int
    """log2 of the number of buckets of a latent."""

    @property
    def pixels(self) -> int:
        """Elements of an item."""
        return int(np.prod(self.item_shape))

    @classmethod
    def read(cls, top: Fields) -> "Outline":
        """Takes its fields from a description. Raises ModelError for what docs/model-format.md does
        not allow.
        """
        top.text("format", "bitsback-model")
        version = top.integer("version", 0, 1 << 30)
        if version != 0:
            raise ModelError(
                f"this model has version {version} of the format: it needs a newer bitsback"
            )
        name, about, licence = top.text("name"), top.text("about"), top.text("licence")
        architecture = top.text("architecture", *ARCHITECTURES)
        item = top.object("item")
        axes = range(1, 5) if architecture == VAE else range(2, 3)
        shape = tuple(item.integers("shape", axes, 1, 1 << 24))
        if np.prod(shape, dtype=object) > 1 << 24:
            raise ModelError(f"an item of the shape {shape} has more than 2^24 elements")
        levels = item.integer("levels", 2, 256)
        chain = top.object("chain")
        growth, batch = chain.integer("growth", 1, 256), chain.integer("batch", 1, 4096)
        latent = top.object("latent")
        latents, bits = latent.integer("count", 1, 4096), latent.integer("bits", 4, 12)
        for fields in (item, chain, latent):
            fields.done()
        return cls(name, about, licence, architecture, shape, levels, growth, batch, latents, bits)
