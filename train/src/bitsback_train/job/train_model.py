"""`bitsback train` as a function."""

import os
import time
from pathlib import Path
from typing import Any, Literal, get_args

from bitsback.archive.inputs.opening import Source
from bitsback.errors import InputError
from bitsback.models import Model
from bitsback_train.downloads import TRAIN_IMAGES
from bitsback_train.export.exporter import Card
from bitsback_train.job.image_set import read_image_set
from bitsback_train.job.job import Job, Progress, Settings, check_output, train
from bitsback_train.job.one_shape import read_one_shape, read_public, suits_vae
from bitsback_train.job.pixel_job import PixelJob
from bitsback_train.job.pixel_material import UNIVERSAL, load_base
from bitsback_train.job.vae_job import VaeJob

Kind = Literal["auto", "any-size", "vae"]


def load_job(
    images: Source, vae: bool, start: str, seed: int, public: Path | None = None
) -> Job[Any]:
    """Reads the images. start: the base of a size-agnostic model. public: the folder of the public
    data set named `images`.
    """
    begun = time.perf_counter()
    if vae:
        if public is not None:
            return VaeJob(read_public(str(images), public, seed))
        return VaeJob(read_one_shape(images, seed))
    base = load_base(start)
    source = images if public is None else str(public / TRAIN_IMAGES)
    return PixelJob(read_image_set(source, base.model, seed), base, begun)


def train_model(
    images: Source,
    output: str | os.PathLike[str],
    *,
    minutes: float = 10,
    kind: Kind = "auto",
    start: str = UNIVERSAL,
    seed: int = 1,
    threads: int | None = None,
    name: str | None = None,
    about: str | None = None,
    licence: str = "unspecified",
    resume: bool = False,
    force: bool = False,
    progress: Progress | None = None,
    plot: str | os.PathLike[str] | None = None,
) -> Model:
    """Trains a model for images like these, writes it to the file `output`, and returns it: what
    `bitsback train` does, without its table.

    images: any input of `compress` that can be read twice, of bool or of integers of 8 or 16 bits.
    minutes: the approximate time of training. kind: "any-size", for images of any size and kind,
    starts from the model `start`, or from "none"; "vae" is a VAE of small images of one shape;
    "auto" chooses. threads: None takes one or all cores, whichever is faster. name, about, licence:
    the model's description of itself. resume: continue from the checkpoint of an interrupted run.
    force: replace existing files. progress: called with the finished steps, the planned ones, and
    the latest rate on the validation images in bits per pixel and channel, if there is one. plot: a
    .png file for the curve of the training.
    A size-agnostic model is never worse than `start` on the held-out images: if it would be,
    `start` is the result. Raises InputError for unsuitable images, and if a file is in the way;
    ModelError if training diverges.

    >>> import tempfile
    >>> import bitsback
    >>> import numpy as np
    >>> images = np.random.default_rng(0).integers(0, 9, (30, 16, 16, 3)).astype(np.uint8)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     model = train_model(images, f"{folder}/mine.safetensors", minutes=0.02)
    ...     summary = bitsback.compress(images, f"{folder}/images.bb", model=model)
    ...     np.array_equal(bitsback.decompress(f"{folder}/images.bb"), images)
    True
    """
    if kind not in get_args(Kind):
        raise InputError(f"kind: must be auto, any-size or vae, not {kind!r}")
    if not minutes > 0:
        raise InputError(f"minutes: must be more than 0, not {minutes}")
    path = Path(output)
    curve = None if plot is None else Path(plot)
    settings = Settings(path, minutes, seed, threads, resume=resume, force=force, curve=curve)
    check_output(settings)
    vae = kind == "vae" or (kind == "auto" and suits_vae(images))
    job = load_job(images, vae, start, seed)
    said = about or f"{job.words}, trained by bitsback"
    card = Card(name or path.stem, said, licence, job.item_shape)
    watched = progress or (lambda done, total, rate: None)
    model: Model = train(job, card, settings, watched).model
    return model
