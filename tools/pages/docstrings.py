"""From the docstrings of bitsback, which are plain text for `help`, to Markdown."""

from __future__ import annotations

import re
from typing import Any

import griffe

_EXAMPLE = re.compile(r"^[ ]*>>>.*?(?=\n[ ]*\n|\Z)", re.MULTILINE | re.DOTALL)
_PAGE = re.compile(r"(?<![`/\w])docs/([\w-]+)\.md")
_NAME = re.compile(r"(?:^|(?<=[.;] ))(\w+):(?=\s)", re.MULTILINE)
_AFTER = re.compile(r"(?:^|(?<=\. ))(?=(?:Raises|Source:|Pops|Returns) ?\b)", re.MULTILINE)


def in_markdown(text: str, parameters: set[str]) -> str:
    """Examples become blocks of code, what is told of each parameter an item of a list, and pages
    of docs/ links from a page in docs/api/.
    """

    def item(found: re.Match[str]) -> str:
        return f"\n\n- `{found[1]}`:" if found[1] in parameters else found[0]

    told, end = [], 0
    for example in [*_EXAMPLE.finditer(text), None]:
        prose = text[end : example.start() if example else len(text)]
        prose = re.sub(r"^[ ]+", "", prose, flags=re.MULTILINE)
        prose = _PAGE.sub(r"[docs/\1.md](../\1.md)", _NAME.sub(item, prose))
        told.append(_AFTER.sub("\n\n", prose) if "\n\n- " in prose else prose)
        if example:
            told.append(f"```pycon\n{example[0]}\n```\n")
            end = example.end()
    return "".join(told)


class Docstrings(griffe.Extension):
    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        if obj.docstring is None:
            return
        names = {*obj.members}
        if isinstance(obj, griffe.Function | griffe.Class):
            names |= {parameter.name for parameter in obj.parameters}
        obj.docstring.value = in_markdown(obj.docstring.value, names)
