"""Makes the crops of public images that train `universal` and `universal-fast`.

    python recipes/crops.py SOURCES IMAGES

SOURCES has a folder for each name in the last table of `universal-sources.md`: a checkout at the
commit there, or the unpacked Debian package. It also has python-microscopy, which only validates:
python-microscopy/python-microscopy@72f7d55cf. IMAGES must not exist. The files are
train/KIND/*.npy and val/KIND/*.npy, which `fast_features.py` reads: [rows, columns],
[rows, columns, channels], or of a kind `volume...` [slices, rows, columns], of 8 bits. The same
sources give the same files. The recipe needs pydicom and tifffile.
"""

from __future__ import annotations

import argparse
import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import crop_readers as read
import numpy as np
from crop_readers import Pixels

SMALLEST = 24  # rows and columns of a picture
STEP = 88  # a picture has at most one crop for each STEP x STEP pixels
LEAST_LEVELS = 4  # of a crop
TRIES = 8  # places for a crop with enough levels


class Rule(NamedTuple):
    kind: str
    train: int
    val: int
    """Crops to train on and to validate with."""
    reader: Callable[[Path], Iterator[Pixels]]
    paths: tuple[str, ...]
    """Patterns of files, or of folders of slices, in SOURCES."""
    val_parts: tuple[str, ...] = ()
    """Paths with one of these parts validate."""
    skipped: tuple[str, ...] = ()
    """Paths with one of these parts are left out."""
    side: int = 256
    slices: int = 0
    """The slices of a crop of a stack, 0 for pictures. A single slice is a picture."""
    deviation: float = 0
    """The least standard deviation of a crop."""


PHOTOS = ("budgie-backgrounds/**/*.jpg",)
VAL_PHOTOS = ("beacon-street", "lake-sherburne", "perched-osprey", "tea-gardens", "high-trestle")
DRAWINGS = ("midnight",)
CELLS = (
    "CellProfiler-examples/*/images/*.[Tt][Ii][Ff]", "CellProfiler-examples/*/images/*.png",
    "CellProfiler-examples/*/images/Sequence?/*[05].tif",
    "training-resources/image_data/**/xy_*.tif",
    "training-resources/image_data/mitocheck-movie/*.tif",
)  # fmt: skip
VAL_CELLS = ("PLK1", "nup", "em_mitochondria", "Vitra", "_O2", "glialcell", "POS218", "NoTails")
STACKS = (
    "training-resources/image_data/xyz_*.tif", "training-resources/image_data/xyz_*_series/",
    "training-resources/image_data/mitocheck-movie/",
)  # fmt: skip
CHANNELS = (
    "training-resources/image_data/xyc_8bit*.tif", "training-resources/image_data/xy_rgb*.tif",
    "rasterframes/core/src/test/resources/m_*_subset.tif",
    "rasterframes/core/src/test/resources/L8-RGB*.tiff",
    "rasterio/tests/data/RGBA.byte.tif", "rasterio/tests/data/RGB2.byte.tif",
)  # fmt: skip
AERIAL = (
    "DeepForest/src/deepforest/data/OSBS_*.png", "DeepForest/src/deepforest/data/SOAP_*.png",
    "DeepForest/src/deepforest/data/2018_SJER*.tif", "DeepForest/src/deepforest/data/2019_Y*.png",
    "DeepForest/src/deepforest/data/australia.tif", "rasterio/tests/data/RGB.byte.tif",
)  # fmt: skip
UIH = ("dcm_qa_uih/In/*/*/",)
CT = ("dcm_qa_ct/In/Philips/*/S[23]*/", "dcm_qa_ct/In/GE/")
CT_SLICE = ("cornerstone3D/packages/dicomImageLoader/testImages/CTImage.dcm",)
MR = ("dcm_qa_decubitus/In/*/*/", "dcm_qa_stc/In/GE/*/*/", "dcm_qa_stc/In/Siemens/[BDE]*/*/")
MR_STACKS = ("dcm_qa_decubitus/In/*/*_sag/", "dcm_qa_stc/In/GE/*/*/", "dcm_qa_stc/In/*/E11_2D/*/")
VAL_MR = ("GE/TriggerTime", "GE/RTIA/", "Siemens/E11/")
FIGURES = ("training-resources/figures/**/*.png", "training-resources/assets/**/*.png")
MICROSCOPE = ("python-microscopy/**/*.png",)
LEPTONICA = ("leptonica/prog/*.tif", "leptonica/prog/*.png")
NATURAL = ("lion", "german", "page.", "church", "jpeg")
VAL_PAGES = ("feyn", "witten", "ortiz", "shearer", "tribune", "patent", "dave-orig", "lion", "bois")
EMOJI = ("noto-emoji/png/128/*.png",)
VARIANTS = ("_1f3f", "_200d")  # tones of skin, and combinations of emoji

