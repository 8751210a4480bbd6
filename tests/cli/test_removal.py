"""`--rm` removes the input, but only after reading it back from the archive and comparing."""

from __future__ import annotations

import io
import itertools
import os
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

import bitsback
from bitsback.archive.comparing import readback
from bitsback.errors import InputError
from bitsback.files.png import png_parts
from bitsback.files.png.png_metadata import PngDrawing
from bitsback.files.png.png_parts import pack_chunk
from bitsback.io.open_folder import OpenFolder

from .conftest import Run, assert_error_line, assert_one_line_error


def files() -> set[str]:
    return {path.as_posix() for path in Path().rglob("*")}


def test_a_folder_goes_with_its_pictures(run: Run, pictures: Path) -> None:
    result = run("compress", "in", "--rm")
    assert result.exit_code == 0, result.output
    assert "in: removed, 3 files" in result.stderr
    assert not Path("in").exists()
    assert run("decompress", "in.bb", "--rm").exit_code == 0
    assert not Path("in.bb").exists()
    assert sorted(path.name for path in Path("in").rglob("*.png")) == ["1.png", "2.png", "3.png"]


def test_what_did_not_go_in_stays(run: Run, pictures: Path) -> None:
    Path("in/notes.txt").write_text("x")
    Path("in/a/bad.png").write_bytes(b"bad")
    assert run("compress", "in", "--rm", "--pictures-only", "--skip-bad").exit_code == 0
    assert {name for name in files() if name.startswith("in")} == {
        *("in", "in.bb", "in/notes.txt", "in/a", "in/a/bad.png")
    }


def test_a_folder_goes_with_all_its_files(run: Run, pictures: Path) -> None:
    """All files go, except those that every archive leaves out."""
    Path("in/.hidden").write_text("x")
    Path("in/a/bad.png").write_bytes(b"bad")
    Path("in/a/raw.cr2").write_bytes(b"II*\0raw")
    assert run("compress", "in", "--rm").exit_code == 0
    assert not Path("in").exists()
    assert run("decompress", "in.bb").exit_code == 0
    assert Path("in/.hidden").read_text() == "x"
    assert Path("in/a/raw.cr2").read_bytes() == b"II*\0raw"
    Path("in/Thumbs.db").touch()
    assert run("compress", "in", "-f", "--rm").exit_code == 0
    assert [path.name for path in Path("in").rglob("*")] == ["Thumbs.db"]


@pytest.mark.skipif(sys.platform == "win32", reason="needs links and modes")
def test_a_folder_goes_with_its_links_and_empty_folders(run: Run, pictures: Path) -> None:
    Path("in/a/1.png").chmod(0o600)
    Path("in/link").symlink_to("a/1.png")
    Path("in/empty/deep").mkdir(parents=True)
    assert run("compress", "in", "--rm").exit_code == 0
    assert not Path("in").exists()
    assert run("decompress", "in.bb", "--rm").exit_code == 0
    assert Path("in/a/1.png").stat().st_mode & 0o777 == 0o600
    assert Path("in/link").is_symlink() and Path("in/empty/deep").is_dir()
    assert not Path("in.bb").exists()


def make_odd(kind: str) -> None:
    file = Path("in/a/odd")
    if kind == "hard link":
        file.hardlink_to("in/3.png")
    elif kind == "pipe":
        os.mkfifo(file)
    elif kind == "sparse":
        with file.open("wb") as sparse:
            sparse.truncate(1 << 20)
    else:
        file.touch()
        file.chmod(0o4755)


@pytest.mark.skipif(sys.platform == "win32", reason="needs what only POSIX has")
@pytest.mark.parametrize("kind", ["hard link", "pipe", "sparse", "setuid"])
def test_what_would_come_back_as_something_else_stays(run: Run, pictures: Path, kind: str) -> None:
    make_odd(kind)
    before = files()
    result = run("compress", "in", "--rm", "-q")
    assert_error_line(result.stderr, "3.png" if kind == "hard link" else "a/odd")
    assert result.exit_code == 2 and files() == before | {"in.bb"}


