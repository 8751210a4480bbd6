"""A folder of files of all kinds: its bytes on disk, beside those of one archive; the same for its
JPEG files alone.

    python benchmarks/compare_mixed.py FOLDER

All files are included; restored files and their times are compared: pixels and everything that
Pillow reads of a picture, or every byte.
"""

from __future__ import annotations

import io
import lzma
import shutil
import tarfile
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from harness import report
from pictures import arguments, command
from PIL import Image

from bitsback.images.names import ending_of

_JPEG = (".jpg", ".jpeg", ".jpe", ".jfif")


def main() -> None:
    options = arguments(__doc__, "folders").parse_args()
    for folder in options.data:
        found = sorted(path for path in folder.rglob("*") if path.is_file())[: options.first]
        files = {
            path.relative_to(folder).as_posix(): path
            for path in found
            if not any(part.startswith(".") for part in path.relative_to(folder).parts)
        }
        jpegs = {name: path for name, path in files.items() if ending_of(name) in _JPEG}
        for title, some in (("all files", files), ("JPEG files", jpegs)):
            if some:
                report(f"{folder.name}: {len(some)} {title}", _rows(some), [], options.json)


def _rows(files: dict[str, Path]) -> list[dict[str, Any]]:
    disk = sum(path.stat().st_size for path in files.values())
    sizes = {
        "the files as they are": disk,
        "bitsback": _archive_size(files, exact=False),
        "bitsback --files exact": _archive_size(files, exact=True),
        "tar.xz": _tar_size(files),
    }
    return [
        {"what": what, "bytes": size, "of_the_files": round(size / disk, 4)}
        for what, size in sizes.items()
    ]


def _archive_size(files: dict[str, Path], exact: bool) -> int:
    """Bytes of an archive of copies of the files, which is restored and compared. Raises SystemExit
    if anything is different.
    """
    with tempfile.TemporaryDirectory() as name:
        source, archive, out = Path(name, "in"), Path(name, "a.bb"), Path(name, "out")
        for file, path in files.items():
            (source / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, source / file)
        how = ("--files", "exact" if exact else "pixels")
        command("compress", "-q", str(source), "-o", str(archive), *how)
        command("decompress", "-q", str(archive), "-o", str(out))
        for file in files:
            if not _same(source / file, out / file, exact):
                raise SystemExit(f"{file}: was not restored")
        return archive.stat().st_size


def _same(before: Path, after: Path, exact: bool) -> bool:
    if before.stat().st_mtime_ns != after.stat().st_mtime_ns:
        return False
    if before.read_bytes() == after.read_bytes():
        return True
    if exact:
        return False
    with Image.open(before) as one, Image.open(after) as other:
        same = np.array_equal(np.asarray(one), np.asarray(other))
        told = [
            {key: value for key, value in image.info.items() if key != "compression"}
            for image in (one, other)
        ]
        return same and one.mode == other.mode and repr(told[0]) == repr(told[1])


def _tar_size(files: dict[str, Path]) -> int:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, path in files.items():
            tar.add(path, name)
    return len(lzma.compress(out.getvalue(), preset=9))


if __name__ == "__main__":
    main()
