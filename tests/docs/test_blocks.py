"""Every code block in the README and docs/ runs as it stands."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from PIL import Image

import bitsback
from bitsback_lab.digits import mnist_test_images
from docs.blocks import PAGES, READ, ROOT, RUN, blocks, run

BUNDLED = Path(bitsback.__file__).parent / "models" / "bundled"


def prepare(folder: Path) -> None:
    """Makes the files that pages assume: digits with labels as arrays and as pictures, scans, a
    model of each, and archives.
    """
    digits, labels = mnist_test_images()[:120], np.arange(120) % 10
    np.save(folder / "digits.npy", digits)
    np.save(folder / "labels.npy", labels)
    np.savez(folder / "digits.npz", x=digits, y=labels)
    Image.fromarray(digits[0]).save(folder / "digit.png")
    for number, (digit, label) in enumerate(zip(digits[:20], labels, strict=False)):
        path = folder / "digits" / str(label) / f"{number:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(digit).save(path)

    rows, columns = np.mgrid[:64, :96]
    for number, name in enumerate(("a/b.png", "a/c.png", "b/d.tif")):
        path = folder / "scans" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(number).normal(0, 3, (64, 96, 3))
        slope = np.stack([rows + columns, 2 * rows, columns * 2], axis=-1)
        Image.fromarray(np.clip(slope + noise, 0, 255).astype(np.uint8)).save(path)
    (folder / "scans" / "notes.txt").write_text("Kept, as every file is.\n")
    volume = (1000 + rows * 5 + np.arange(8)[:, None, None] * 9).astype(np.uint16)
    np.save(folder / "volume.npy", volume)
    zarr.create_array(str(folder / "scans.zarr"), data=volume, chunks=(4, 64, 96))

    shutil.copy(BUNDLED / "mnist.safetensors", folder / "digits.safetensors")
    shutil.copy(BUNDLED / "universal.safetensors", folder / "scans.safetensors")
    for name, part in (("monday", digits[:50]), ("tuesday", digits[50:])):
        bitsback.compress(part, folder / f"{name}.bb", model="fast")


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("given")
    prepare(folder)
    return folder


@pytest.fixture
def bucket(s3_server: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Serves `s3://bucket` on this machine, for this process and its children."""
    import fsspec

    for name, value in (
        ("AWS_ENDPOINT_URL", s3_server["endpoint_url"]),
        ("AWS_ACCESS_KEY_ID", s3_server["key"]),
        ("AWS_SECRET_ACCESS_KEY", s3_server["secret"]),
    ):
        monkeypatch.setenv(name, value)
    files = fsspec.filesystem("s3", skip_instance_cache=True)
    if files.exists("bucket"):  # of other tests
        files.rm("bucket", recursive=True)
    files.mkdir("bucket")
    yield
    files.rm("bucket", recursive=True)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_says_runs(
    page: Path,
    given: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    found = [block for block in blocks(page.read_text("utf-8")) if block.language not in READ]
    for block in found:
        where = f"{page.name}, line {block.line}"
        assert block.language in RUN, f"{where}: nobody runs {block.language!r}"
        assert not block.indent, f"{where}: a block in a list is not run"
    folder = tmp_path / "here"
    shutil.copytree(given, folder)
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(ROOT / "tools" / "pages")
    if any("s3://bucket" in block.code for block in found if not block.reason):
        request.getfixturevalue("bucket")
    names: dict[str, Any] = {"__name__": "__main__"}
    for block in found:
        run(block, page, names)


NOTES = sorted((ROOT / "lab" / "notes").glob("*.md"))


@pytest.mark.parametrize("page", [*PAGES, *NOTES], ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_links_to_exists(page: Path) -> None:
    text = re.sub(r"^ *```.*?^ *```$", "", page.read_text("utf-8"), flags=re.M | re.S)
    for target in re.findall(r"(?:\]\(|^\[[^]]+\]: )([^)\s#]+)", text, re.MULTILINE):
        assert re.match(r"https?:", target) or (page.parent / target).exists(), target


def test_commands_are_in_blocks() -> None:
    """Indented commands would not be run."""
    for page in PAGES:
        assert not re.findall(r"^    bitsback .*", page.read_text("utf-8"), re.MULTILINE), page
