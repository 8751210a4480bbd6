"""What `bitsback extract` does with an archive of files: pictures to a folder, arrays, pages."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING

from bitsback.cli import figures, options
from bitsback.cli.selection import file_numbers, item_range
from bitsback.errors import InputError

if TYPE_CHECKING:
    from bitsback.archive import Archive
    from bitsback.images.file_io import Location


def write(
    archive: Archive,
    texts: Sequence[str],
    output: Location | None,
    folder: Location | None,
    verify: bool,
    force: bool,
) -> str:
    """Writes the files that `texts` name; says how many, and where to."""
    from bitsback.images import formats

    if archive.kind == formats.PAGES.key and folder is not None and output is None:
        # Pages may be claimed by the million, so no list of them is made.
        ranges = merged([item_range(text, len(archive)) for text in texts])
        _write_pages(archive, ranges, folder, force)
        return f"{folder}: {figures.count(sum(map(len, ranges)), 'file')}"
    numbers = file_numbers(archive, texts)
    if archive.kind == "folder" and output is not None and folder is None:
        from bitsback.archive.restore import extract

        extract(archive, numbers, output, force, verify)
    elif archive.kind == formats.ARRAYS.key and output is not None and folder is None:
        _write_arrays(archive, numbers, output, force)
    else:
        wanted = {
            "folder": "pictures: give -o DIR",
            formats.ARRAYS.key: f"arrays: give -o FILE{formats.NPY.endings[0]}",
            formats.PAGES.key: "pages: give --png DIR",
        }
        raise InputError(f"{archive.name}: holds {wanted[archive.kind]}")
    return f"{output or folder}: {figures.count(len(numbers), 'file')}"


def _write_arrays(archive: Archive, numbers: list[int], output: Location, force: bool) -> None:
    """Writes one array as a file of its own, or some as a file of several."""
    from bitsback.archive.output import open_output
    from bitsback.images import formats

    several, one = formats.ARRAYS, formats.NPY
    container = several.ends(str(output))
    if len(numbers) != 1 and not container:
        raise InputError(
            f"{archive.name}: holds arrays; give -o FILE{several.endings[0]}, or one name, and"
            f" -o FILE{one.endings[0]}"
        )
    destination = options.standard_output() if output == options.STANDARD else output
    with open_output(destination, force, archive.name) as file:
        if not container:
            array = archive[numbers[0]]
            with one.write(file, array.dtype, array.shape) as member:
                member.write(array[...].tobytes())
            return
        with several.codec().write_arrays(file) as following:
            for number in numbers:
                array = archive[number]
                with following(archive.names[number], array.dtype, array.shape) as member:
                    member.write(array[...].tobytes())


def _write_pages(archive: Archive, ranges: Sequence[range], folder: Location, force: bool) -> None:
    """Writes pages as PNG files that are named by their numbers."""
    from bitsback.archive.staging import staging
    from bitsback.images.pictures import encode_page

    digits = len(str(len(archive) - 1))
    with staging(folder, (), force) as stage:
        for number in chain.from_iterable(ranges):
            page = encode_page(archive[number]._all(), f"{archive.name}: page {number}")
            stage.write(f"{number:0{digits}}.png", page)


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
