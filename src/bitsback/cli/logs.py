"""Show the log of the package on standard error (`-v`, BITSBACK_LOG)."""

from __future__ import annotations

import logging
import os

import click

from bitsback.errors import InputError

VARIABLE = "BITSBACK_LOG"
_VERBOSE = "bitsback.verbose"
"""The key in click's context for the number of options -v before and after the command."""
_LEVELS = {"": 0, "info": 1, "debug": 2}


def with_option(command: click.Command) -> click.Command:
    """The command with its own option -v, so that -v may follow the command, too."""
    if not any(parameter.name == "verbose" for parameter in command.params):
        command.params.append(
            click.Option(
                ["-v", "--verbose"],
                count=True,
                expose_value=False,
                callback=lambda context, _, count: show(count, context) if count else None,
                help="Report the chosen models and the reasons; -vv reports more.",
            )
        )
    return command


def show(verbose: int, context: click.Context) -> None:
    """Shows the log until the context ends. verbose: 1 for choices and their reasons, 2 for
    everything; values before and after the command are added. If all are 0, the environment
    variable decides. Raises InputError for an unknown word in it.
    """
    word = os.environ.get(VARIABLE, "")
    if word not in _LEVELS:
        raise InputError(f"{VARIABLE}={word}: it is info or debug, or not set")
    before = context.meta.get(_VERBOSE, 0)
    verbose = verbose + before or _LEVELS[word]
    if not verbose:
        return
    context.meta[_VERBOSE] = verbose
    logger, handler = logging.getLogger("bitsback"), logging.StreamHandler()
    if before:
        logger.setLevel(logging.DEBUG)
        return
    handler.setFormatter(logging.Formatter("bitsback: %(message)s"))
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO if verbose == 1 else logging.DEBUG)

    def restore() -> None:
        logger.removeHandler(handler)
        logger.setLevel(level)

    context.call_on_close(restore)
