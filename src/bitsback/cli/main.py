"""The command group: load commands lazily, and turn errors into one line and an exit code."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import click

from bitsback import __version__
from bitsback.cli import added, logs
from bitsback.cli.ending import end_interrupted
from bitsback.cli.failures import FAILED, REPORTED, report
from bitsback.cli.progress import Progress

COMMANDS = (
    "compress",
    "decompress",
    "extract",
    "list",
    "add",
    "remove",
    "merge",
    "embed",
    "info",
    "verify",
    "diff",
    "repair",
    "view",
    "mount",
    "models",
    "completion",
    "help",
)

_SYNONYMS = {
    "ls": "list",
    "show": "info",
    "test": "verify",
    "check": "verify",
    "compare": "diff",
    "unpack": "decompress",
}
"""The names of commands in other programs, and ours."""


class Interrupted(Exception):
    """Ctrl-C, under a name that click does not handle itself (it would print an empty line and exit
    with 1).
    """


class LazyGroup(click.Group):
    """Imports the file of a command only when the command is called, so that `bitsback --help`
    starts at once.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*COMMANDS, *added.names()]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return added.load(cmd_name)
        command = import_module(f"bitsback.cli.commands.{cmd_name}").command
        assert isinstance(command, click.Command)
        return logs.with_option(command)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the first argument names. Raises UsageError, with a suggestion."""
        name = args[0]
        if ctx.resilient_parsing or name.startswith("-") or self.get_command(ctx, name) is not None:
            return super().resolve_command(ctx, args)
        raise click.UsageError(f"no such command {name!r}{self._suggestion(ctx, name)}", ctx)

    def _suggestion(self, ctx: click.Context, name: str) -> str:
        from difflib import get_close_matches
        from pathlib import Path

        if Path(name).exists():  # a file instead of a command
            command = "decompress" if name.endswith(".bb") else "compress"
            return f" (did you mean '{ctx.command_path} {command} {name}'?)"
        near = get_close_matches(_SYNONYMS.get(name, name), self.list_commands(ctx), 1)
        return f" (did you mean '{near[0]}'?)" if near else ""

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        try:
            return super().make_context(info_name, args, parent, **extra)
        except KeyboardInterrupt:
            raise Interrupted from None

    def invoke(self, ctx: click.Context) -> Any:
        try:
            with _stop_once():
                return super().invoke(ctx)
        except KeyboardInterrupt:
            raise Interrupted from None

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Runs, and exits with 0 after success, 2 after an error, 130 after an interruption."""
        args = list(sys.argv[1:] if args is None else args) or ["--help"]
        _hold_standard_streams()
        try:
            code = super().main(args, prog_name or "bitsback", complete_var, False, **extra)
            sys.exit(code if isinstance(code, int) else 0)
        except Interrupted:
            end_interrupted()
        except REPORTED as error:
            report(error, "--traceback" in args)
            sys.exit(FAILED)


@contextmanager
def _stop_once() -> Iterator[None]:
    """Treats SIGTERM and SIGHUP as Ctrl-C, so that temporary files are removed. Later signals do
    nothing, since they must not cut the removal short.
    """
    import atexit
    import signal
    import threading

    from bitsback.io.interrupts import SIGNALS

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # Signals that are ignored stay ignored, such as SIGHUP under nohup.
    before = {
        number: handler
        for number in SIGNALS
        if (handler := signal.getsignal(number)) not in (None, signal.SIG_IGN)
    }
    stopped = False

    def stop(number: int, frame: object) -> None:
        nonlocal stopped
        if not stopped:
            stopped = Progress.stopping = True
            raise KeyboardInterrupt

    for number in before:
        signal.signal(number, stop)
    try:
        yield
    finally:
        Progress.stopping = False
        if stopped:
            # The handlers stay until the very end, where Python would replace them: it prints an
            # error for a signal that arrives while its handler is replaced.
            for number in before:
                atexit.register(signal.signal, number, signal.SIG_IGN)
        else:
            for number, handler in before.items():
                signal.signal(number, handler)


def _hold_standard_streams() -> None:
    """Opens the null device in place of standard streams that are closed, so that no file which is
    opened later takes their place. To Python they stay closed.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # no character may make printing fail
            stream.reconfigure(errors="backslashreplace")


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-V", "--version", message="bitsback %(version)s")
@click.option(
    "-v",
    "--verbose",
    count=True,
    help="Report the chosen models and the reasons; -vv reports more. The variable"
    " BITSBACK_LOG=info, or =debug, does the same.",
)
@click.pass_context
def bitsback(context: click.Context, verbose: int) -> None:
    """Compress collections of images, and other arrays, without loss.

    \b
      bitsback compress scans            makes scans.bb of the folder scans
      bitsback decompress scans.bb       restores the folder scans
      bitsback compress digits.npy       makes digits.bb
      bitsback decompress digits.bb      restores digits.npy
      bitsback list scans.bb             lists the names in it
      bitsback extract scans.bb a/b.png 'c/*.png'
      bitsback extract digits.bb 3 10:20 -o some.npy
      bitsback view scans.bb             shows the pictures in the browser

    'bitsback COMMAND --help' describes a command. The file name - stands for standard input or
    output, and X.bb for an archive.
    """
    logs.show(verbose, context)
