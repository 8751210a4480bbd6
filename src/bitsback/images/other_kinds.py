"""Kinds of files that hold images, series or tables and are not read, and how to make an array of
one.
"""

from __future__ import annotations

from dataclasses import dataclass

from bitsback.images.restored import ending_of

START = 512
"""Bytes of a file by which its kind is told."""


@dataclass(frozen=True)
class Kind:
    """A kind of files, told by bytes at some place, or by the ending of the name."""

    name: str
    remedy: str
    """Python that makes x.npy of the file, which is called FILE in it."""
    marks: tuple[tuple[int, bytes], ...] = ()
    """Places, and the bytes there; all of them must be there."""
    endings: tuple[str, ...] = ()

    def is_one(self, start: bytes, ending: str) -> bool:
        marked = all(start.startswith(mark, at) for at, mark in self.marks)
        return marked if self.marks else ending in self.endings


_SAVE = "numpy.save('x.npy', {})"

KINDS = (
    Kind("a DICOM file", _SAVE.format("pydicom.dcmread('FILE').pixel_array"), ((128, b"DICM"),)),
    Kind(
        "a NIfTI file",
        _SAVE.format("numpy.asanyarray(nibabel.load('FILE').dataobj)"),
        endings=(".nii", ".nii.gz"),
    ),
    Kind(
        "an HDF5 file",
        _SAVE.format("h5py.File('FILE')['NAME'][...]"),
        ((0, b"\x89HDF\r\n\x1a\n"),),
    ),
    Kind("a FITS file", _SAVE.format("astropy.io.fits.getdata('FILE')"), ((0, b"SIMPLE  ="),)),
    Kind(
        "a WAV file",
        _SAVE.format("scipy.io.wavfile.read('FILE')[1]"),
        ((0, b"RIFF"), (8, b"WAVE")),
    ),
    Kind("a FLAC file", _SAVE.format("soundfile.read('FILE', dtype='int16')[0]"), ((0, b"fLaC"),)),
    Kind("a Parquet file", _SAVE.format("pandas.read_parquet('FILE').to_numpy()"), ((0, b"PAR1"),)),
    Kind(
        "a table as text",
        _SAVE.format("numpy.loadtxt('FILE', delimiter=',', skiprows=1)"),
        endings=(".csv",),
    ),
    Kind(
        "a table as text",
        _SAVE.format("numpy.loadtxt('FILE', delimiter='\\t', skiprows=1)"),
        endings=(".tsv", ".tab"),
    ),
)


def advice(start: bytes, name: str) -> str | None:
    """What to do with a file of these first bytes and this name; None for one of no known kind.

    >>> print(advice(b"", "sensor.csv"))  # doctest: +ELLIPSIS
    is a table as text, which is not read; make a .npy file of its numbers, by Python: numpy.save...
    """
    ending = ".nii.gz" if name.lower().endswith(".nii.gz") else ending_of(name)
    for kind in KINDS:
        if kind.is_one(start, ending):
            file = name.rsplit("/", 1)[-1].replace("'", "\\'")
            return (
                f"is {kind.name}, which is not read; make a .npy file of its numbers, by Python:"
                f" {kind.remedy.replace('FILE', file)}"
            )
    return None
