"""Exit after an interruption."""

import sys
from typing import NoReturn

INTERRUPTED = 130


def end_interrupted() -> NoReturn:
    """Says so, and exits with 130.

    Where a KeyboardInterrupt came out of code that was a text, as named tuples and dataclasses are
    made from while a module is imported, CPython remembers it, even if it was caught later on, and
    kills its own process by SIGINT at the end; the next text that is run makes it forget.
    """
    exec("")
    if sys.stderr is not None:
        # A terminal has just echoed ^C on the line that we are about to write.
        line = "\n" if sys.stderr.isatty() else ""
        sys.stderr.write(f"{line}bitsback: interrupted\n")
        sys.stderr.flush()
    sys.exit(INTERRUPTED)
