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

    # Which models are tried, and which is taken.
    cheapest: bool = False
    """Whether the cheapest of several equivalent models is taken instead of the costliest, and
    autoregressive models are taken only for images of any size."""
    autoregressive_share: float = 1.0
    """Share of other models' bytes below which an autoregressive model is taken. Random access to a
    digit takes 5 ms with one, and 0.3 ms with others."""
    counting_share: float = 0.955
    """Share of other codings' bytes below which a context-mixing model is taken, for more than two
    levels; 0: none is tried. They take 6 to 9 times as long as `universal`. Photographs and slices
    of CT and MR mostly gain 1 to 4 %, drawings, plots and letters 10 to 60 %. The default is a
    little above 1 / 1.05, since samples differ from blocks."""
    repetition: float = 0.6
    """Bytes by deflate, as a share of those by frequencies alone, below which all context-mixing
    models are tried. Plots have 0.15 to 0.37, letters of many fonts 0.50 to 0.54, and photographs
    of Kodak 0.67 to 0.93."""
    noise: float = 0.9
    """Share of the elements' bytes from which on a result shows noise or compressed data, for which
    context mixing is not tried. 0: it is tried only on repetitive data."""

    # How large a trial is.
    sample_elements: int = 1 << 17
    """Elements of a sample, and of the data from which a model learns before it: a twelfth of a
    block. With fast models it is a quarter, and a trial takes a tenth of a photograph's time."""
    whole_samples: int = 3
    """Samples of a block up to which each block is coded by all likely models. A trial of context
    mixing on a sample codes the data before it twice, so it takes as long."""
    array_share: int = 16
    """The elements of an array alone, such as a chunk, for each element of its sample."""
    small_sample: int = 1 << 14
    """The least elements of a sample of an array alone, and of one that shows that a requested
    model codes badly. Also the least elements of a picture of wide numbers that is a block alone,
    and the least bytes of a verbatim file that is tested for noise."""

    # What is tried on whole blocks.
    margin: float = 1.15
    """Share of the model's bytes of a sample below which blocks are also coded by a general
    compressor, or by the second model. A sample does not show how fast each learns. A requested
    model whose share of other codings' bytes is larger causes a warning."""
    rival_blocks: int = 1
    """The number of first blocks of a part that are coded with rivals too, if blocks are large. A
    second one changes no byte of three plots, and takes an eighth of their time."""
    surprise: float = 1.25
    """Share of the estimated bytes above which a block has a plan of its own. Pictures are similar
    if their files' bytes a pixel differ by less."""
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

    # How large tiles and blocks are.
    tile_side: int = 1024
    """The most rows and columns of a tile; four times as many for bool. Smaller pictures are
    decided by the trials of similar ones."""
    block_elements: int = 2048 * 784
    """The approximate number of elements of a block."""
    folder_elements: int = 1 << 18
    """The approximate number of elements of a block of a folder's pictures. It is small so that
    damage costs few files. A bad sector in a series of slices loses 6 files instead of 34, for
    0.2 % of the bytes. In texts it loses half as many files, for 1.6 % (`benchmarks/damage.py`)."""

    @property
    def folder_bytes(self) -> int:
        """The approximate size of a block of files that are stored verbatim."""
        return 4 * self.folder_elements

    @property
    def exhaustive(self) -> bool:
        """Whether all models that code the values are tried, not only those for the fewest levels,
        which fit them best.
        """
        return self.repetition == math.inf

    @property
    def whole_elements(self) -> int:
        """The elements of a block at most that is its own sample."""
        return self.whole_samples * self.sample_elements

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
        return replace(self, coder="deflate", noise=0) if self.name == "auto" else self

    def for_array(self, elements: int) -> Policy:
        """The same for an array alone of so many elements."""
        sample = max(elements // self.array_share, self.small_sample)
        return replace(self, sample_elements=min(sample, self.sample_elements))


DEFAULT = Policy("auto")
FAST = Policy(
    "fast", "deflate", cheapest=True, counting_share=0, sample_elements=1 << 15, rival_blocks=0
)
BEST = Policy(
    "best", jpeg_coder="decisions", counting_share=1, repetition=math.inf, rival_blocks=1 << 62
)

POLICIES = {policy.name: policy for policy in (DEFAULT, FAST, BEST)}
