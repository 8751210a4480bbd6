"""What both kinds of `bitsback train` share: where images are, and what to say when interrupted."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bitsback.cli.progress import Progress

if TYPE_CHECKING:
    from bitsback.train.export.exporter import Card
    from bitsback.train.job.job import Settings


@dataclass(frozen=True)
class Source:
    """data: a path, or the name of public data, whose files are in `folder`."""

    data: str
    folder: Path | None = None


@dataclass(frozen=True)
class Words:
    """What the user wants the model to say of itself."""

    name: str
    about: str | None
    licence: str | None

    def card(self, source: Source, about: str, item_shape: tuple[int, ...] = ()) -> Card:
        """about: what it says if the user has not said."""
        from bitsback.downloads import SETS
        from bitsback.train.export.exporter import Card

        known = SETS.get(source.data)
        licence = "unspecified" if known is None else known.licence
        return Card(
            self.name,
            self.about or (about if known is None else known.about),
            self.licence or licence,
            item_shape,
        )


@contextmanager
def resumable(settings: Settings) -> Iterator[None]:
    """Says how to go on, where there is something to go on from."""
    from bitsback.train.job.job import PLAN

    try:
        yield
    except KeyboardInterrupt:
        if (settings.folder / PLAN).exists():
            again = shlex.join(word for word in sys.argv[1:] if word != "--resume")
            click.echo(
                f"\nthe checkpoint is in {settings.folder}; go on with:  bitsback {again} --resume",
                err=True,
            )
        raise


def watching(progress: Progress) -> Callable[[int, int, float | None], None]:
    """What training is to call: the bar, whose time left counts from the first call on, as what
    came before was preparation, or training before an interruption.
    """
    begun = False

    def watch(done: int, total: int, rate: float | None) -> None:
        nonlocal begun
        if not begun:
            progress.begin(done)
        begun = True
        progress(done, total, rate_note(rate))

    return watch


def rate_note(rate: float | None) -> str | None:
    """What the progress bar says of the validation rate, in bits per pixel, once there is one."""
    return None if rate is None else f"validation {rate:.4f} bits per pixel"
