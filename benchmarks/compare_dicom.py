"""Folders of DICOM files beside tomoz, xz and JPEG XL, all of a folder and each file alone.

    python benchmarks/compare_dicom.py FOLDER ...

bitsback, tomoz and xz give the very bytes of each file back; the bytes of JPEG XL are those of the
pixels alone, of files that are coded by their pixels. What is restored is compared. tomoz is left
out if it is not installed; JPEG XL needs .[peers].
"""

from __future__ import annotations

import lzma
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from harness import report
from numpy.typing import NDArray
from pictures import arguments, of_peer, peers

import bitsback
from bitsback.files.dicom import samples

Files = dict[str, bytes]


def by_bitsback(files: Files) -> int:
    with TemporaryDirectory() as folder:
        archive, there, here = (Path(folder, name) for name in ("x.bb", "in", "out"))
        for name, data in files.items():
            (there / name).parent.mkdir(parents=True, exist_ok=True)
            (there / name).write_bytes(data)
        bitsback.compress(there, archive, embed="never")
        bitsback.decompress(archive, here)
        for name, data in files.items():
            if (here / name).read_bytes() != data:
                raise SystemExit(f"{name}: was not restored")
        return archive.stat().st_size


def by_tomoz(files: Files) -> int | None:
    try:
        tomoz = import_module("tomoz")
    except ImportError:
        return None
    archive: bytes = tomoz.pack_dicom(list(files.items()))[0]
    if dict(tomoz.unpack_dicom(archive)) != files:
        raise SystemExit("tomoz did not restore all files")
    return len(archive)


def by_xz(files: Files) -> int:
    return len(lzma.compress(b"".join(files.values()), preset=9))


def by_jpeg_xl(pictures: list[NDArray[Any]]) -> int | None:
    found, _ = peers([("JPEG XL e9", "each")], pictures)
    return of_peer(found[0], pictures).bytes if found else None


def of_file(path: Path) -> NDArray[Any] | None:
    """The pixels of a file that is coded by its pixels, with unsigned elements."""
    with path.open("rb") as file, suppress(OSError):
        found = samples(file)
        if found is not None:
            pixels = found.whole()
            if pixels.dtype == "<i2":
                return (pixels.astype("<i4") - int(pixels.min())).astype("<u2")
            return np.ascontiguousarray(pixels)
    return None


def main() -> None:
    options = arguments(__doc__, "folders of DICOM files").parse_args()
    rows = []
    for folder in options.data:
        paths = sorted(path for path in folder.rglob("*") if path.is_file())[: options.first]
        files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
        alone = [{name: data} for name, data in files.items()]
        pictures = [pixels for path in paths if (pixels := of_file(path)) is not None]
        jpeg_xl = [by_jpeg_xl([picture]) for picture in pictures]
        for unit, groups in (("together", [files]), ("each", alone)):
            tomoz = [by_tomoz(group) for group in groups]
            ours = sum(map(by_bitsback, groups))
            theirs = None if None in tomoz else sum(filter(None, tomoz))
            rows.append(
                {
                    "folder": folder.name,
                    "files": len(files),
                    "unit": unit,
                    "bytes": sum(map(len, files.values())),
                    "bitsback": ours,
                    "tomoz": theirs,
                    "xz_-9": sum(map(by_xz, groups)),
                    "JPEG_XL_e9": None if None in jpeg_xl else sum(filter(None, jpeg_xl)),
                    "over_tomoz": None if theirs is None else ours / theirs,
                }
            )
    report("DICOM files", rows, [], options.json)


if __name__ == "__main__":
    main()
