"""The command `bitsback`: `commands` has a file for each subcommand, `main.py` joins them."""

from bitsback.cli.ending import end_interrupted


def main() -> None:
    """Run the command with the arguments of the process, and exit."""
    try:
        from bitsback.cli.main import bitsback
    except KeyboardInterrupt:
        end_interrupted()
    bitsback()
