"""Several archives in one command: each is tried, whatever becomes of the others."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import click

from bitsback.cli import figures, options
from bitsback.cli.describe import FAILED, TOLD, describe, tell

Work = Callable[[str], tuple[bool, dict[str, Any]]]
"""Whether all is well with the archive of this name, and what JSON has of it."""


def run(names: Sequence[str], work: Work, as_json: bool, err: bool = False) -> None:
    """Does the work for each. An error of one is told, with its name, and the others are tried.
    Exits with 2 if there was any.

    as_json: print what JSON has of it, of several as a list; on standard error if `err`.
    """
    rows: list[dict[str, Any]] = []
    good = True
    for name in names:
        try:
            well, row = work(name)
        except BrokenPipeError:
            raise
        except TOLD as error:
            if len(names) == 1:
                raise
            well, row = False, {"archive": name, "error": describe(error)}
            tell(error, click.get_current_context().meta.get(options.TRACEBACK, False))
        good = good and well
        rows.append(row)
    if as_json:
        figures.show_json(rows if len(rows) > 1 else rows[0], err)
    if not good:
        sys.exit(FAILED)
