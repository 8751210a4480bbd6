"""The model file of docs/model-format.md: a safetensors file read by hand, its identity, its
codecs.
"""

import hashlib
import json
import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .codecs import Array, BitsBack, Codec, Gaussian, Uniform
from .context import Autoregressive, Context, window_size
from .description import check_description, key_of, outputs, pixel_kind, pixel_part
from .message import splitmix64
from .network import (
    LAYER_TENSORS,
    Ints,
    Network,
    Range,
    Tensors,
    as_image,
    build,
    channels,
    lookup,
    require,
    size_of,
)
from .pixels import PixelCodec

DTYPES = {"U8": "<u1", "I8": "<i1", "U16": "<u2", "I16": "<i2", "U32": "<u4", "I32": "<i4"}


def read_safetensors(data: bytes) -> tuple[str, dict[str, NDArray[Any]]]:
    """The description and the tensors of a model file.

    8 bytes: the length of a JSON header; the header: each tensor's dtype, shape and place; then the
    elements.
    """
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    metadata = header.pop("__metadata__")
    require(set(metadata) == {"bitsback"}, "the metadata has one entry, bitsback")
    tensors = {}
    for name, info in header.items():
        require(info["dtype"] in DTYPES, "integers only")
        start, end = (8 + length + at for at in info["data_offsets"])
        tensors[name] = np.frombuffer(data[start:end], DTYPES[info["dtype"]]).reshape(info["shape"])
    return metadata["bitsback"], tensors


def identity(description: str, tensors: Tensors) -> bytes:
    """32 bytes that stand for the model whatever the order of the tensors in its file."""
    names = {np.dtype(numpy): name for name, numpy in DTYPES.items()}
    sha = hashlib.sha256(description.encode() + b"\0")
    for name in sorted(tensors, key=str.encode):
        tensor = tensors[name]
        sha.update(name.encode() + b"\0" + names[tensor.dtype.newbyteorder("<")].encode() + b"\0")
        sha.update(bytes([tensor.ndim]) + b"".join(n.to_bytes(8, "little") for n in tensor.shape))
        sha.update(tensor.astype(tensor.dtype.newbyteorder("<")).tobytes())
    return sha.digest()


@dataclass
class Model:
    description: str
    tensors: Tensors
    about: dict[str, Any] = field(init=False)

    @classmethod
    def from_bytes(cls, data: bytes) -> "Model":
        return cls(*read_safetensors(data))

    def __post_init__(self) -> None:
        self.identity = identity(self.description, self.tensors)
        self.about = about = json.loads(self.description)
        check_description(about)
        self.growth, self.batch = about["chain"]["growth"], about["chain"]["batch"]
        self.shape = tuple(about["item"]["shape"])
        self.pixels = math.prod(self.shape)
        self.latents, self.bits = about["latent"]["count"], about["latent"]["bits"]
        self.levels = about["item"]["levels"]
        self.inverse_scale = lookup(self.tensors, "posterior.inverse_scale", "uint32", 2**10, 2**26)
        self.networks = build_networks(about, self.tensors)
        most = max(self.batch, about["test"]["count"])
        for network in self.networks.values():
            require(
                network.elements * most <= 2**28, "at most 2^28 elements a batch, and in the test"
            )
        self.networks["posterior"].check_output("scale", self.latents, (0, 255))
        self.networks["posterior"].check_output("mean", self.latents, (-2048, 2047))
        part = pixel_part(about)
        self.likelihood_codec, precision = about[part]["codec"], about[part]["precision"]
        self.pixel_codec = PixelCodec(
            self.likelihood_codec, precision, self.levels, part, self.tensors
        )
        self.pixel_codec.check(self.networks[part], self.pixels if part == "likelihood" else 1)
        self.context = self._context() if part == "pixel" else None
        self._check_names()
        hashes = hash_outputs(about, self.networks)
        require(
            hashes == about["test"]["sha256"],
            "the networks give the values that the test vectors name",
        )

    def _context(self) -> Context:
        above, side = self.about["pixel"]["window"]
        planes = self.tensors["pixel.planes"].astype(np.int64)
        return Context(
            (self.shape[0], self.shape[1]),
            above,
            side,
            planes,
            self.networks["pixel"],
            self.pixel_codec,
        )

    def _check_names(self) -> None:
        """Every tensor belongs to a layer, and something depends on every layer."""
        part = pixel_part(self.about)
        names = {
            "posterior.inverse_scale",
            *(f"{part}.{name}" for name in pixel_kind(self.about).tensors),
        }
        if self.context:
            names.add("pixel.planes")
        for name, used in outputs(self.about).items():
            layers = self.about[name]["network"]
            names |= {
                f"{name}.{layer['name']}.{part}"
                for layer in layers
                for part in LAYER_TENSORS[layer["op"]]
            }
            read = {layer[key] for layer in layers for key in ("input", "other") if key in layer}
            require(
                read | set(used) >= set(self.networks[name].layers),
                "something depends on every layer",
            )
        require(
            names == set(self.tensors), "the tensors of the layers, of the codecs, and no others"
        )

    # The three distributions of a batch: x is [size, pixels], z is [size, latents].

    def prior(self, size: int) -> Array:
        return Array([Uniform(2**self.bits)] * (size * self.latents))

    def posterior(self, x: Ints) -> Array:
        values = self.networks["posterior"].run(x)
        means, scales = values["mean"].ravel().tolist(), values["scale"].ravel().tolist()
        precision = self.about["posterior"]["precision"]
        return Array(
            [
                Gaussian(mean * 2**8, self.inverse_scale[scale], self.bits, precision)
                for mean, scale in zip(means, scales, strict=True)
            ]
        )

    def likelihood(self, z: Ints) -> Codec:
        values = self.networks["likelihood"].run(z)
        if self.context is None:
            return Array(self.pixel_codec.distributions(values))
        return Autoregressive(
            self.context, as_image(values["features"], size_of(self.about["likelihood"]))
        )

    def codec(self, size: int) -> BitsBack:
        """Bits back for one batch; the symbols are flat lists of size * pixels."""
        return BitsBack(
            prior=self.prior(size),
            likelihood=lambda z: self.likelihood(np.reshape(z, (size, self.latents))),
            posterior=lambda x: self.posterior(np.reshape(x, (size, self.pixels))),
        )


