"""Write thumbnails of an archive's pictures: its previews, and others made by decoding."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bitsback.archive.restoring.staging import staging
from bitsback.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from bitsback.archive.archive import Archive

_SIDE = 128
_ENDINGS = {b"\x89PNG": ".png", b"RIFF": ".webp"}
"""The endings of names, by the first bytes; other previews are JPEG files."""


def write(
    archive: Archive,
    numbers: Sequence[int],
    folder: Path,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[int, int]:
    """Writes a thumbnail of each of these pictures or items into a new folder.

    Its name is the name or number of the picture, with another ending. Returns the numbers of
    previews and of thumbnails that were made. Other files have none. Raises InputError and
    ArchiveError.
    """
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise InputError(f"{folder}: exists already; name a new folder")
    kept = made = 0
    with staging(folder, (), force=False) as stage:
        for done, number in enumerate(numbers):
            data = archive.preview(number) if archive.names else None
            kept += data is not None
            if data is None:
                data = _thumbnail_of(archive, number)
                made += data is not None
            if data is not None:
                name = archive.names[number] if archive.names else str(number)
                stage.write(name + _ENDINGS.get(data[:4], ".jpg"), data)
            if progress is not None:
                progress(done + 1, len(numbers))
        if not kept + made:
            some = " with these names" * (len(numbers) < len(archive))
            raise InputError(f"{archive.name}: has no pictures{some}")
    return kept, made


def _thumbnail_of(archive: Archive, number: int) -> bytes | None:
    """A PNG file of the thumbnail of a decoded picture; None if the file is no picture."""
    from bitsback.archive.arrays.indexed import thumbnail

    try:
        picture = _image(archive[number])
    except InputError:  # a verbatim file that is no picture
        return None
    if picture is None:
        return None
    file = io.BytesIO()
    thumbnail(picture, _SIDE).save(file, "PNG")
    return file.getvalue()


def _image(array: Any) -> NDArray[np.generic] | None:
    """An array as one image: the middle one of a stack. None if it has no image."""
    import numpy as np

    from bitsback.archive.arrays.indexed import is_image

    while len(array.shape) > 2 and not is_image(array.shape, array.dtype) and array.shape[0]:
        array = array[array.shape[0] // 2]
    return np.asarray(array[...]) if is_image(array.shape, array.dtype) else None
