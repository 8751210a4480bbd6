"""The command `bitsback`: one file for each of its commands, `main.py` to tie them together."""


def main() -> None:
    """Run the command with the arguments of the process, and exit."""
    from bitsback.cli.main import bitsback

    bitsback()
