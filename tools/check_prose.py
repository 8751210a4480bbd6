"""Checks the prose of Markdown files and docstrings: sentences of at most 30 words, and none of the
phrases in PHRASES.

    python tools/check_prose.py PATH ...    prints the faults; exits with 1 if there are any

A folder stands for its Markdown and Python files, `!PATH` leaves a file or a folder out. Code,
tables, headings and the targets of links are not checked. A piece of inline code is one word.
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

LONGEST = 30

# A regular expression of each phrase, and what to write instead.
PHRASES = {
    r"(?:models?|contexts?|predictors?) that counts?": "context mixing, adaptive contexts",
    r"what is (?:asked|given|held|meant|said|taken|told)": "the noun",
    # "each of which", "the last of which" are common English; "an archive of which" is not.
    r"(?!(?:all|any|both|each|few|first|front|half|last|latter|many|most|none|one|some|two)\b)"
    r"\w+,? of which": "whose, or a sentence of its own",
    r"told|tells? of": "reports, names, distinguished",
    r"seen": "shown, visible, known, trained on",
    r"asked(?: for)?": "requested",
    r"(?:the|its) claims|claims of": "declared sizes",
    r"but for": "except",
    r"no more of": "only",
    r"occurs? again": "repeats",
    r"such (?:a |an )?one": "the noun",
    r"very bytes": "bytes, byte for byte",
    r"the name of what": "the noun",
}
_PHRASES = {re.compile(rf"\b(?:{phrase})\b", re.I): better for phrase, better in PHRASES.items()}

_FENCED = re.compile(r"^ *(```|~~~).*?^ *\1 *$|<!--.*?-->", re.M | re.S)
# Other code begins a paragraph: indented, a session of Python, text that Click must not wrap.
_CODE = re.compile(r"    |>>>|\x08|::: |!!! ")
_NOT_PROSE = re.compile(r"^ *(?:#|\||\[[^]]+\]:|</?\w).*", re.M)
# A sentence ends with its line, or before a capital, a parameter of a docstring (`name: its
# meaning`), or a list item.
_NEXT = r"""[A-Z0-9"'(*`$[]|bitsback\b|[a-z_]\w*(?:, \w+)*: """
_END = re.compile(rf"""(?<=[.?!])[)"'*]*(?:\n|\s+(?={_NEXT}))|\n\s*(?=(?:[-*+>]|\d+\.) )""")
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def sentences(text: str) -> Iterator[tuple[int, str]]:
    """Each sentence of Markdown, with the number of the line where it begins, from 1."""
    text = _FENCED.sub(lambda found: "\n" * found[0].count("\n"), text)
    text = _NOT_PROSE.sub("", text)
    for paragraph in re.finditer(r"(?:.*\S.*\n?)+", text):
        start = paragraph.start()
        ends = [found.end() for found in _END.finditer(text, start, paragraph.end())]
        for end in [*ends, paragraph.end()] if not _CODE.match(paragraph[0]) else ():
            yield text.count("\n", 0, start) + 1, text[start:end]
            start = end


def docstrings(source: str) -> Iterator[tuple[int, str]]:
    """Each docstring of a module, class, function or attribute, with the line where it begins."""
    for node in ast.walk(ast.parse(source)):
        for statement in node.body if isinstance(node, _DOCUMENTED) else ():
            value = statement.value if isinstance(statement, ast.Expr) else None
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                yield (
                    value.lineno,
                    re.sub(rf"^ {{{value.col_offset}}}", "", value.value, flags=re.M),
                )


def faults(sentence: str) -> Iterator[str]:
    plain = re.sub(r"\]\([^)]*\)", "]", re.sub(r"(`+).+?\1", "code", sentence))
    words = [word for word in plain.split() if re.search(r"\w", word)]
    if len(words) > LONGEST:
        yield f"{len(words)} words: {' '.join(words[:8])} ..."
    for phrase, better in _PHRASES.items():
        for found in phrase.finditer(plain):
            yield f"{found[0]!r}; better: {better}"


def check(path: Path) -> Iterator[tuple[int, str]]:
    """Each fault of a file, with its line."""
    text = path.read_text("utf-8")
    parts = docstrings(text) if path.suffix == ".py" else [(1, text)]
    for first, part in parts:
        for line, sentence in sentences(part):
            yield from ((first + line - 1, fault) for fault in faults(sentence))


def files(paths: list[str]) -> list[Path]:
    left_out = [Path(path[1:]) for path in paths if path.startswith("!")]
    found: set[Path] = set()
    for path in (Path(path) for path in paths if not path.startswith("!")):
        found |= {path} if path.is_file() else {*path.rglob("*.md"), *path.rglob("*.py")}
    return sorted(path for path in found if not {path, *path.parents} & {*left_out})


def main(paths: list[str]) -> int:
    """The number of faults, all of which are printed."""
    lines = [f"{path}:{line}: {fault}" for path in files(paths) for line, fault in check(path)]
    print("\n".join(lines), end="\n" * bool(lines))
    return len(lines)


if __name__ == "__main__":
    sys.exit(bool(main(sys.argv[1:])))