RULES = (
    Rule("large", 80, 25, read.photo, PHOTOS, VAL_PHOTOS, DRAWINGS, side=512),
    Rule("greylarge", 60, 15, read.grey_photo, PHOTOS, VAL_PHOTOS, DRAWINGS, side=512),
    Rule("jpeg", 40, 15, read.picture, PHOTOS, VAL_PHOTOS, DRAWINGS),
    Rule("grey8", 636, 77, read.grey, CELLS, VAL_CELLS, ("binary", "label")),
    Rule("med8", 92, 12, read.mr, UIH, ("DTI_134434",), slices=1, deviation=20),
    Rule("med8", 4, 0, read.ct, CT_SLICE, slices=1, deviation=20),
    Rule("medb", 60, 10, read.ct, CT, ("/GE",), slices=1, deviation=20),
    Rule("medb", 40, 5, read.mr, MR, VAL_MR, slices=1, deviation=20),
    Rule("volume", 35, 2, read.stack, STACKS, ("mri_head",), ("binary",), slices=8),
    Rule("volumeb", 40, 3, read.mr, UIH, ("DTI_134434",), slices=8, deviation=20),
    Rule("volumec", 30, 5, read.ct, CT, ("/GE",), slices=8, deviation=20),
    Rule("volumec", 30, 5, read.mr, MR_STACKS, VAL_MR, slices=8, deviation=20),
    Rule("multi", 84, 21, read.channels, CHANNELS, ("nuclei_nup", "nuclei_big", "m_3607717")),
    Rule("aerial", 284, 54, read.picture, AERIAL, ("SOAP", "SJER")),
    Rule("graphics", 550, 0, read.picture, ("nilearn/**/*.png",)),
    Rule("graphics", 550, 0, read.picture, ("cornerstone3D/**/*.png",)),
    Rule("graphics", 400, 0, read.picture, FIGURES),
    Rule("graphics", 80, 0, read.picture, ("astropy/**/*.png",)),
    Rule("graphics", 121, 0, read.colour, LEPTONICA, (), NATURAL),
    Rule("graphics", 0, 210, read.picture, MICROSCOPE, (), ("Test/",)),
    Rule("pages", 340, 108, read.page, LEPTONICA, VAL_PAGES),
    Rule("rgba", 405, 95, read.picture, EMOJI, ("3.png", "7.png", "b.png"), VARIANTS),
)


def files(sources: Path, rule: Rule, split: str) -> Iterator[Path]:
    for pattern in rule.paths:
        paths = sorted(sources.glob(pattern))
        if not paths:
            raise SystemExit(f"{sources}: has no {pattern}")
        for path in paths:
            name = path.relative_to(sources).as_posix() + "/" * path.is_dir()
            validates = not rule.train or any(part in name for part in rule.val_parts)
            if validates == (split == "val") and not any(part in name for part in rule.skipped):
                yield path


def shares(sizes: list[float], most: list[int], total: int) -> list[int]:
    """Numbers of crops, about proportional to the roots of the sizes, of `most` at most."""
    counts = np.zeros(len(sizes), int)
    for _ in range(min(total, sum(most))):
        counts[np.argmax((counts < most) * np.sqrt(sizes) / (counts + 0.5))] += 1
    return [int(count) for count in counts]


def crops(rule: Rule, arrays: list[Pixels], total: int) -> Iterator[Pixels]:
    """Crops of `total` random places, without flat ones."""
    random = np.random.default_rng(list(f"{rule.kind} {rule.paths[0]} {total}".encode()))
    wanted = (max(rule.slices, 1), rule.side, rule.side)
    stacks = [
        arrays[i] if rule.slices else arrays[i][None] for i in random.permutation(len(arrays))
    ]
    stacks = [x for x in stacks if len(x) >= wanted[0] and min(x.shape[1:3]) >= SMALLEST]
    sizes = [math.prod(x.shape[:3]) / wanted[0] for x in stacks]
    most = [
        math.ceil(size / STEP**2) if np.greater(x.shape[:3], wanted).any() else 1
        for x, size in zip(stacks, sizes, strict=True)
    ]
    for x, count in zip(stacks, shares(sizes, most, total), strict=True):
        for _ in range(count):
            for _ in range(TRIES):
                first = random.integers(np.maximum(np.subtract(x.shape[:3], wanted), 0) + 1)
                part = x[tuple(slice(i, i + n) for i, n in zip(first, wanted, strict=True))]
                levels = np.count_nonzero(np.bincount(part.ravel(), minlength=256))
                if levels >= LEAST_LEVELS and part.std() >= rule.deviation:
                    yield part if rule.slices > 1 else part[0]
                    break


def write(sources: Path, images: Path) -> None:
    seen: dict[str, set[bytes]] = defaultdict(set)  # no picture that validates is trained on
    numbers: Counter[Path] = Counter()
    for split in ("val", "train"):
        for rule in RULES:
            total = rule.val if split == "val" else rule.train
            arrays = []
            for path in files(sources, rule, split) if total else ():
                for array in rule.reader(path):
                    digest = hashlib.sha256(str(array.shape).encode() + array.tobytes()).digest()
                    if digest not in seen[rule.kind]:
                        seen[rule.kind].add(digest)
                        arrays.append(array)
            folder = images / split / rule.kind
            folder.mkdir(parents=True, exist_ok=True)
            before = numbers[folder]
            for part in crops(rule, arrays, total):
                np.save(folder / f"{numbers[folder]:04}.npy", part)
                numbers[folder] += 1
            if total:
                made = numbers[folder] - before
                print(f"{split} {rule.kind}: {made} of {total}, {len(arrays)} pictures", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    for name in ("sources", "images"):
        parser.add_argument(name, type=Path)
    options = parser.parse_args()
    options.images.mkdir(parents=True)
    write(options.sources, options.images)


if __name__ == "__main__":
    main()
