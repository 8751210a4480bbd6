"""Files of each format are restored, stored verbatim or refused, as the rows of the format say."""

from __future__ import annotations

import io
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import UnidentifiedImageError

import bitsback
from bitsback.files.picture_files import alike, file_of, refusal, samples_of, split, unpack
from broken_metadata import assert_both_refuse
from folders import assert_restored, contents_of, write_files
from images import (
    test_animated_png,
    test_dicom,
    test_frames,
    test_gif,
    test_jpeg_samples,
    test_packed,
    test_webp,
)
from images.rows import Forged, Restored, Rows, Verbatim
from reference.container_metadata import restore
from second_decoder import PROGRAM
from waiting import PATIENCE
from zoo.compared import difference

TABLE: dict[str, Rows] = {
    "animated PNG": test_animated_png.ROWS,
    "DICOM": test_dicom.ROWS,
    "frames": test_frames.ROWS,
    "GIF": test_gif.ROWS,
    "JPEG samples": test_jpeg_samples.ROWS,
    "packed": test_packed.ROWS,
    "WebP": test_webp.ROWS,
}
FORMATS = [name for name, rows in TABLE.items() if rows.restored]


def rows(kind: str) -> list[Any]:
    """All rows of a kind, with the endings of their files."""
    return [
        pytest.param(row, f"a.{rows.ending}", id=f"{name}: {each}")
        for name, rows in TABLE.items()
        for each, row in getattr(rows, kind).items()
    ]


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize(("row", "name"), rows("restored"))
def test_the_parts_of_a_file_restore_it(row: Restored, name: str, exact: bool) -> None:
    """The specification restores it if its bytes come back."""
    data = row.data
    found = split(io.BytesIO(data), exact)
    if exact and not row.exact:
        assert found is None
        return
    assert found is not None and found.indexed == row.indexed
    assert found.exact == (exact or not row.anew)
    assert row.most is None or len(found.metadata) <= row.most
    pixels = found.pixels.whole()
    again = samples_of(io.BytesIO(data))
    assert again is not None
    for expected in (again.whole(), pixels if row.pixels is None else row.pixels):
        assert pixels.dtype == expected.dtype and np.array_equal(pixels, expected)
    assert restore(pixels, found.metadata) == (data if found.exact else None)
    metadata = unpack(found.metadata)
    assert bytes([metadata.kind]) + metadata.pack() == found.metadata
    for wanted in (False, True):
        made = file_of(pixels, found.metadata, exact=wanted)
        if found.exact and (wanted or not row.anew):
            assert made == data
        assert difference(name, data, made) is None
        assert alike(io.BytesIO(data), io.BytesIO(made))
    for other in row.unlike:
        assert not alike(io.BytesIO(data), io.BytesIO(other))
        assert not alike(io.BytesIO(other), io.BytesIO(data))


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize(("row", "name"), rows("verbatim"))
def test_other_files_are_not_split(row: Verbatim, name: str, exact: bool) -> None:
    file = io.BytesIO(row.data)
    assert row.reason in refusal(file)
    if row.damaged:
        with pytest.raises((OSError, ValueError, SyntaxError)):
            split(file, exact)
    else:
        with suppress(UnidentifiedImageError):
            assert split(file, exact) is None


@pytest.mark.parametrize(("row", "name"), rows("forged"))
def test_metadata_that_break_a_rule_are_refused(row: Forged, name: str) -> None:
    assert_both_refuse(row.pixels, row.metadata)


def files_of(name: str, *kinds: str) -> dict[str, bytes]:
    rows = [row for kind in kinds for row in getattr(TABLE[name], kind).values()]
    return {f"{number:02}.{TABLE[name].ending}": row.data for number, row in enumerate(rows)}


@pytest.mark.parametrize("files", ["exact", "pixels"])
@pytest.mark.parametrize("name", FORMATS)
def test_a_folder_of_all_files_is_restored(name: str, files: Any, tmp_path: Path) -> None:
    before = files_of(name, "restored", "verbatim")
    write_files(tmp_path / "in", before)
    bitsback.compress(
        tmp_path / "in", tmp_path / "x.bb", model="fast", hashes="sha256", files=files
    )
    bitsback.decompress(tmp_path / "x.bb", tmp_path / "out")
    after = contents_of(tmp_path / "out")
    assert after == before or (files == "pixels" and after.keys() == before.keys())
    assert not [each for each in after if difference(each, before[each], after[each])]


@pytest.mark.rust
@pytest.mark.parametrize("name", FORMATS)
def test_the_second_decoder_restores_a_folder(name: str, tmp_path: Path) -> None:
    write_files(tmp_path / "in", files_of(name, "restored", "verbatim"))
    bitsback.compress(tmp_path / "in", tmp_path / "x.bb", model="fast", hashes="sha256")
    subprocess.run([PROGRAM, tmp_path / "x.bb", tmp_path / "out"], check=True, timeout=PATIENCE)
    assert contents_of(tmp_path / "out") == contents_of(tmp_path / "in")


@pytest.mark.parametrize("name", FORMATS)
def test_other_files_are_stored_verbatim(name: str, tmp_path: Path) -> None:
    assert_restored(tmp_path, files_of(name, "verbatim"), model="fast")
    with bitsback.open(tmp_path / "x.bb") as archive:
        assert all(part["held"] for part in archive.info()["parts"])
