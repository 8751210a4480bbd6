"""Volumes and pictures in gzip containers, and NRRD and MetaImage files with deflate, are coded by
their voxels, and come back byte for byte from both decoders.
"""

from __future__ import annotations

import gzip
import io
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import nibabel
import nrrd
import numpy as np
import pytest
from astropy.io import fits

import bitsback
from bitsback.files.picture_files import alike, file_of, samples_of, split
from bitsback.wire import varint
from broken_metadata import assert_both_refuse
from images.test_volumes import STEPS, VOLUME
from reference.container_metadata import restore
from second_decoder import PROGRAM
from waiting import PATIENCE
from zoo import dicom_files, volume_files

MEMBERS = volume_files.nifti(VOLUME, behind=b"behind")
MHA = volume_files.meta_image(VOLUME, "MET_SHORT", more="ElementSpacing = 0.5 0.75 2\n")
HEAD = MHA[: len(MHA) - VOLUME.nbytes].replace(b"Element", b"CompressedData = True\nElement", 1)
FILES: dict[str, bytes] = {
    "zlib.nii.gz": gzip.compress(volume_files.nifti(VOLUME), 6, mtime=0),
    "members.nii.gz": gzip.compress(MEMBERS[:9000]) + gzip.compress(MEMBERS[9000:], 1),
    "other.mrc.gz": gzip.compress(volume_files.mrc(VOLUME))[:10]
    + imagecodecs.deflate_encode(volume_files.mrc(VOLUME), raw=True)
    + gzip.compress(volume_files.mrc(VOLUME))[-8:],
    "behind.pfm.gz": gzip.compress(volume_files.pfm(STEPS[0].astype("f4"))) + b"behind",
    "x.pgm.gz": gzip.compress(b"P5 24 20 255\n" + (STEPS[0] % 251).astype("u1").tobytes()),
    "zlib.mha": HEAD + zlib.compress(VOLUME.tobytes()) + b"\n",
}


@pytest.mark.parametrize("name", FILES)
def test_both_parts_make_the_same_file(name: str) -> None:
    data = FILES[name]
    found = split(io.BytesIO(data), True)
    assert found is not None and found.exact and found.metadata[0] == 10
    pixels = found.pixels.whole()
    assert len(found.metadata) < 1200
    assert file_of(pixels, found.metadata) == data == restore(pixels, found.metadata)
    again = samples_of(io.BytesIO(data))
    assert again is not None and np.array_equal(again.whole(), pixels)
    assert alike(io.BytesIO(data), io.BytesIO(data))
    assert not alike(io.BytesIO(data), io.BytesIO(data + b"?"))


def saved(write: Callable[[str], Any], path: Path) -> bytes:
    write(str(path))
    return path.read_bytes()


@pytest.fixture(scope="module")
def packaged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, bytes]]:
    """An archive of files by nibabel, pynrrd and astropy, and of a DICOM file; and the files."""
    tmp_path = tmp_path_factory.mktemp("packaged")
    steps = {"spacings": [0.5, 0.75, 2.0]}
    image = nibabel.Nifti1Image(VOLUME.T, np.diag([0.5, 0.75, 2.0, 1]))
    unit = fits.PrimaryHDU(VOLUME)
    below = VOLUME.astype("<u2").reshape(-1, VOLUME.shape[2])
    dicom = dicom_files.dicom_file(below, frames=len(VOLUME))
    files = {
        "a.nii.gz": saved(lambda path: nibabel.save(image, path), tmp_path / "a.nii.gz"),
        "b.nrrd": saved(lambda path: nrrd.write(path, VOLUME.T, steps), tmp_path / "b.nrrd"),
        "c.fits.gz": saved(unit.writeto, tmp_path / "c.fits.gz"),
        "d.mha": FILES["zlib.mha"],
        "e.dcm.gz": gzip.compress(dicom),
        "x.svg.gz": gzip.compress(b"<svg>" + b"<path/>" * 500),
    }
    (tmp_path / "in").mkdir()
    for name, data in files.items():
        (tmp_path / "in" / name).write_bytes(data)
    bitsback.compress(tmp_path / "in", tmp_path / "x.bb", model="fast", hashes="sha256")
    return tmp_path / "x.bb", files


