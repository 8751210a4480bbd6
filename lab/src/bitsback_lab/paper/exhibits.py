"""The exhibits: their list for `bitsback reproduce --help`, without NumPy, and the class of an
exhibit, which measures numbers, describes them, and may draw them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar


@dataclass(frozen=True)
class Entry:
    """An exhibit: its name on the command line, its heading, a line about it, and what the paper
    has in its place, if it is one of the paper's.
    """

    name: str
    title: str
    about: str
    in_paper: str | None = None

    @property
    def module(self) -> str:
        return "bitsback_lab.paper." + self.name.replace("-", "_")


ENTRIES = (
    Entry(
        "table1",
        "Table 1: the ledger of one image",
        "the three steps on one image, bit by bit",
        "the three steps by which a sender encodes a symbol, in formulas.",
    ),
    Entry(
        "table2",
        "Table 2: compression rates",
        "MNIST, bilevel and grey, beside other compressors",
        "the same test sets with a VAE of one layer of latents, and four other compressors; its"
        " numbers are columns of the first table here.",
    ),
    Entry(
        "table3",
        "Table 3: stronger models",
        "the paper's predictions, and the rates of bundled models",
        "a prediction from the negative ELBO of a model that it did not code with; it is a column"
        " here.",
    ),
    Entry(
        "figure1",
        "Figure 1: images and their bits",
        "30 images, and their bits by PNG, bz2 and bitsback",
        "30 binarised images beside the bits of PNG, bz2 and BB-ANS; the last column of the table"
        " has the rates of its Table 2.",
    ),
    Entry(
        "figure3",
        "Figure 3: a long chain",
        "the rate along a chain of 30,000 images",
        "a moving average of 2,000 images over three shuffled copies of the test set, which stays"
        " near the negative ELBO.",
    ),
    Entry(
        "figure4",
        "Figure 4: the discretised latent space",
        "equally likely buckets, and a posterior over them",
        "a sketch of a latent's buckets, which have equal mass under the prior.",
    ),
    Entry(
        "figure5",
        "Figure 5: the algorithm",
        "bits back as code, the library's and on plain integers",
        "encoding and decoding as two short Python functions.",
    ),
    Entry("latent-bits", "Bits of a latent", "the rate by the number of buckets of a latent"),
    Entry("precision", "Finite precision", "the cost of rounded probabilities and finite heads"),
    Entry(
        "start", "Starting a chain", "the cost of the first images, with and without random bits"
    ),
    Entry(
        "dirty-bits", "Dirty bits", "whether the bits of earlier images are as good as random ones"
    ),
    Entry(
        "model-cost",
        "Communicating the model",
        "the number of images from which an embedded model pays",
    ),
    Entry("parallel", "Parallelisation", "speed by threads, lanes and batches on this machine"),
)
NAMES = tuple(entry.name for entry in ENTRIES)


Part = TypeVar("Part")

Numbers = dict[str, Any]
"""Figures that JSON can hold."""

TIMED = "timed"
"""The key for an exhibit's numbers that depend on the machine and the run."""


def _no_progress(done: int, total: int) -> None:
    pass


@dataclass(frozen=True)
class Conditions:
    """The conditions for measuring an exhibit."""

    remeasure: bool = False
    """Measure other compressors again, even where a stored figure is at hand."""
    progress: Callable[[int, int], None] = _no_progress
    """Called with the number of parts done and their total."""

    def each(self, parts: Sequence[Part]) -> Iterator[Part]:
        """Yields the parts in order and reports progress before each."""
        for done, part in enumerate(parts):
            self.progress(done, len(parts))
            yield part


@dataclass(frozen=True)
class Exhibit:
    """measure: the numbers, which depend only on the package and its data, except those under
    `TIMED`. text: a Markdown section for them, without its heading. draw: writes the picture
    NAME.png into a folder, and returns its path.
    """

    measure: Callable[[Conditions], Numbers]
    text: Callable[[Numbers], str]
    draw: Callable[[Numbers, Path], list[Path]] | None = None


def find(name: str) -> tuple[Entry, Exhibit]:
    """The exhibit of that name, which must be one of `names.NAMES`."""
    entry = next(entry for entry in ENTRIES if entry.name == name)
    exhibit = import_module(entry.module).EXHIBIT
    assert isinstance(exhibit, Exhibit)
    return entry, exhibit


def measured_by(command: str) -> str:
    """The line of the page that names the command of a section."""
    return f"Measured by `{command}`."


def table(head: list[str], rows: list[list[str]], left: int = 1) -> str:
    """A Markdown table; the first `left` columns are aligned to the left, the others to the
    right.
    """
    rule = ["---"] * left + ["---:"] * (len(head) - left)
    lines = ([cell.replace("|", "\\|") for cell in cells] for cells in (head, rule, *rows))
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def fixed(value: float | None, digits: int) -> str:
    """A number with `digits` decimals and commas between thousands, or a dash for none."""
    if value is None:
        return "-"
    text = f"{value:,.{digits}f}"
    return text[1:] if text.startswith("-") and not text.strip("-0.,") else text
