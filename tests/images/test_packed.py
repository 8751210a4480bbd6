"""Volumes and pictures in gzip containers, and NRRD and MetaImage files with deflate."""

from __future__ import annotations

import gzip
import io
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import nibabel
import nrrd
import numpy as np
from astropy.io import fits

import bitsback
from bitsback.files.picture_files import split
from bitsback.wire import varint
from folders import assert_restored
from images.rows import Forged, Restored, Rows, Verbatim
from images.test_volumes import STEPS, VOLUME, saved
from zoo import dicom_files, volume_files


def _saved(name: str, write: Callable[[str], Any]) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return saved(write, Path(folder, name))


NIFTI = volume_files.nifti(VOLUME)
_MEMBERS = NIFTI + b"behind"
_MRC = volume_files.mrc(VOLUME)
_MHA = volume_files.meta_image(VOLUME, "MET_SHORT", more="ElementSpacing = 0.5 0.75 2\n")
_HEAD = _MHA[: -VOLUME.nbytes].replace(b"Element", b"CompressedData = True\nElement", 1)
_SPACINGS, _AFFINE = {"spacings": [0.5, 0.75, 2.0]}, np.diag([0.5, 0.75, 2.0, 1])
_BELOW = VOLUME.astype("<u2").reshape(-1, VOLUME.shape[2])
_DICOM = dicom_files.dicom_file(_BELOW, frames=len(VOLUME))
FILES: dict[str, bytes] = {
    "zlib.nii.gz": gzip.compress(NIFTI, 6, mtime=0),
    "members.nii.gz": gzip.compress(_MEMBERS[:9000]) + gzip.compress(_MEMBERS[9000:], 1),
    "other.mrc.gz": gzip.compress(_MRC)[:10]
    + imagecodecs.deflate_encode(_MRC, raw=True)
    + gzip.compress(_MRC)[-8:],
    "behind.pfm.gz": gzip.compress(volume_files.pfm(STEPS[0].astype("f4"))) + b"behind",
    "x.pgm.gz": gzip.compress(b"P5 24 20 255\n" + (STEPS[0] % 251).astype("u1").tobytes()),
    "zlib.mha": _HEAD + zlib.compress(VOLUME.tobytes()) + b"\n",
}
PACKAGED = {
    "a.nii.gz": _saved("a.nii.gz", nibabel.Nifti1Image(VOLUME.T, _AFFINE).to_filename),
    "b.nrrd": _saved("b.nrrd", lambda path: nrrd.write(path, VOLUME.T, _SPACINGS)),
    "c.fits.gz": _saved("c.fits.gz", fits.PrimaryHDU(VOLUME).writeto),
    "e.dcm.gz": gzip.compress(_DICOM),
}
"""Files by nibabel, pynrrd and astropy, and of DICOM."""
_OTHERS = {
    "a drawing": gzip.compress(b"<svg>" + b"<path/>" * 500),
    "a text": gzip.compress(b"hello" * 99, mtime=0),
    "cut off": FILES["zlib.nii.gz"][:-9],
    "too few voxels": gzip.compress(NIFTI[:-1], mtime=0),
    "gzip in gzip": gzip.compress(gzip.compress(NIFTI, mtime=0), mtime=0),
    "MetaImage without deflate": _HEAD + VOLUME.tobytes(),
    "MetaImage with too few voxels": _HEAD + zlib.compress(VOLUME.tobytes()[1:]),
}


def _forged() -> dict[str, Forged]:
    pixels = np.arange(80, dtype=np.uint8).reshape(8, 10)
    header = b"P5 10 8 255\n"
    data = gzip.compress(header + pixels.tobytes(), mtime=0)
    found = split(io.BytesIO(data), True)
    assert found is not None
    frame = bytes([1, 0, 1, len(header), 8]) + header
    at = 2 + len(frame)
    tokens = found.metadata[at + 1 : at + 1 + found.metadata[at]]
    size, whole = len(data), len(header) + pixels.size
    stream = b"\1\x0a" + varint(size - 18)
    lengths = varint(size) + stream + varint(whole)
    others = found.metadata[at + 1 + len(tokens) + len(lengths) :]

    def made(lengths: bytes, frame: bytes = frame, tokens: bytes = tokens) -> bytes:
        coded = varint(len(tokens)) + tokens
        return bytes([10, len(frame)]) + frame + coded + lengths + others

    assert made(lengths) == found.metadata
    forged = {
        "a larger file": made(varint(size + 1) + stream + varint(whole)),
        "a smaller content": made(varint(size) + stream + varint(whole - 1)),
        "a larger content": made(varint(size) + stream + varint(whole + 1)),
        "a longer stream": made(varint(size) + b"\1\x0a" + varint(size - 17) + varint(whole)),
        "a later stream": made(varint(size) + b"\1\x13" + varint(size - 18) + varint(whole)),
        "a huge file": made(varint(1 << 50) + b"\1\x0a" + varint((1 << 50) - 18) + varint(whole)),
        "no streams": made(varint(size) + b"\0"),
        "many streams": made(varint(size) + varint(1 << 40)),
        "an unknown frame": made(lengths, b"\2" + frame[1:]),
        "no frame": made(lengths, b""),
        "too many tokens": made(lengths, tokens=tokens + b"\0"),
        "too few tokens": made(lengths, tokens=tokens[:-1]),
    }
    return {name: Forged(metadata, pixels) for name, metadata in forged.items()}


ROWS = Rows(
    "gz",
    restored={
        name: Restored(data, most=1200, unlike=(data + b"?",)) for name, data in FILES.items()
    }
    | {name: Restored(data) for name, data in PACKAGED.items()},
    verbatim={name: Verbatim(data) for name, data in _OTHERS.items()},
    forged=_forged(),
)


def test_voxels_and_axes_of_files(tmp_path: Path) -> None:
    assert_restored(tmp_path, {**PACKAGED, "d.mha": FILES["zlib.mha"]}, model="fast")
    with bitsback.open(tmp_path / "x.bb") as archive:
        for name in archive.names:
            assert np.array_equal(archive[name], VOLUME), name
            assert archive[name].dims[1:] == ("y", "x"), name
        for name in ("a.nii.gz", "b.nrrd", "d.mha"):
            assert archive[name].attrs["spacing"] == {"x": 0.5, "y": 0.75, "z": 2.0}


def test_a_file_alone(tmp_path: Path) -> None:
    data = FILES["zlib.nii.gz"]
    (tmp_path / "a.nii.gz").write_bytes(data)
    summary = bitsback.compress(tmp_path / "a.nii.gz", tmp_path / "a.bb")
    assert summary.bytes_out < 0.7 * len(data)
    bitsback.decompress(tmp_path / "a.bb", tmp_path / "out")
    assert (tmp_path / "out/a.nii.gz").read_bytes() == data
