"""The help texts of the command, at 80 columns.

`python tests/cli/help_texts.py` renews the files in tests/cli/help, which test_help.py compares.
Run it after a change of a help text, and read the difference.
It needs bitsback-train and bitsback-lab, whose commands are among them.
"""

from __future__ import annotations

import sys
from pathlib import Path

from click.testing import CliRunner

from bitsback.cli.added import PARTS
from bitsback.cli.main import COMMANDS, bitsback

FOLDER = Path(__file__).parent / "help"


def current() -> dict[str, str]:
    """The name of each file in tests/cli/help, and its text."""
    texts = {"bitsback.txt": shown("--help")}
    for name in (*COMMANDS, *PARTS):
        texts[f"{name}.txt"] = text = shown(name, "--help")
        if "--help-all" in text:
            texts[f"{name}-all.txt"] = shown(name, "--help-all")
    return texts


def shown(*arguments: str) -> str:
    """The help of a command. Where its part is not installed, its error is shown, with status 2."""
    result = CliRunner().invoke(bitsback, arguments, env={"COLUMNS": "80"})
    if result.exit_code != 0:
        print(result.stderr.strip(), file=sys.stderr)
        raise SystemExit(2)
    return result.stdout


def read(folder: Path = FOLDER) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    texts = current()
    folder.mkdir(exist_ok=True)
    for path in folder.iterdir():
        if path.name not in texts:
            path.unlink()
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
