"""What messages call the images of a run."""

import os

from bitsback.archive.inputs import Source
from bitsback.images.file_io import name_of
from bitsback.remote.url import Url


def called(source: Source) -> str:
    """The path of a file or folder, or that they are in memory."""
    return name_of(source) if isinstance(source, str | os.PathLike | Url) else "the images"