@pytest.mark.skipif(sys.platform == "win32", reason="needs links")
def test_links_in_a_list_stay(run: Run, pictures: Path) -> None:
    Path("link").symlink_to("in/3.png")
    result = run("compress", "link", "in/a/1.png", "-o", "x.bb", "--rm", "-q")
    assert_error_line(result.stderr, "link", "is a link in the list of files")
    assert Path("link").is_symlink() and Path("in/a/1.png").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="needs links and modes")
@pytest.mark.parametrize("change", ["mode", "target", "gone", "folder"])
def test_modes_and_links_that_were_changed_are_told(pictures: Path, run: Run, change: str) -> None:
    link = Path("in/link")
    link.symlink_to("a")
    bitsback.compress("in", "in.bb")
    with bitsback.open("in.bb") as archive:
        names = list(archive.names)
        readback.compare(archive.reader, Path("in"), names, times=True)
        if change == "mode":
            Path("in/3.png").chmod(0o601)
        elif change == "folder":
            Path("in/a").chmod(0o701)
        else:
            link.unlink()
            if change == "target":
                link.symlink_to("b")
        with pytest.raises(InputError, match=r"in/(link|3\.png|a) has another (mode|target)"):
            readback.compare(archive.reader, Path("in"), names, times=True)


def test_by_default_all_stays(run: Run, pictures: Path) -> None:
    before = files()
    assert run("compress", "in").exit_code == 0
    assert run("compress", "in", "-o", "again.bb", "--keep").exit_code == 0
    assert files() == before | {"in.bb", "again.bb"}


@pytest.mark.parametrize("name", ["x.npy", "x.npz", "x.idx"])
def test_arrays(run: Run, folder: Path, name: str) -> None:
    images = np.load("digits.npy").astype(np.uint8)
    if name == "x.npy":
        np.save(name, images)
    elif name == "x.npz":
        np.savez_compressed(name, images=images, labels=np.arange(3))
    else:
        header = bytes([0, 0, 8, 3]) + b"".join(n.to_bytes(4, "big") for n in images.shape)
        Path(name).write_bytes(header + images.tobytes())
    assert run("compress", name, "--rm").exit_code == 0
    assert not Path(name).exists()
    assert run("decompress", "x.bb", "--rm").exit_code == 0
    assert Path(name).exists() and not Path("x.bb").exists()


def test_a_list_of_pictures(run: Run, pictures: Path) -> None:
    assert run("compress", "in/a/1.png", "in/3.png", "-o", "two.bb", "--rm").exit_code == 0
    assert [path.name for path in Path("in").rglob("*.png")] == ["2.png"]


def test_pipes_are_refused(run: Run, folder: Path) -> None:
    before = files()
    for arguments in (
        *(["compress", "-"], ["compress", "digits.npy", "-o", "-"]),
        *(["decompress", "-"], ["decompress", "digits.bb", "-o", "-"]),
    ):
        assert_one_line_error(run(*arguments, "--rm"), "--rm", "pipes")
    assert files() == before


def test_nothing_goes_if_something_may_not_come_back(run: Run, pictures: Path) -> None:
    Path("in/a:b.txt").write_text("which Windows cannot restore")
    before = files()
    result = run("compress", "in", "--rm")
    assert result.exit_code == 2 and "a:b.txt" in result.stderr and "kept" in result.stderr
    assert before <= files()


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate", "jpeg"])
def test_a_tiff_file_goes_with_all_that_it_tells(run: Run, folder: Path, compression: str) -> None:
    page = Image.fromarray(np.arange(2400).reshape(40, 60).astype(np.uint8))
    options = {"description": "which is kept", "dpi": (300, 200), "compression": compression}
    page.save("pages.tif", save_all=True, append_images=[page.transpose(1)], **options)
    before = Path("pages.tif").read_bytes()
    assert run("compress", "pages.tif", "--rm").exit_code == 0
    assert not Path("pages.tif").exists()
    assert run("decompress", "pages.tif.bb", "--rm").exit_code == 0
    assert not Path("pages.tif.bb").exists()
    with Image.open("pages.tif") as after, Image.open(io.BytesIO(before)) as whole:
        assert after.tag_v2[270] == whole.tag_v2[270] and after.n_frames == 2
        for number in range(2):
            after.seek(number)
            whole.seek(number)
            assert np.array_equal(after, whole)


