"""The model file of docs/model-format.md: a safetensors file read by hand, its identity, its codecs."""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import grids
from .codecs import Array, Bernoulli, BitsBack, Gaussian, Rows, Uniform
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

# By the likelihood's codec: the outputs of its network, its own tensors, the least and the greatest precision.
LIKELIHOODS: dict[str, tuple[tuple[str, ...], tuple[str, ...], int, int]] = {
    "bernoulli": (("logit",), ("probability",), 8, 16),
    "beta-binomial": (("first", "second"), (), 16, 24),
    "exponential": (
        ("first", "second"),
        ("base", "first_statistic", "second_statistic", "first_value", "second_value"),
        16,
        24,
    ),
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
        self.levels, self.likelihood_codec = about["item"]["levels"], about["likelihood"]["codec"]
        self.networks = build_networks(about, self.tensors)
        check_output(self.networks["posterior"], "scale", self.latents, (0, 255))
        check_output(self.networks["posterior"], "mean", self.latents, (-2048, 2047))
        self.inverse_scale = self._lookup("posterior.inverse_scale", "uint32", 2**10, 2**26)
        self._read_likelihood()
        self._check_names()
        outputs = LIKELIHOODS[self.likelihood_codec][0]
        hashes = hash_outputs(self.networks, about["test"]["seed"], about["test"]["count"], outputs)
        require(hashes == about["test"]["sha256"], "the networks give the values that the test vectors name")

    def _read_likelihood(self) -> None:
        """The table of probabilities, or the grid of rows that two outputs of the network choose from."""
        if self.likelihood_codec == "bernoulli":
            most = 2 ** self.about["likelihood"]["precision"] - 1
            self.probability = self._lookup("likelihood.probability", "uint16", 1, most)
            check_output(self.networks["likelihood"], "logit", self.pixels, (0, 255))
            return
        if self.likelihood_codec == "beta-binomial":
            self.grid = grids.BETA_BINOMIAL
        else:
            parts = {name: self.tensors[f"likelihood.{name}"] for name in LIKELIHOODS["exponential"][1]}
            for name, part in parts.items():
                require(part.ndim == 1 and part.dtype == "int16", f"likelihood.{name} is int16, of one dimension")
                sizes = (1, 256) if name.endswith("_value") else (self.levels, self.levels)
                require(sizes[0] <= len(part) <= sizes[1], f"likelihood.{name} has {sizes} entries")
            self.grid = grids.exponential(**{name: part.tolist() for name, part in parts.items()})
        rows, columns = len(self.grid), len(self.grid[0])
        require(rows * columns <= 4096, "a grid has at most 4,096 rows")
        check_output(self.networks["likelihood"], "first", self.pixels, (0, rows - 1))
        check_output(self.networks["likelihood"], "second", self.pixels, (0, columns - 1))

    def _lookup(self, name: str, dtype: str, lo: int, hi: int) -> list[int]:
        tensor = self.tensors[name]
        require(tensor.shape == (256,) and tensor.dtype == dtype, f"{name} is {dtype} [256]")
        require(lo <= int(tensor.min()) and int(tensor.max()) <= hi, f"{name} lies within [{lo}, {hi}]")
        return [int(value) for value in tensor]

    def _check_names(self) -> None:
        """Every tensor belongs to a layer, and something depends on every layer."""
        outputs, own, _, _ = LIKELIHOODS[self.likelihood_codec]
        names = {"posterior.inverse_scale", *(f"likelihood.{name}" for name in own)}
        for name, ends in (("posterior", ("mean", "scale")), ("likelihood", outputs)):
            used = set(ends)
            for layer in self.about[name]["network"]:
                parts = ("weight", "bias", "multiplier") if layer["op"] == "linear" else ("table",)
                names |= {f"{name}.{layer['name']}.{part}" for part in parts}
                used.add(layer["input"])
            require(used >= set(self.networks[name].layers), "something depends on every layer")
        require(names == set(self.tensors), "the tensors of the layers, of the codecs, and no others")

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
        values = self.networks["likelihood"].run(z)
        precision = self.about["likelihood"]["precision"]
        if self.likelihood_codec == "bernoulli":
            return Array([Bernoulli(self.probability[logit], precision) for logit in values["logit"].ravel().tolist()])
        first, second = values["first"].ravel().tolist(), values["second"].ravel().tolist()
        return Array([Rows(self.grid[i][j], precision) for i, j in zip(first, second, strict=True)])

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


def hash_outputs(
    networks: dict[str, Network], seed: int, count: int, likelihood_outputs: tuple[str, ...] = ("logit",)
) -> dict[str, str]:
    """The test vectors: SHA-256 of each output for a source drawn from the seed, first of x, then of z."""
    place, hashes = 0, {}
    for name, outputs in (("posterior", ("mean", "scale")), ("likelihood", likelihood_outputs)):
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
    within(about["item"]["levels"], 2, 256)
    within(about["chain"]["growth"], 1, 256)
    within(about["chain"]["batch"], 1, 4096)
    within(latent["count"], 1, 4096)
    within(latent["bits"], 4, 12)
    within(about["posterior"]["precision"], latent["bits"] + 4, 24)
    require(about["posterior"]["codec"] == "gaussian", "the posterior's codec is gaussian")
    codec = about["likelihood"]["codec"]
    require(codec in LIKELIHOODS, "a codec for the likelihood")
    levels = {"bernoulli": (2, 2), "beta-binomial": (256, 256), "exponential": (2, 256)}[codec]
    within(about["item"]["levels"], *levels)
    outputs, _, least, most = LIKELIHOODS[codec]
    within(about["likelihood"]["precision"], least, most)
    within(about["test"]["count"], 1, 16)
    within(about["test"]["seed"], 0, 2**64 - 1)
    require(set(about["test"]["sha256"]) == {"mean", "scale", *outputs}, "a hash for each output")
