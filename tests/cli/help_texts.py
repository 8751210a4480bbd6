"""The help texts of the command, at 80 columns.

`python tests/cli/help_texts.py` renews the files in tests/cli/help, which test_help.py compares.
Run it after a change of a help text, and read the difference.
"""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from bitsback.cli import lab
from bitsback.cli.main import COMMANDS, bitsback

FOLDER = Path(__file__).parent / "help"


def current() -> dict[str, str]:
    """The name of each file in tests/cli/help, and its text."""
    texts = {"bitsback.txt": shown("--help")}
    for name in (*COMMANDS, *lab.COMMANDS):
        texts[f"{name}.txt"] = text = shown(name, "--help")
        if "--help-all" in text:
            texts[f"{name}-all.txt"] = shown(name, "--help-all")
    return texts


def shown(*arguments: str) -> str:
    result = CliRunner().invoke(bitsback, arguments, env={"COLUMNS": "80"})
    assert result.exit_code == 0, result.output
    return result.stdout


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    texts = current()
    for path in FOLDER.iterdir():
        if path.name not in texts:
            path.unlink()
    for name, text in texts.items():
        (FOLDER / name).write_text(text, encoding="utf-8", newline="\n")
