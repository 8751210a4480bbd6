"""What `bitsback extract` does with an archive of files: pictures to a folder, an array of an npz
file, pages.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from typing import TYPE_CHECKING

from bitsback.cli import figures
from bitsback.errors import InputError

if TYPE_CHECKING:
    from bitsback.archive import Archive
    from bitsback.images.file_io import Location

Parse = Callable[[str, int], range]


def write(
    archive: Archive,
    texts: Sequence[str],
    output: Location | None,
    folder: Location | None,
    verify: bool,
    force: bool,
    parse: Parse,
) -> str:
    """Writes the files that `texts` name; says how many, and where to."""
    if archive.kind == "tiff" and folder is not None and output is None:
        # Pages may be claimed by the million, so no list of them is made.
        ranges = merged([parse(text, len(archive)) for text in texts])
        _write_pages(archive, ranges, folder, force)
        return f"{folder}: {figures.count(sum(map(len, ranges)), 'file')}"
    numbers = _numbers(archive, texts, parse)
    if archive.kind == "folder" and output is not None and folder is None:
        from bitsback.archive.restore_folder import extract

        extract(archive, numbers, output, force, verify)
    elif archive.kind == "npz" and output is not None and folder is None:
        _write_array(archive, numbers, output, force)
    else:
        wanted = {
            "folder": "pictures: give -o DIR",
            "npz": "arrays: give -o FILE.npy",
            "tiff": "pages: give --png DIR",
        }
        raise InputError(f"{archive.name}: holds {wanted[archive.kind]}")
    return f"{output or folder}: {figures.count(len(numbers), 'file')}"


def _numbers(archive: Archive, texts: Sequence[str], parse: Parse) -> list[int]:
    """The numbers of files: each text is a name, or a number or a range of them. Raises InputError,
    UsageError.
    """
    numbers: list[int] = []
    for text in texts:
        named = archive.files.number(text)
        if named is not None:
            numbers.append(named)
        elif text.lstrip("-")[:1].isdigit() or text.startswith(":"):
            numbers += parse(text, len(archive))
        else:
            raise InputError(
                f"{archive.name}: there is no file {text!r} in it; 'bitsback info --names' lists"
                " them"
            )
    return list(dict.fromkeys(numbers))


def _write_array(archive: Archive, numbers: list[int], output: Location, force: bool) -> None:
    """Writes one array of an npz file as a .npy file."""
    from bitsback.archive.output import open_output
    from bitsback.images.npy import write_header

    if len(numbers) != 1:
        raise InputError(f"{archive.name}: holds arrays; give one name at a time, and -o FILE.npy")
    array = archive[numbers[0]]
    with open_output(output, force, archive.name) as file:
        write_header(file.write, array.dtype, array.shape)
        file.write(array[...].tobytes())


def _write_pages(archive: Archive, ranges: Sequence[range], folder: Location, force: bool) -> None:
    """Writes pages as PNG files that are named by their numbers."""
    from bitsback.archive.staging import staging
    from bitsback.images.pictures import encode

    digits = len(str(len(archive) - 1))
    with staging(folder, (), force) as stage:
        for number in chain.from_iterable(ranges):
            stage.write(f"{number:0{digits}}.png", encode(archive[number].whole(), "PNG"))


def merged(ranges: Sequence[range]) -> list[range]:
    """The same numbers, each once and in order."""
    found: list[range] = []
    for one in sorted((one for one in ranges if len(one)), key=lambda one: one.start):
        if found and one.start <= found[-1].stop:
            last = found.pop()
            found.append(range(last.start, max(last.stop, one.stop)))
        else:
            found.append(one)
    return found
