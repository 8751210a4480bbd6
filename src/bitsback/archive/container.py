"""The file that an array came from, written again."""

from collections.abc import Iterator
from contextlib import contextmanager

from bitsback.archive.collection import ARRAY, IDX
from bitsback.archive.layout import Shape
from bitsback.archive.output import Output
from bitsback.archive.parts import Array
from bitsback.archive.targets import check_container
from bitsback.images.file_io import Writable
from bitsback.images.npy import write_header


@contextmanager
def packed(array: Array, output: Output, shape: Shape | None = None) -> Iterator[Writable]:
    """What to write the elements of an array to: a file of the format that it came in. shape: if it
    has another one.
    """
    shape = array.shape if shape is None else shape
    if array.container == ARRAY:
        write_header(output.write, array.dtype, shape)
        yield output
        return
    from bitsback.images.idx import Zipper, idx_header

    check_container(array)
    header = idx_header(array.dtype, shape)
    assert header is not None, "it was checked"
    if array.container == IDX:
        output.write(header)
        yield output
        return
    with Zipper(output) as zipper:
        zipper.write(header)
        yield zipper