def test_a_page_that_was_changed_is_told(folder: Path) -> None:
    for pixel, text in ((1, "one"), (0, "two")):
        save(Path("x.tif"))
        bitsback.compress("x.tif", "x.bb", force=True)
        save(Path("x.tif"), text, pixel)
        with (
            bitsback.open("x.bb") as archive,
            pytest.raises(InputError, match=r"x\.tif \(content\) differs from"),
        ):
            readback.compare(archive.reader, Path(), archive.names)


@pytest.mark.parametrize("fault", ["pixel", "chunk"])
def test_the_file_that_would_be_restored_is_what_is_compared(
    pictures: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    """The restored file is compared, so an error of the writer is found."""
    save(Path("in/a/2.png"))
    bitsback.compress("in", "in.bb", files="pixels")
    if fault == "pixel":
        add = PngDrawing.add
        monkeypatch.setattr(PngDrawing, "add", lambda self, rows: add(self, rows ^ (rows == 90)))
    else:
        monkeypatch.setattr(png_parts, "pack_chunk", without_texts)
    with (
        bitsback.open("in.bb") as archive,
        pytest.raises(InputError, match=r"2\.png .* differs"),
    ):
        readback.compare(archive.reader, Path("in"), archive.names)


def without_texts(chunk: tuple[bytes, bytes]) -> bytes:
    return b"" if chunk[0] == b"tEXt" else pack_chunk(chunk)


def test_nothing_goes_if_the_compression_fails(run: Run, pictures: Path) -> None:
    Path("in/bad.png").write_bytes(b"bad")
    before = files()
    assert_one_line_error(run("compress", "in", "--rm", "--pictures-only"), "bad.png")
    assert_one_line_error(run("compress", "digits.npy", "--rm"), "digits.bb", "--force")
    assert_one_line_error(run("decompress", "digits.bb", "--rm"), "digits.npy", "--force")
    assert files() == before


def test_nothing_goes_to_a_device(run: Run, folder: Path) -> None:
    assert run("compress", "digits.npy", "--rm", "-o", os.devnull).exit_code == 2
    assert run("decompress", "digits.bb", "--rm", "-o", os.devnull).exit_code == 2
    assert {"digits.npy", "digits.bb"} <= files()


def save(path: Path, text: str = "one", pixel: int = 0, rows: int = 90) -> None:
    """Saves a picture of these rows, with a text where the format can hold one."""
    pixels = np.add.outer(np.arange(rows), np.arange(80)).astype(np.uint8)
    pixels[3, 4] += pixel
    options: dict[str, Any] = {}
    if path.suffix == ".png":
        options["pnginfo"] = PngInfo()
        options["pnginfo"].add_text("Title", text)
    elif path.suffix == ".tif":
        options |= {"description": text, "compression": "tiff_lzw"}
    Image.fromarray(pixels).save(path, **options)


CHANGES: dict[str, Callable[[Path], object]] = {
    "pixel": lambda path: save(path, pixel=64),
    "rows": lambda path: save(path, rows=89),
    "longer": lambda path: path.write_bytes(path.read_bytes() + b"\0"),
    "empty": lambda path: path.write_bytes(b""),
    "gone": Path.unlink,
}
"""Changes to a file after it was compressed."""


def check_told(path: Path, change: Callable[[Path], object], later: int = 0) -> None:
    bitsback.compress("in", "in.bb")
    time = path.stat().st_mtime_ns + later
    change(path)
    if path.exists():
        os.utime(path, ns=(0, time))
    with bitsback.open("in.bb") as archive, pytest.raises(InputError, match=re.escape(path.name)):
        readback.compare(archive.reader, Path("in"), archive.names, times=True)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        *itertools.product(["a/2.png", "5.bmp", "6.jpg"], CHANGES),
        # no tag points to the added bytes
        *itertools.product(["4.tif"], sorted(CHANGES.keys() - {"longer"})),
    ],
)
def test_what_was_changed_is_told(pictures: Path, name: str, change: str) -> None:
    save(Path("in") / name)
    check_told(Path("in") / name, CHANGES[change])


