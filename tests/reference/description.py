"""The description of a model (docs/model-format.md): its keys, and the numbers that it may hold."""

import math
from typing import Any

from .network import check_integer, require, size_of, two
from .pixels import LIKELIHOODS, PIXELS, Kind

COMMON = {
    "item": "shape levels",
    "chain": "growth batch",
    "latent": "count bits",
    "posterior": "codec precision network",
    "test": "seed count sha256",
}
ARCHITECTURES = {
    "vae": {
        "": (
            "format version name about licence architecture item chain latent posterior likelihood"
            " test"
        ),
        "likelihood": "codec precision network",
        **COMMON,
    },
    "context-vae": {
        "": (
            "format version name about licence architecture item chain latent posterior likelihood"
            " pixel test"
        ),
        "likelihood": "size network",
        "pixel": "codec precision window network",
        **COMMON,
    },
}


def pixel_part(about: dict[str, Any]) -> str:
    """The part of the description with the codec of the pixels, which is also the network whose
    outputs it has.
    """
    return "likelihood" if about["architecture"] == "vae" else "pixel"


def pixel_kind(about: dict[str, Any]) -> Kind:
    kinds = LIKELIHOODS if about["architecture"] == "vae" else PIXELS
    codec = about[pixel_part(about)]["codec"]
    require(codec in kinds, "a codec for the pixels")
    return kinds[codec]


def outputs(about: dict[str, Any]) -> dict[str, tuple[str, ...]]:
    """The networks, in the order of their test vectors, with their outputs."""
    of = {"posterior": ("mean", "scale"), "likelihood": ("features",)}
    return {**of, pixel_part(about): pixel_kind(about).outputs}


def key_of(network: str, output: str) -> str:
    """Under which a hash stands in the test vectors."""
    return f"pixel.{output}" if network == "pixel" else output


def check_description(about: dict[str, Any]) -> None:
    require(about["architecture"] in ARCHITECTURES, "an architecture of the list")
    for part, keys in ARCHITECTURES[about["architecture"]].items():
        given = about[part] if part else about
        require(set(given) == set(keys.split()), f"the keys of {part or 'the description'}")
    require(about["format"] == "bitsback-model", "the format")
    check_integer(about["version"], 0, 0)
    shape, latent = about["item"]["shape"], about["latent"]
    check_integer(len(shape), 1, 4)
    for n in shape:
        check_integer(n, 1, 2**24)
    check_integer(math.prod(shape), 1, 2**24)
    check_integer(about["item"]["levels"], 2, 256)
    check_integer(about["chain"]["growth"], 1, 256)
    check_integer(about["chain"]["batch"], 1, 4096)
    check_integer(latent["count"], 1, 4096)
    check_integer(latent["bits"], 4, 12)
    check_integer(about["posterior"]["precision"], latent["bits"] + 4, 24)
    require(about["posterior"]["codec"] == "gaussian", "the posterior's codec is gaussian")
    kind = pixel_kind(about)
    check_integer(about["item"]["levels"], *kind.levels)
    check_integer(about[pixel_part(about)]["precision"], *kind.precision)
    if about["architecture"] == "context-vae":
        require(len(shape) == 2, "an item of a context-vae is an image")
        rows, columns = size_of(about["likelihood"])
        require(rows >= shape[0] and columns >= shape[1], "features for each pixel")
        for n in two(about["pixel"]["window"]):
            check_integer(n, 1, 8)
    check_integer(about["test"]["count"], 1, 16)
    check_integer(about["test"]["seed"], 0, 2**64 - 1)
    keys = {
        key_of(network, output) for network, names in outputs(about).items() for output in names
    }
    require(set(about["test"]["sha256"]) == keys, "a hash for each output")
