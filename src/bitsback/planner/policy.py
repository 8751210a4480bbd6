"""Policies: all numbers by which a planner decides."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

from bitsback.coding.fallback import Coder
from bitsback.coding.streams import JpegCoder

Effort = Literal["auto", "fast", "best"]
"""The names of the policies, as `model` takes them; "auto" is the default one."""


@dataclass(frozen=True)
class Policy:
    """How much a planner tries, and how much better a slower coding has to be.

    A share is a number of bytes divided by the bytes of the alternative. No number depends on the
    size of a job: a large picture and many small ones are planned alike. A number without a
    measurement beside it was chosen by hand.
    """

    name: Effort
    coder: Coder = "lzma"
    """The slowest general compressor to try. LZMA takes longer than deflate, and finds repetitions
    at greater distances."""
    jpeg_coder: JpegCoder = "symbols"
    """The coder of JPEG streams. Decisions take 5 to 6 % fewer bytes, and 10 times as long."""

    # Which models are tried.
    cheapest: bool = False
    """Whether the cheapest of several equivalent models is taken instead of the costliest, and
    autoregressive models are taken only for images of any size."""
    autoregressive_share: float = 1.0
    """Share of other models' bytes below which an autoregressive model is taken. Random access to a
    digit takes 5 ms with one, and 0.3 ms with others."""
    counting_share: float = 0.995
    """Share of other models' bytes below which a context-mixing model is taken, for more than two
    levels; 0: none is tried. They take 6 to 9 times as long as `universal`. Slices of CT and MR
    gain 0.8 to 4 %, photographs 4 % and more."""
    repetition: float = 0.6
    """Bytes by deflate, as a share of those by frequencies alone, below which all context-mixing
    models are tried. `benchmarks/compare_policies.py` has plots at 0.15 to 0.37, letters of many
    fonts at 0.50 to 0.54, and photographs of Kodak at 0.67 to 0.93."""
    little_repetition: float = 0.8
    """The same share, above which context-mixing models are not tried on only `small_sample`
    elements, from which they learn too little."""
    graphic: float = 1.4
    """Bytes by deflate of a sample, as a share of those by the best model, from which on deflate is
    not tried on a whole picture. 0: context-mixing models are tried only on repetitive data."""
    noise: float = 0.9
    """Share of the elements' bytes from which on a result shows noise or compressed data."""

    # How large a trial is.
    sample_elements: int = 1 << 17
    """Elements of a sample, and of the data from which a model learns before it: a twelfth of a
    block. With fast models it is a quarter, and a trial takes a tenth of a photograph's time."""
    sample_tiles: int = 64
    """Tiles of a sample."""
    sample_slices: int = 8
    """Consecutive slices in a sample of a stack, or items in a sample of an array alone."""
    box_elements: int = 1 << 12
    """The least elements of each box in a sample of a large tile. Its sides have at least 64."""
    boxes: int = 3
    """The most boxes along the rows and along the columns. Several are needed, since a picture may
    be empty in its middle."""
    large_sample: int = 1 << 19
    """Elements from which a model learns before samples of two levels, of neighbouring slices, and
    of pictures with short trials."""
    array_share: int = 16
    """The elements of an array alone, such as a chunk, for each element of its sample."""
    small_sample: int = 1 << 14
    """The least elements of a sample of an array alone. Fewer do not show that a requested model
    codes badly."""

    # What is tried on whole blocks.
    margin: float = 1.1
    """Share of the model's bytes of a sample below which a general compressor is tried on blocks;
    it gains up to a tenth if it learns from a whole block. Also the share of other codings' bytes
    above which a warning says that a requested model codes badly."""
    rival_share: float = 1.15
    """Share of the bytes of a context-mixing model below which another model codes a block too: a
    sample does not show how fast each learns. It is also `margin` for such models, and for wide
    numbers."""
    rival_blocks: int = 1
    """The number of first blocks of a part that are coded with rivals too. A second one changes no
    byte of three plots, and takes an eighth of their time (`benchmarks/compare_policies.py`)."""
    surprise: float = 1.25
    """Share of the estimated bytes above which a block has a plan of its own."""
    block_bytes: int = 80
    """The bytes of a block's header and of the start of its message."""
    values_of_list: int = 16
    """Elements for each value of a list, below which digits are tried too."""

    # What an array or a file is.
    picture_side: int = 16
    """The least rows and columns of a picture of wide numbers; smaller arrays are tables."""
    table_ratio: int = 4
    """Rows for each column from which on an array is a table."""
    stack_slices: int = 4
    """Consecutive slices in a trial for a stack, and the number of places where a trial takes them;
    half as many for neighbours. Also the least slices of a tile of a stack of pictures."""
    worthwhile: float = 0.98
    """Share below which a stack, a digit by a model, or pixels instead of a file are worthwhile."""
    stack_learns: tuple[float, float] = (0.95, 0.8)
    """Shares of the bytes of separate slices below which an array is a stack. They apply where a
    block of slices gives more to learn than a sample. The first is for general compressors, and for
    context-mixing models of both slices and stacks. The second is for a context-mixing model of
    slices, if stacks have another model."""
    own_trials: int = 32
    """The number of files for each file that has its own trial."""
    same_outcomes: int = 6
    """Equal outcomes of similar pictures' trials, after which the next one is expected."""
    density_steps: int = 4
    """Pictures are similar if their files' bytes a pixel are in the same of so many steps for each
    factor of two."""

    @property
    def for_random_access(self) -> Policy:
        """The same for arrays that are read at random."""
        if self.name != "auto":
            return self
        return replace(
            self, coder="deflate", counting_share=0, autoregressive_share=2 / 3, rival_blocks=0
        )

    @property
    def first_trial(self) -> Policy:
        """The policy for a first trial of a picture. Context-mixing models are tried only on
        repetitive data.
        """
        return replace(self, coder="deflate", graphic=0) if self.name == "auto" else self

    def for_array(self, elements: int) -> Policy:
        """The same for an array alone of so many elements."""
        sample = max(elements // self.array_share, self.small_sample)
        return replace(self, sample_elements=min(sample, self.sample_elements))


DEFAULT = Policy("auto")
FAST = Policy(
    "fast", "deflate", cheapest=True, counting_share=0, sample_elements=1 << 15, rival_blocks=0
)
BEST = Policy(
    "best",
    jpeg_coder="decisions",
    counting_share=1,
    repetition=math.inf,
    graphic=math.inf,
    rival_blocks=1 << 62,
)

POLICIES = {policy.name: policy for policy in (DEFAULT, FAST, BEST)}
