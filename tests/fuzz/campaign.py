"""A sequence of mutations from one seed, each within bounds of time and memory."""

import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from random import Random
from time import process_time

from . import seeds
from .check import read_archive, read_model
from .forged_metadata import forge_metadata, take_apart
from .mutate import forge, forge_model, mutate

SECONDS = 10.0  # of processor time for one case
KINDS = ("damage", "damage", "forgery", "forgery", "forgery", "metadata", "model", "repaired model")
SLOW = {"frames", "merged", "parity", "tiles", "JPEG behind pixels"}
"""Intact archives for which the specification takes seconds each."""
FIXED_MEMORY = 1 << 27  # bytes, for models and their grids


def most_memory(size: int) -> int:
    """The most memory, in bytes, for reading so few bytes: docs/format.md bounds the elements of a
    block, of at most 8 bytes each.
    """
    return FIXED_MEMORY + 8 * ((1 << 16) + (size << 12))


def peak_memory() -> int:
    """The peak memory of this process in bytes; 0 where the system does not report it."""
    if sys.platform == "win32":
        return 0
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


@dataclass(frozen=True)
class Case:
    number: int
    kind: str
    data: bytes
    sources: tuple[tuple[bytes, ...], ...] | None

    def run(self) -> bool:
        if self.kind in ("model", "repaired model"):
            return read_model(self.data, repaired=self.kind == "repaired model")
        return read_archive(self.data, self.sources)


def cases(seed: int, first: int, count: int) -> Iterator[Case]:
    """The cases `first` to `first + count - 1`: each depends on its number and the seed alone."""
    archives, models = [*seeds.archives(), *seeds.collections()], seeds.models()
    with_metadata = [seed for seed in seeds.collections() if take_apart(seed.data) is not None]
    forgeable = [*(seed.data for seed in archives), *seeds.hostile()]
    for number in range(first, first + count):
        random = Random(f"{seed} {number}")
        kind = random.choice(KINDS)
        if kind in ("model", "repaired model"):
            change = random.choice((mutate, forge_model, forge_model, forge_model))
            yield Case(
                number, kind, change(random, random.choice(models), random.choice(models)), None
            )
            continue
        if kind == "metadata":
            one, other = random.choice(with_metadata), random.choice(with_metadata)
            yield Case(number, kind, forge_metadata(random, one.data, other.data), None)
            continue
        one, other = random.choice(archives), random.choice(archives)
        if kind == "damage":
            sources = (one.items, other.items, one.stored, other.stored)
            yield Case(number, kind, mutate(random, one.data, other.data), sources)
        else:
            data = forge(random, random.choice(forgeable), other.data)
            yield Case(number, kind, data, None)


def run(all_cases: Iterator[Case]) -> Counter[str]:
    """Runs the cases. Returns the number of undamaged ones of each kind. Raises AssertionError,
    with the number of the case, for a failure.
    """
    outcomes: Counter[str] = Counter()
    warm_up()
    peak = peak_memory()
    for case in all_cases:
        start = process_time()
        try:
            whole = case.run()
        except Exception as error:
            raise AssertionError(
                f"case {case.number}, {case.kind}: {type(error).__name__}: {error}"
            ) from error
        assert process_time() - start < SECONDS, f"case {case.number}, {case.kind}, takes too long"
        before, peak = peak, peak_memory()
        assert peak - before < most_memory(len(case.data)), (
            f"case {case.number}, {case.kind}: {peak - before} bytes"
        )
        outcomes[f"{case.kind}, {'whole' if whole else 'refused'}"] += 1
    return outcomes


@cache
def warm_up() -> None:
    """Reads intact archives, so that everything loaded once is loaded."""
    for seed in [*seeds.archives(), *seeds.collections()]:
        assert read_archive(seed.data, [seed.items]), seed.name
        assert seed.name in SLOW or read_archive(seed.data, None), seed.name
    assert all(map(read_model, seeds.models()))