def build_networks(about: dict[str, Any], tensors: Tensors) -> dict[str, Network]:
    """The networks of a description, in the order of their test vectors."""
    sources: dict[str, tuple[str, Range, int]] = {
        "posterior": ("x", (0, about["item"]["levels"] - 1), math.prod(about["item"]["shape"])),
        "likelihood": ("z", (0, (1 << about["latent"]["bits"]) - 1), about["latent"]["count"]),
    }
    networks = {
        name: build(name, about[name]["network"], tensors, *source)
        for name, source in sources.items()
    }
    if about["architecture"] == "context-vae":
        require("pixel.planes" in tensors, "pixel.planes is missing")
        planes = tensors["pixel.planes"]
        require(
            planes.ndim == 2 and planes.dtype == "uint8", "pixel.planes is uint8, of two dimensions"
        )
        require(1 <= len(planes) <= 8, "1 to 8 planes")
        require(planes.shape[1] == about["item"]["levels"], "planes have an entry for each level")
        width = len(planes) * window_size(*about["pixel"]["window"]) + features_channels(
            about, networks
        )
        networks["pixel"] = build(
            "pixel", about["pixel"]["network"], tensors, "context", (0, 255), width
        )
    return networks


def features_channels(about: dict[str, Any], networks: dict[str, Network]) -> int:
    """F, the channels of the features."""
    network = networks["likelihood"]
    require("features" in network.layers, "there is an output features")
    network.check_output("features", network.widths["features"], (0, 255))
    count = channels(network.widths["features"], size_of(about["likelihood"]))
    require(count <= 256, "features have 1 to 256 channels")
    return count


def hash_outputs(about: dict[str, Any], networks: dict[str, Network]) -> dict[str, str]:
    """The test vectors: SHA-256 of each output for a source drawn from the seed, network after
    network.
    """
    place, hashes = 0, {}
    for name, of in outputs(about).items():
        network, count = networks[name], about["test"]["count"]
        size = count * network.source_width
        source = draw(about["test"]["seed"], place, size, *network.source_range).reshape(count, -1)
        place += size
        values = network.run(source)
        for output in of:
            hashes[key_of(name, output)] = hashlib.sha256(
                values[output].astype("<i4").tobytes()
            ).hexdigest()
    return hashes


def draw(seed: int, first: int, count: int, lo: int, hi: int) -> Ints:
    """Test vector elements from outputs first ... first + count - 1 of SplitMix64 with the state
    `seed`.
    """
    words = (splitmix64(j, seed) >> 32 for j in range(first, first + count))
    return np.array([lo + word % (hi - lo + 1) for word in words], np.int64)