@pytest.mark.parametrize("name", ["a/2.png", "4.tif"])
def test_metadata_that_were_changed_are_told(pictures: Path, name: str) -> None:
    save(Path("in") / name)
    check_told(Path("in") / name, lambda path: save(path, text="two"))


def test_a_time_that_was_changed_is_told(pictures: Path) -> None:
    check_told(Path("in/a/2.png"), lambda path: None, later=10**9)


def test_a_picture_that_is_compressed_in_another_way_is_the_same(pictures: Path) -> None:
    """Different bytes with the same pixels pass, unless byte-exact restoration was asked for."""
    path = Path("in/a/2.png")
    save(path)
    bitsback.compress("in", "pixels.bb", files="pixels")
    bitsback.compress("in", "exact.bb")
    with Image.open(path) as image:
        about = PngInfo()
        about.add_text("Title", "one")
        image.save(path, compress_level=1, pnginfo=about)
    with bitsback.open("pixels.bb") as archive:
        readback.compare(archive.reader, Path("in"), archive.names)
    with (
        bitsback.open("exact.bb") as archive,
        pytest.raises(InputError, match=r"2\.png .* differs"),
    ):
        readback.compare(archive.reader, Path("in"), archive.names)


def test_an_array_that_was_changed_is_told(folder: Path) -> None:
    digits = np.load("digits.npy")
    others = [digits[:-1], digits.astype(np.uint8), digits.copy()]
    others[-1][-1, -1, -1] ^= True
    with bitsback.open("digits.bb") as archive:
        readback.compare(archive.reader, Path("digits.npy"))
        for other in others:
            np.save("other.npy", other)
            with pytest.raises(InputError, match="differ"):
                readback.compare(archive.reader, Path("other.npy"))


MEANWHILE: dict[str, Callable[[Path], object]] = {
    "other bytes": lambda file: file.write_bytes(b"changed" + file.read_bytes()[7:]),
    "more bytes": lambda file: file.write_bytes(file.read_bytes() + b"more"),
    "another mode": lambda file: file.chmod(0o600),
    "a link": lambda file: file.symlink_to(file.rename(file.with_name("moved")).resolve()),
    "its folder becomes a link": lambda file: file.parent.symlink_to(
        file.parent.rename("moved").resolve(), target_is_directory=True
    ),
}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no modes")
@pytest.mark.parametrize("change", MEANWHILE)
def test_a_file_that_changes_is_never_removed(
    run: Run, pictures: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    """It changes before each look at a file, from the comparison to the end of the removal."""
    names, file = ["3.png", "a/1.png", "a/2.png"], Path("in/a/1.png")
    data = {name: Path("in", name).read_bytes() for name in names}
    real, results = OpenFolder.status, list[int]()
    for last in range(1, 3 * len(names) + 2):
        shutil.rmtree("in", ignore_errors=True)
        shutil.rmtree("moved", ignore_errors=True)
        Path("in/a").mkdir(parents=True)
        for name in names:
            Path("in", name).write_bytes(data[name])
        step, changed = 0, list[bytes]()

        def status(
            folder: OpenFolder, name: str, last: int = last, changed: list[bytes] = changed
        ) -> Any:
            nonlocal step
            step += name in names
            if step == last and name in names and file.exists():
                MEANWHILE[change](file)
                changed.append(file.read_bytes())
            return real(folder, name)

        with monkeypatch.context() as patched:
            patched.setattr(OpenFolder, "status", status)
            result = run("compress", "in", "--rm", "--force")
        if changed:
            assert_error_line(result.stderr.splitlines(keepends=True)[-1], ".png")
            assert file.read_bytes() == changed[0]
        results.append(result.exit_code)
    assert results == [2] * 8 + [0] * 2, "the file has been removed before the third one"
