"""`bitsback train` as a function."""

import os
import time
from pathlib import Path

from bitsback.archive.inputs.opening import Source
from bitsback.errors import InputError
from bitsback.models import Model, load_model
from bitsback_train.export.exporter import Card
from bitsback_train.job.image_set import read_image_set
from bitsback_train.job.job import Job, Progress
from bitsback_train.job.material import NONE, UNIVERSAL_DEEP, load_base
from bitsback_train.job.settings import Settings, check_output


def load_job(images: Source, start: str | None, seed: int) -> Job:
    """Reads the images. start: the model to start from; None for the bundled one that fits."""
    begun = time.perf_counter()
    model = None if start == NONE else load_model(start or UNIVERSAL_DEEP)
    image_set = read_image_set(images, model, seed)
    return Job(image_set, load_base(start, image_set.levels, seed), begun)


def train_model(
    images: Source,
    output: str | os.PathLike[str],
    *,
    minutes: float = 10,
    start: str | None = None,
    seed: int = 1,
    threads: int | None = None,
    name: str | None = None,
    about: str | None = None,
    licence: str = "unspecified",
    resume: bool = False,
    force: bool = False,
    progress: Progress | None = None,
) -> Model:
    """Trains a model for images like these, writes it to the file `output`, and returns it: what
    `bitsback train` does, without its table.

    images: any input of `compress` that can be read twice, of bool or of integers of 8 or 16 bits.
    minutes: the approximate time of training. start: the model to start from, or "none"; None takes
    "universal", or "universal-16" for more than 256 levels. threads: None takes one or all cores,
    whichever is faster. name, about, licence: the model's description of itself. resume: continue
    from the checkpoint of an interrupted run. force: replace existing files. progress: called with
    the finished steps, the planned ones, and the latest rate on the validation images in bits per
    pixel and channel, if there is one.
    The model is never worse than `start` on the held-out images: if it would be, `start` is the
    result. Raises InputError for unsuitable images, and if a file is in the way; ModelError if
    training diverges.

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
    if not minutes > 0:
        raise InputError(f"minutes: must be more than 0, not {minutes}")
    path = Path(output)
    settings = Settings(path, minutes, seed, threads, resume=resume, force=force)
    check_output(settings)
    job = load_job(images, start, seed)
    card = Card(name or path.stem, about or f"{job.words}, trained by bitsback", licence)
    return job.train(card, settings, progress or (lambda done, total, rate: None)).model
