"""What can be reproduced. No NumPy here: `bitsback reproduce --help` lists it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """An exhibit: its name on the command line, its heading, and a line about it."""

    name: str
    title: str
    about: str

    @property
    def module(self) -> str:
        return "bitsback_lab.paper." + self.name.replace("-", "_")


ENTRIES = (
    Entry("table1", "Table 1: the ledger of one image", "the three steps on one image, bit by bit"),
    Entry(
        "table2", "Table 2: compression rates", "MNIST, bilevel and grey, beside other compressors"
    ),
    Entry(
        "table3",
        "Table 3: stronger models",
        "what the paper predicted, and what models that ship reach",
    ),
    Entry(
        "figure1",
        "Figure 1: images and their bits",
        "30 images beside what PNG, bz2 and bitsback make of them",
    ),
    Entry("figure3", "Figure 3: a long chain", "the rate along a chain of 30,000 images"),
    Entry(
        "figure4",
        "Figure 4: the discretised latent space",
        "equally likely buckets, and a posterior over them",
    ),
    Entry(
        "figure5",
        "Figure 5: the algorithm",
        "bits back as code, the library's and on plain integers",
    ),
    Entry("latent-bits", "Bits of a latent", "the rate by the number of buckets of a latent"),
    Entry("precision", "Finite precision", "what rounded probabilities and finite heads cost"),
    Entry("start", "Starting a chain", "what the first images cost, with and without random bits"),
    Entry(
        "dirty-bits", "Dirty bits", "whether the bits of earlier images are as good as random ones"
    ),
    Entry(
        "model-cost",
        "Communicating the model",
        "from how many images on a model inside an archive pays",
    ),
    Entry(
        "parallel", "Parallelisation", "speed by threads, lanes and batches, measured here and now"
    ),
)
NAMES = tuple(entry.name for entry in ENTRIES)
