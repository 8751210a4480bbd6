"""Counts lines of code: of Python in src/bitsback, and of C++ in src/core.

    python tools/count_lines.py [FOLDER ...]    counts in these folders instead

Blank lines and comments are no code; docstrings are counted with the code and without.
"""

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDERS = ("src/bitsback", "src/core")
NO_CODE = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}
NO_CODE |= {tokenize.ENCODING, tokenize.ENDMARKER}
CPP = re.compile(r'("(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\')|//[^\n]*|/\*.*?\*/', re.DOTALL)


def of_python(source: str) -> tuple[int, int]:
    """The lines of code with docstrings, which may follow a name, and without."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    lines = {n for t in tokens if t.type not in NO_CODE for n in range(t.start[0], t.end[0] + 1)}
    docs = set(docstrings(ast.parse(source)))
    return len(lines), len(lines - docs)


def docstrings(tree: ast.Module) -> Iterator[int]:
    for node in ast.walk(tree):
        value = node.value if isinstance(node, ast.Expr) else None
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            yield from range(value.lineno, (value.end_lineno or value.lineno) + 1)


def of_cpp(source: str) -> tuple[int, int]:
    """The lines of code, twice, since C++ has no docstrings."""
    lines = CPP.sub(lambda match: match[1] or "\n" * match[0].count("\n"), source).splitlines()
    count = sum(bool(line.strip()) for line in lines)
    return count, count


def count(folder: Path) -> tuple[int, int, int]:
    """The files of Python and C++ in a folder, their lines, and their lines without docstrings."""
    files = [path for path in folder.rglob("*") if path.suffix in (".py", ".cpp", ".hpp")]
    texts = [(path.suffix, path.read_text(encoding="utf-8")) for path in files]
    lines = [of_python(text) if suffix == ".py" else of_cpp(text) for suffix, text in texts]
    return len(files), sum(whole for whole, _ in lines), sum(code for _, code in lines)


if __name__ == "__main__":
    for name in sys.argv[1:] or FOLDERS:
        number, whole, code = count(ROOT / name)
        print(f"{name}: {number} files, {whole:,} lines, {code:,} without docstrings")
