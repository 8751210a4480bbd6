"""The help texts of the command, at 80 columns.

`python tests/cli/help_texts.py` renews the files in tests/cli/help, which test_help.py compares.
Run it after a change of a help text, and read the difference.
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
    result = CliRunner().invoke(bitsback, arguments, env={"COLUMNS": "80"})
    assert result.exit_code == 0, result.output
    return result.stdout


def read(folder: Path = FOLDER) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    folder.mkdir(exist_ok=True)
    texts = current()
    for path in folder.iterdir():
        if path.name not in texts:
            path.unlink()
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
