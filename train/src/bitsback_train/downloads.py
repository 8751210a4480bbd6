"""Public data sets: from a folder, or from a mirror, with SHA-256."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from bitsback.errors import InputError, MissingExtra

ENVIRONMENT = "BITSBACK_DATA"
"""The variable that names the folder of the data sets."""

TRAIN_IMAGES = "train-images-idx3-ubyte.gz"
TEST_IMAGES = "t10k-images-idx3-ubyte.gz"


@dataclass(frozen=True)
class Public:
    """A data set of two gzipped IDX files of images. `sha256`: of the files on the mirrors."""

    licence: str
    about: str
    mirrors: tuple[str, ...]
    sha256: dict[str, str]


SETS = {
    "mnist": Public(
        licence="CC-BY-SA-3.0",
        about="grey handwritten digits of 28x28 pixels, trained on MNIST",
        mirrors=(
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
        ),
        sha256={
            TRAIN_IMAGES: "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            TEST_IMAGES: "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        },
    ),
    "fashion-mnist": Public(
        licence="MIT",
        about="grey articles of clothing of 28x28 pixels, trained on Fashion-MNIST",
        mirrors=(
            "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        ),
        sha256={
            TRAIN_IMAGES: "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            TEST_IMAGES: "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        },
    ),
}


def find(name: str, folder: str | None) -> Path:
    """The folder with the files of a data set: `folder` or $BITSBACK_DATA, or its folder `name`;
    otherwise they are downloaded.

    Raises InputError if a named folder lacks them, or if they cannot be downloaded.
    """
    named = folder or os.environ.get(ENVIRONMENT)
    if not named:
        return download(name, SETS[name].mirrors)
    for place in (Path(named) / name, Path(named)):
        if all((place / file).is_file() for file in SETS[name].sha256):
            return place
    files = " and ".join(SETS[name].sha256)
    raise InputError(
        f"{named}: has no {files}, nor a folder {name} that has; leave out --data to download"
        f" {name}"
    )


def download(name: str, mirrors: Sequence[str], cache: Path | None = None) -> Path:
    """The folder with the files, kept for the next time; a file appears in it only if its SHA-256
    is right.

    Raises InputError if no mirror has a file, MissingExtra without pooch.
    """
    if find_spec("pooch") is None:
        raise MissingExtra("pooch", "bitsback[train]", "./train[torch]")
    import pooch

    pooch.get_logger().setLevel("ERROR")
    folder = (cache or Path(pooch.os_cache("bitsback"))) / name
    for file, sha256 in SETS[name].sha256.items():
        failures = []
        for mirror in mirrors:
            try:
                pooch.retrieve(mirror + file, f"sha256:{sha256}", file, folder)
            except (
                OSError,
                ValueError,
            ) as error:  # requests raises OSErrors, pooch a ValueError for a wrong hash
                wrong = isinstance(error, ValueError) and "hash" in str(error)
                failures.append(
                    f"{mirror}: {'not the file it should be' if wrong else _short(error)}"
                )
            else:
                break
        else:
            raise InputError(
                f"{name}: {file} could not be downloaded ({'; '.join(failures)}); get it by other"
                f" means, and name its folder with --data DIR or {ENVIRONMENT}"
            )
    return folder


def _short(error: Exception) -> str:
    """The kind of an error of requests, whose texts go on for lines."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status:
        return f"HTTP status {status}"
    kinds = {
        "ConnectionError": "no connection",
        "ProxyError": "no connection",
        "ConnectTimeout": "no answer",
        "ReadTimeout": "no answer",
        "ChunkedEncodingError": "broke off",
    }
    return kinds.get(type(error).__name__, type(error).__name__)
