"""Which kind of model `bitsback train` makes, if it is not told (docs/training.md)."""

import warnings

import numpy as np

from bitsback.archive.asked import Asked
from bitsback.archive.inputs import Source, open_input
from bitsback.compress_options import CompressOptions
from bitsback.downloads import SETS
from bitsback.errors import InputWarning
from bitsback.train.job.image_set import SMALLEST

LARGEST = 32  # rows and columns of images that a sized model is better for
FEWEST = 1_000  # of them


def takes_sized(source: Source) -> bool:
    """Whether these are many small grey or bilevel images of one shape, of which a VAE learns what
    a free model does not see.

    source: whatever `bitsback.compress` takes, or the name of public data. Raises InputError if it
    cannot be read.
    """
    if isinstance(source, str) and source in SETS:
        return True
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InputWarning)
        with open_input(source, Asked(options=CompressOptions(stack=False))) as found:
            shapes = {shape for _, part in found.parts for _, shape in part.runs}
            grey = all(part.dtype in (np.uint8, np.bool_) for _, part in found.parts)
            count = sum(part.items for _, part in found.parts)
    if len(shapes) != 1 or not grey or count < FEWEST:
        return False
    sides = [side for side in shapes.pop() if side != 1]
    return len(sides) == 2 and min(sides) >= SMALLEST and max(sides) <= LARGEST
