"""Under which name, and in which format, a picture of a collection is restored."""

from bitsback.images.modes import MODES

_FORMATS = {
    ".png": ("PNG", frozenset(MODES)),
    ".tif": ("TIFF", frozenset(MODES)),
    ".tiff": ("TIFF", frozenset(MODES)),
    ".bmp": ("BMP", frozenset(["1", "L", "RGB"])),
    ".pbm": ("PPM", frozenset(["1"])),
    ".pgm": ("PPM", frozenset(["L", "I;16"])),
    ".ppm": ("PPM", frozenset(["RGB"])),
    ".pnm": ("PPM", frozenset(["1", "L", "I;16", "RGB"])),
}
"""Lossless formats, by the ending of names: Pillow's name, and the modes that they hold."""


PICTURES = frozenset([*_FORMATS, ".gif", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp"])
"""Endings of the names of pictures that are read."""


CAMERA = frozenset([
    ".3fr", ".arw", ".avif", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".fff", ".gpr",
    ".heic", ".heif", ".hif", ".iiq", ".j2k", ".jp2", ".jxl", ".kdc", ".mos", ".mrw", ".nef",
    ".nrw", ".orf", ".pef", ".raf", ".rw2", ".rwl", ".sr2", ".srf", ".srw", ".x3f",
])  # fmt: skip
"""Those of pictures that are held bit for bit unread: HEIC, AVIF, JPEG XL, JPEG 2000, and the raw
files of cameras.
"""


def restored(name: str, mode: str) -> tuple[str, str]:
    """The name and the format: its own, where its ending is that of a lossless format that can hold
    the mode; otherwise PNG, and `.png` behind the name.
    """
    ending = ending_of(name)
    kind, modes = _FORMATS.get(ending, ("PNG", frozenset[str]()))
    return (name, kind) if mode in modes else (name + ".png", "PNG")


def ending_of(name: str) -> str:
    """The ending of a name, such as ".png", in small letters, or "" if it has none."""
    base = name.rsplit("/", 1)[-1]
    dot = base.rfind(".")
    return base[dot:].lower() if dot > 0 else ""
