"""The errors for files that hold numbers and are not read."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest
import tifffile

import bitsback

DICOM = bytes(128) + b"DICM" + bytes(200)


def refused(path: Path) -> str:
    with pytest.raises(bitsback.InputError) as caught:
        bitsback.compress(path, path.with_name("x.bb"))
    text = str(caught.value)
    assert text.startswith(f"{path}: ") and "\n" not in text
    return text


@pytest.mark.parametrize(
    ("name", "data", "kind", "remedy"),
    [
        ("cells.h5", b"\x89HDF\r\n\x1a\n" + bytes(90), "HDF5", "h5py.File('cells.h5')"),
        ("voice.flac", b"fLaC" + bytes(40), "FLAC", "soundfile.read('voice.flac'"),
        ("t.parquet", b"PAR1" + bytes(40), "Parquet", "pandas.read_parquet('t.parquet')"),
        ("sensor.csv", b"time,value\n1,2\n", "table", "numpy.loadtxt('sensor.csv', delimiter=','"),
        ("sensor.TSV", b"1\t2\n", "table", r"numpy.loadtxt('sensor.TSV', delimiter='\t'"),
    ],
)
def test_it_says_what_the_file_is_and_what_to_do(
    tmp_path: Path, name: str, data: bytes, kind: str, remedy: str
) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    text = refused(path)
    assert kind in text and f"numpy.save('x.npy', {remedy}" in text


def test_a_picture_by_its_name_that_is_none(tmp_path: Path) -> None:
    path = tmp_path / "scan.png"
    path.write_bytes(DICOM)
    with pytest.raises(bitsback.InputError, match=r"scan\.png: is a DICOM file") as caught:
        bitsback.compress([path, path.with_name("other.png")], tmp_path / "x.bb", unordered=True)
    remedy = "numpy.save('x.npy', pydicom.dcmread('scan.png').pixel_array)"
    assert remedy in str(caught.value)


def test_a_recording_and_a_table_as_the_texts_say(tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "voice.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(np.arange(100, dtype="<i2").tobytes())
    assert "scipy.io.wavfile.read('voice.wav')[1]" in refused(tmp_path / "voice.wav")
    (tmp_path / "t.csv").write_text("time,value\n1,2.5\n2,3.5\n")
    text = refused(tmp_path / "t.csv")
    code = text.rpartition("Python: ")[2].replace("'t.csv'", repr(str(tmp_path / "t.csv")))
    exec(code.replace("'x.npy'", repr(str(tmp_path / "x.npy"))), {"numpy": np})
    assert np.load(tmp_path / "x.npy").tolist() == [[1, 2.5], [2, 3.5]]
    bitsback.compress(tmp_path / "x.npy", tmp_path / "x.bb")


def test_a_npy_file_of_any_name_is_read(tmp_path: Path) -> None:
    with (tmp_path / "numbers.csv").open("wb") as file:
        np.save(file, np.arange(9))
    bitsback.compress(tmp_path / "numbers.csv", tmp_path / "x.bb")
    assert np.array_equal(bitsback.decompress(tmp_path / "x.bb"), np.arange(9))


def test_signed_labels_in_a_tiff_file_are_called_so(tmp_path: Path) -> None:
    """Even without negative values, pictures hold no signed numbers."""
    path = tmp_path / "labels.tif"
    tifffile.imwrite(path, np.arange(60, dtype=np.int32).reshape(6, 10))
    with pytest.raises(bitsback.InputError, match="signed integers of 32 bits"):
        bitsback.compress(path, tmp_path / "x.bb", unordered=True)
