"""The model file of docs/model-format.md: a safetensors file read by hand, its identity, its codecs."""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .codecs import Array, Bernoulli, BitsBack, Gaussian, Uniform
from .message import splitmix64
from .network import Ints, ModelError, Network, Range, build, require

DTYPES = {"U8": "<u1", "I8": "<i1", "U16": "<u2", "I16": "<i2", "U32": "<u4", "I32": "<i4"}
KEYS = {
    "": "format version name about licence architecture item chain latent posterior likelihood test",
    "item": "shape levels",
    "chain": "growth batch",
    "latent": "count bits",
    "posterior": "codec precision network",
    "likelihood": "codec precision network",
    "test": "seed count sha256",
}

Tensors = dict[str, NDArray[Any]]


def read_safetensors(data: bytes) -> tuple[str, Tensors]:
    """The description and the tensors of a model file.

    8 bytes: the length of a JSON header; the header: each tensor's dtype, shape and place; then the elements.
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


def identity(description: str, tensors: Mapping[str, NDArray[Any]]) -> bytes:
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
        sources: dict[str, tuple[str, Range, int]] = {
            "posterior": ("x", (0, about["item"]["levels"] - 1), self.pixels),
            "likelihood": ("z", (0, 2**self.bits - 1), self.latents),
        }
        self.networks = {
            name: build(name, about[name]["network"], self.tensors, *source) for name, source in sources.items()
        }
        check_output(self.networks["posterior"], "scale", self.latents, (0, 255))
        check_output(self.networks["posterior"], "mean", self.latents, (-2048, 2047))
        check_output(self.networks["likelihood"], "logit", self.pixels, (0, 255))
        self.inverse_scale = self._lookup("posterior.inverse_scale", "uint32", 2**10, 2**26)
        precision = about["likelihood"]["precision"]
        self.probability = self._lookup("likelihood.probability", "uint16", 1, 2**precision - 1)
        self._check_names()
        hashes = hash_outputs(self.networks, about["test"]["seed"], about["test"]["count"])
        require(hashes == about["test"]["sha256"], "the networks give the values that the test vectors name")

    def _lookup(self, name: str, dtype: str, lo: int, hi: int) -> list[int]:
        tensor = self.tensors[name]
        require(tensor.shape == (256,) and tensor.dtype == dtype, f"{name} is {dtype} [256]")
        require(lo <= int(tensor.min()) and int(tensor.max()) <= hi, f"{name} lies within [{lo}, {hi}]")
        return [int(value) for value in tensor]

    def _check_names(self) -> None:
        """Every tensor belongs to a layer, and something depends on every layer."""
        names = {"posterior.inverse_scale", "likelihood.probability"}
        for name, outputs in (("posterior", {"mean", "scale"}), ("likelihood", {"logit"})):
            used = set(outputs)
            for layer in self.about[name]["network"]:
                parts = ("weight", "bias", "multiplier") if layer["op"] == "linear" else ("table",)
                names |= {f"{name}.{layer['name']}.{part}" for part in parts}
                used.add(layer["input"])
            require(used >= set(self.networks[name].layers), "something depends on every layer")
        require(names == set(self.tensors), "the tensors of the layers, the two lookups, and no others")

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

    def likelihood(self, z: Ints) -> Array:
        logits = self.networks["likelihood"].run(z)["logit"].ravel().tolist()
        precision = self.about["likelihood"]["precision"]
        return Array([Bernoulli(self.probability[logit], precision) for logit in logits])

    def codec(self, size: int) -> BitsBack:
        """Bits back for one batch; the symbols are flat lists of size * pixels."""
        return BitsBack(
            prior=self.prior(size),
            likelihood=lambda z: self.likelihood(np.reshape(z, (size, self.latents))),
            posterior=lambda x: self.posterior(np.reshape(x, (size, self.pixels))),
        )


def build_networks(about: dict[str, Any], tensors: Tensors) -> dict[str, Network]:
    sources: dict[str, tuple[str, Range, int]] = {
        "posterior": ("x", (0, about["item"]["levels"] - 1), math.prod(about["item"]["shape"])),
        "likelihood": ("z", (0, (1 << about["latent"]["bits"]) - 1), about["latent"]["count"]),
    }
    return {name: build(name, about[name]["network"], tensors, *source) for name, source in sources.items()}


def hash_outputs(networks: dict[str, Network], seed: int, count: int) -> dict[str, str]:
    """The test vectors: SHA-256 of each output for a source drawn from the seed, first of x, then of z."""
    place, hashes = 0, {}
    for name, outputs in (("posterior", ("mean", "scale")), ("likelihood", ("logit",))):
        network = networks[name]
        size = count * network.source_width
        source = draw(seed, place, size, *network.source_range).reshape(count, -1)
        place += size
        values = network.run(source)
        for output in outputs:
            hashes[output] = hashlib.sha256(values[output].astype("<i4").tobytes()).hexdigest()
    return hashes


def draw(seed: int, first: int, count: int, lo: int, hi: int) -> Ints:
    """Test vector elements from outputs first ... first + count - 1 of SplitMix64 with the state `seed`."""
    words = (splitmix64(j, seed) >> 32 for j in range(first, first + count))
    return np.array([lo + word % (hi - lo + 1) for word in words], np.int64)


def check_output(network: Network, name: str, width: int, of: Range) -> None:
    require(name in network.layers, f"there is an output {name}")
    require(network.widths[name] == width, f"{name} has {width} values")
    lo, hi = network.ranges[name]
    require(of[0] <= lo and hi <= of[1], f"{name} lies within {of}")


def check_description(about: dict[str, Any]) -> None:
    for part, keys in KEYS.items():
        given = about[part] if part else about
        require(set(given) == set(keys.split()), f"the keys of {part or 'the description'}")

    def within(value: Any, lo: int, hi: int) -> None:
        if type(value) is not int or not lo <= value <= hi:
            raise ModelError(f"{value!r} is not an integer from {lo} to {hi}")

    require((about["format"], about["architecture"]) == ("bitsback-model", "vae"), "format and architecture")
    within(about["version"], 0, 0)
    shape, latent = about["item"]["shape"], about["latent"]
    within(len(shape), 1, 4)
    for n in shape:
        within(n, 1, 2**24)
    within(math.prod(shape), 1, 2**24)
    within(about["item"]["levels"], 2, 2)
    within(about["chain"]["growth"], 1, 256)
    within(about["chain"]["batch"], 1, 4096)
    within(latent["count"], 1, 4096)
    within(latent["bits"], 4, 12)
    within(about["posterior"]["precision"], latent["bits"] + 4, 24)
    within(about["likelihood"]["precision"], 8, 16)
    require(about["posterior"]["codec"] == "gaussian", "the posterior's codec is gaussian")
    require(about["likelihood"]["codec"] == "bernoulli", "the likelihood's codec is bernoulli")
    require(set(about["test"]["sha256"]) == {"mean", "scale", "logit"}, "a hash for each output")
