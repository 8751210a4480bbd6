"""bitsback as one of the compressors: with each model that fits the images, on one thread, in
memory, or through files if the images are of several shapes.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import bitsback
from bitsback.coding.block_plan import BlockPlan
from bitsback.errors import ModelError
from bitsback.files.picture_files import read_pixels
from bitsback.format.layout import MODEL, section
from bitsback.format.modes import MODES, mode_of
from bitsback.format.tiles import Tiles
from bitsback.models import Model, bundled
from bitsback.models.embed import pack_model
from bitsback_lab.peers.measure import Peer
from bitsback_lab.peers.units import Picture, Pictures, dtypes


@dataclass(frozen=True)
class Ours:
    """bitsback with one model, or with none."""

    peer: Peer
    model: Model | None

    def model_bytes(self) -> int | None:
        """The bytes that an embedded model adds to an archive, without its entry in the index.

        None if there is no model, or if it cannot be embedded.
        """
        if self.model is None:
            return None
        try:
            return len(section(MODEL, pack_model(self.model, bases=())))
        except ModelError:
            return None


def ours(images: Pictures, given: Sequence[Model] = ()) -> list[Ours]:
    """bitsback with the given models and the bundled ones that can code the images, or without a
    model if there are none.
    """
    candidates: list[tuple[Model, str | bytes]] = [(model, model.to_bytes()) for model in given]
    known = {model.identity for model in given}
    for name in bundled.names():
        model = bundled.load(name)
        if model.identity not in known and codes(model, images):
            candidates.append((model, name))
    found = [Ours(_peer(model, source), model) for model, source in candidates]
    return found or [Ours(_stored(), None)]


def codes(model: Model, images: Pictures) -> bool:
    """Whether the model codes images of these shapes and values."""
    if model.serial:
        return False
    if model.any_shape:
        most = 2 if model.levels > 2 else 0  # bytes for more than two values
        return all(dtype == np.bool_ or dtype.itemsize <= most for dtype in dtypes(images))
    if isinstance(images, list):
        return False
    return BlockPlan.for_model(model, Tiles.stacked(images)) is not None


def _peer(model: Model, source: str | bytes) -> Peer:
    return Peer(
        f"bitsback {model.name}",
        "archive",
        partial(compress, source=source),
        partial(decompress, source=source),
        two_levels_only=model.levels == 2,
        version=f"bitsback {bitsback.__version__}, model {model.identity.hex()[:8]}",
    )


def _stored() -> Peer:
    version = f"bitsback {bitsback.__version__}"
    return Peer(
        "bitsback, no model", "archive", partial(compress, source=None),
        partial(decompress, source=None),
        version=version,
    )  # fmt: skip


def compress(images: Pictures, source: str | bytes | None) -> bytes:
    """An archive without its model. source: a model's bundled name or file, or None for any that
    fits.
    """
    buffer = io.BytesIO()
    model = "auto" if source is None else _load(source)
    if isinstance(images, list):
        with tempfile.TemporaryDirectory() as folder:
            path = write_images(images, Path(folder))
            bitsback.compress(path, buffer, model=model, embed="never", threads=1)
    else:
        bitsback.compress(images, buffer, model=model, embed="never", threads=1)
    return buffer.getvalue()


def decompress(archive: bytes, source: str | bytes | None) -> NDArray[Any] | list[NDArray[Any]]:
    model = None if source is None else _load(source)
    with bitsback.open(io.BytesIO(archive), model=model) as opened:
        files = bool(opened.names)
    if not files:
        restored = bitsback.decompress(io.BytesIO(archive), model=model, threads=1)
        assert isinstance(restored, np.ndarray)
        return restored
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "restored")
        bitsback.decompress(io.BytesIO(archive), path, model=model, threads=1)
        return read_images(path)


@cache
def _load(source: str | bytes) -> Model:
    """Loads the model once, with its test vectors, before the clock starts, like the import of any
    other codec.
    """
    return bitsback.load_model(source)


def write_images(images: list[Picture], place: Path) -> Path:
    """Writes the images, uncompressed, into the folder `place`. Returns the path to compress."""
    if any(mode_of(image.dtype, image.shape) not in MODES for image in images):
        np.savez(place / "arrays.npz", *images)
        return place / "arrays.npz"
    from PIL import Image

    folder = place / "pictures"
    folder.mkdir()
    for number, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{number:07}.tif")
    return folder


def read_images(path: Path) -> list[NDArray[Any]]:
    """Reads back the restored images."""
    if path.is_dir():
        return [read_pixels(file) for file in sorted(path.iterdir())]
    with np.load(path) as arrays:
        return [arrays[f"arr_{i}"] for i in range(len(arrays.files))]
