"""Exit after an interruption."""

import sys
from typing import NoReturn

INTERRUPTED = 130


def end_interrupted() -> NoReturn:
    """Reports the interruption and exits with 130.

    If a KeyboardInterrupt left a call of `exec`, which makes named tuples and dataclasses while a
    module is imported, CPython remembers it, even after it was caught, and kills its own process by
    SIGINT at exit; the next `exec` makes it forget.
    """
    exec("")
    if sys.stderr is not None:
        # A terminal has just echoed ^C on the line that we are about to write.
        line = "\n" if sys.stderr.isatty() else ""
        sys.stderr.write(f"{line}bitsback: interrupted\n")
        sys.stderr.flush()
    sys.exit(INTERRUPTED)
