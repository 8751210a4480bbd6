"""Names and formats of restored files, and a check that they do not collide.

No two files may have one name, and no file may have the name of another file's folder.
"""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from itertools import chain, pairwise

from bitsback.errors import ArchiveError
from bitsback.files import formats
from bitsback.files.formats import CONTAINERS, restored_name
from bitsback.format.array_part import BYTES, COPIES
from bitsback.format.entries import Entries
from bitsback.format.grid import Shape
from bitsback.format.members import Files, NumberedNames
from bitsback.format.modes import mode_of
from bitsback.format.parts import ARRAYS, FOLDER, Array, Content
from bitsback.io.file_io import Writable
from bitsback.io.names import file_fault, printable

_FILES = {FOLDER: "folder", ARRAYS: formats.ARRAYS.key}


def kind_of(content: Content) -> str:
    """The name of the format of an archive's input, such as "npy", or "folder"."""
    if content.kind is None:
        return CONTAINERS[content.container].key
    return _FILES[content.kind]


Target = tuple[str, str | None]
"""The name of a restored file, and its format if it is a picture without container metadata."""


def target_of(files: Files, number: int) -> Target:
    """The target of a file of a folder."""
    part = files.collection.parts[files.place(number)[0]]
    if part.axes in (BYTES, COPIES) or (files.stats is not None and files.stats.sizes[number]):
        return files.names[number], None
    mode = mode_of(part.dtype, part.entry_shape)
    assert mode is not None, "the collection was checked"
    return restored_name(files.names[number], mode)


def check_restorable(content: Files | Array) -> None:
    """Raises ArchiveError if the content of an archive cannot be restored to its original form."""
    problem = None
    if not isinstance(content, Files):
        check_container(content)
    elif content.collection.kind == FOLDER and not isinstance(content.names, NumberedNames):
        problem = unrestorable(
            ((name, target_of(content, number)[0]) for number, name in enumerate(content.names)),
            content.entries,
        )
    if problem is not None:
        raise ArchiveError(problem)


def check_container(array: Array) -> None:
    """Raises ArchiveError if the array cannot come from a file of the stated kind."""
    form = CONTAINERS[array.container]
    if not form.codec().holds(array.dtype, array.shape):
        raise ArchiveError(
            f"its array, {array.shape} of {array.dtype}, cannot come from {form.title}"
        )


def packed(array: Array, output: Writable, shape: Shape) -> AbstractContextManager[Writable]:
    """A writer for the elements of an array, in the format of the original file.

    shape: of the restored elements. Raises ArchiveError.
    """
    check_container(array)
    return CONTAINERS[array.container].write(output, array.dtype, shape)


def unrestorable(pairs: Iterable[tuple[str, str]], entries: Entries | None = None) -> str | None:
    """The reason why some files, folders or links cannot be restored; None if all can.

    It has the name of the first. pairs: the name of each picture, and the name of its restored
    file.
    """
    sources: dict[str, str] = {}
    links = () if entries is None else entries.links
    for name, target in chain(pairs, ((link.name, link.name) for link in links)):
        reason = file_fault(target)
        if reason is not None:
            return f"{printable(name)}: would be restored as {printable(target)}: {reason}"
        if target in sources:
            return (
                f"{printable(name)}: would be restored as {printable(target)}, and so would"
                f" {printable(sources[target])}"
            )
        sources[target] = name
    for folder in () if entries is None else entries.folders:
        if folder.name:
            sources[folder.name + "/"] = folder.name
    # If `/` sorts first, the content of a folder follows a file with the folder's name.
    ordered = sorted(sources, key=lambda target: target.replace("/", "\0"))
    for file, inside in pairwise(ordered):
        if inside.startswith(file + "/"):
            return (
                f"{printable(sources[file])}: would be restored as the file {printable(file)}, and"
                f" {printable(sources[inside])} in a folder of that name"
            )
    return None
