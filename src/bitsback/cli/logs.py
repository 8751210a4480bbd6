"""What of the log of `bitsback` the command shows, on standard error."""

from __future__ import annotations

import logging
import os

import click

from bitsback.errors import InputError

VARIABLE = "BITSBACK_LOG"
_LEVELS = {"": 0, "info": 1, "debug": 2}


def show(verbose: int, context: click.Context) -> None:
    """Until the context ends. verbose: 1 for what is chosen, and why, 2 for everything; where it is
    0, the environment variable says so. Raises InputError for a word in it that is none.
    """
    word = os.environ.get(VARIABLE, "")
    if word not in _LEVELS:
        raise InputError(f"{VARIABLE}={word}: it is info or debug, or not set")
    verbose = verbose or _LEVELS[word]
    if not verbose:
        return
    logger, handler = logging.getLogger("bitsback"), logging.StreamHandler()
    handler.setFormatter(logging.Formatter("bitsback: %(message)s"))
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO if verbose == 1 else logging.DEBUG)

    def end() -> None:
        logger.removeHandler(handler)
        logger.setLevel(before)

    context.call_on_close(end)
