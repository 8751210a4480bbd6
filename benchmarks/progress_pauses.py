"""The longest pauses between two changes of the progress display of a command.

    python benchmarks/progress_pauses.py bitsback compress FOLDER -o /tmp/x.bb --best --force

The command runs on a terminal of its own. Each line is a pause: its seconds, the second at which it
began, and what stood on the terminal then.
"""

from __future__ import annotations

import os
import pty
import re
import sys
import time

_SHOWN = 5


def main() -> None:
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    child, terminal = pty.fork()
    if not child:
        os.execvp(sys.argv[1], sys.argv[1:])
    start = last = time.monotonic()
    shown, pauses = "", []
    while data := _read(terminal):
        now = time.monotonic()
        pauses.append((now - last, last - start, shown))
        last, shown = now, _last_line(data) or shown
    pauses.append((time.monotonic() - last, last - start, shown))
    _, status = os.waitpid(child, 0)
    print(f"{last - start:.1f} s in all, exit status {os.waitstatus_to_exitcode(status)}")
    for pause, at, line in sorted(pauses, reverse=True)[:_SHOWN]:
        print(f"{pause:6.1f} s, from second {at:.1f} on: {line}")


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 1 << 16)
    except OSError:  # the command has ended
        return b""


def _last_line(data: bytes) -> str:
    """The last text on the terminal, without its control sequences."""
    text = re.sub(r"\x1b\[[?0-9]*[A-Za-z]", "", data.decode(errors="replace"))
    lines = re.split(r"[\r\n]+", text)
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


if __name__ == "__main__":
    main()
