"""Exit after an interruption."""

import sys
from typing import NoReturn

INTERRUPTED = 130


def end_interrupted() -> NoReturn:
    """Reports the interruption and exits with 130.

    CPython remembers a KeyboardInterrupt that left a call of `exec`, even after it was caught. It
    then kills its own process by SIGINT at exit. Named tuples and dataclasses call `exec` while a
    module is imported. Another `exec` clears that memory.
    """
    exec("")
    if sys.stderr is not None:
        # A terminal has just echoed ^C on the line that we are about to write.
        line = "\n" if sys.stderr.isatty() else ""
        sys.stderr.write(f"{line}bitsback: interrupted\n")
        sys.stderr.flush()
    sys.exit(INTERRUPTED)