def test_files_of_packages(packaged: tuple[Path, dict[str, bytes]], tmp_path: Path) -> None:
    made, files = packaged
    bitsback.decompress(made, tmp_path / "out")
    for name, data in files.items():
        assert (tmp_path / "out" / name).read_bytes() == data, name
    with bitsback.open(made) as archive:
        for name in ("a.nii.gz", "b.nrrd", "c.fits.gz", "d.mha", "e.dcm.gz"):
            assert np.array_equal(archive[name], VOLUME), name
            assert archive[name].dims[1:] == ("y", "x"), name
        for name in ("a.nii.gz", "b.nrrd", "d.mha"):
            assert archive[name].attrs["spacing"] == {"x": 0.5, "y": 0.75, "z": 2.0}
        assert sum(part["held"] for part in archive.info()["parts"]) == 1


@pytest.mark.rust
def test_the_second_decoder_makes_them(
    packaged: tuple[Path, dict[str, bytes]], tmp_path: Path
) -> None:
    made, files = packaged
    subprocess.run([PROGRAM, made, tmp_path / "other"], check=True, timeout=PATIENCE)
    for name, data in files.items():
        assert (tmp_path / "other" / name).read_bytes() == data, name


def test_a_file_alone(tmp_path: Path) -> None:
    data = FILES["zlib.nii.gz"]
    (tmp_path / "a.nii.gz").write_bytes(data)
    summary = bitsback.compress(tmp_path / "a.nii.gz", tmp_path / "a.bb")
    assert summary.bytes_out < 0.7 * len(data)
    bitsback.decompress(tmp_path / "a.bb", tmp_path / "out")
    assert (tmp_path / "out/a.nii.gz").read_bytes() == data


@pytest.mark.parametrize(
    "data",
    [
        gzip.compress(b"hello" * 99, mtime=0),
        FILES["zlib.nii.gz"][:-9],
        gzip.compress(volume_files.nifti(VOLUME)[:-1], mtime=0),
        gzip.compress(gzip.compress(volume_files.nifti(VOLUME), mtime=0), mtime=0),
        HEAD + VOLUME.tobytes(),
        HEAD + zlib.compress(VOLUME.tobytes()[1:]),
    ],
)
def test_others_are_stored_verbatim(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a").write_bytes(data)
    bitsback.compress(tmp_path / "in", tmp_path / "x.bb", model="fast")
    with bitsback.open(tmp_path / "x.bb") as archive:
        assert archive.info()["parts"][0]["held"]
        assert archive.open("a").read() == data


def test_metadata_that_break_a_rule_are_refused() -> None:
    pixels = np.arange(80, dtype=np.uint8).reshape(8, 10)
    found = split(io.BytesIO(gzip.compress(b"P5 10 8 255\n" + pixels.tobytes(), mtime=0)), True)
    assert found is not None
    frame = bytes([1, 0, 1, 12, 8]) + b"P5 10 8 255\n"
    start = bytes([10, len(frame)]) + frame
    assert found.metadata.startswith(start)
    at = len(start)
    tokens = found.metadata[at + 1 : at + 1 + found.metadata[at]]
    size = len(gzip.compress(b"P5 10 8 255\n" + pixels.tobytes()))
    rest = found.metadata[at + 1 + len(tokens) :]
    head = varint(size) + b"\1" + b"\x0a" + varint(size - 18) + varint(92)
    assert rest.startswith(head)
    others = rest[len(head) :]

    def made(head: bytes, frame: bytes = frame, tokens: bytes = tokens) -> bytes:
        return bytes([10, len(frame)]) + frame + varint(len(tokens)) + tokens + head + others

    assert made(head) == found.metadata
    one = b"\1" + b"\x0a" + varint(size - 18)
    for bad in (
        made(varint(size + 1) + one + varint(92)),
        made(varint(size) + one + varint(91)),
        made(varint(size) + one + varint(93)),
        made(varint(size) + b"\1\x0a" + varint(size - 17) + varint(92)),
        made(varint(size) + b"\1\x13" + varint(size - 18) + varint(92)),
        made(varint(1 << 50) + b"\1\x0a" + varint((1 << 50) - 18) + varint(92)),
        made(varint(size) + b"\0"),
        made(varint(size) + varint(1 << 40)),
        made(head, b"\2" + frame[1:]),
        made(head, b""),
        made(head, tokens=tokens + b"\0"),
        made(head, tokens=tokens[:-1]),
    ):
        assert_both_refuse(pixels, bad)
