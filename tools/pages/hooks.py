"""Pages of the site beyond those in docs/: the examples, the list of changes, the notes of the lab,
and the sources and licences of the models. The code in pages may import the modules beside this
one.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[2]


def on_config(config: Any) -> None:
    """Lets pages and plugins import the modules beside this one."""
    sys.path.insert(0, str(Path(__file__).parent))


def on_files(files: Files, config: Any) -> Files:
    """Adds the pages that are files, or parts of files, elsewhere in the repository."""
    scripts = [
        f"## {script.name}\n\n```python\n{script.read_text(encoding='utf-8')}```\n"
        for script in sorted((ROOT / "examples").glob("*.py"))
    ]
    pages = {
        "examples.md": "\n".join([(ROOT / "examples" / "README.md").read_text("utf-8"), *scripts]),
        "changelog.md": (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"),
    }
    for name, text in pages.items():
        inside = text.replace("](docs/", "](")
        files.append(File.generated(config, name, content=inside))
    notes = sorted((ROOT / "lab" / "notes").glob("*.md"))
    bundled = ROOT / "src" / "bitsback" / "models" / "bundled"
    for path in [*notes, bundled / "universal-sources.md", bundled / "LICENCE.md"]:
        name = path.relative_to(ROOT).as_posix()
        files.append(File.generated(config, name, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Links out of docs/ go to what `on_files` made of their targets."""
    for target, found in {
        "../../docs/": "../../",
        "../src/": "src/",
        "../lab/": "lab/",
        "../../examples/README.md": "../examples.md",
        "../examples/README.md": "examples.md",
    }.items():
        markdown = markdown.replace(f"]({target}", f"]({found}")
    return markdown
