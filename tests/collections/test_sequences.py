"""Random sequences of operations on an archive, beside a model of the folder that it holds."""

from __future__ import annotations

import io
import subprocess
import warnings
from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np
import pytest
from PIL import Image

import bitsback
from bitsback.archive.arrays.stored import Stored
from folders import contents_of, write_files
from reference import archive as spec
from second_decoder import PROGRAM

pytestmark = pytest.mark.rust
ENDINGS = ("png", "gif", "bmp", "pgm", "tif", "txt", "p.png", "c.png")
Folder = dict[str, bytes]
"""The bytes of files, by their names."""


def content(random: Random, ending: str) -> bytes:
    """A small file: a slope or noise, in one of three shapes."""
    rng = np.random.default_rng(random.randrange(1 << 30))
    if ending == "txt":
        return rng.bytes(random.choice((0, 1, 50, 3000)))
    rows, columns = random.choice(((6, 9), (12, 12), (30, 40)))
    slope = np.add.outer(np.arange(rows), np.arange(columns)) * random.randrange(1, 9)
    noise = rng.integers(0, random.choice((1, 4, 200)), (rows, columns))
    image = Image.fromarray(((slope + noise) % 256).astype(np.uint8))
    if ending == "p.png":
        image.putpalette(rng.bytes(768))
    if ending == "c.png":
        image = Image.merge("RGB", [image, image.transpose(Image.Transpose.ROTATE_180), image])
    file = io.BytesIO()
    kind = {"tif": "TIFF", "pgm": "PPM"}.get(ending, ending[-3:].upper())
    image.save(file, kind)
    return file.getvalue()


def same(one: bytes, other: bytes) -> bool:
    """Whether two files are equal, or pictures of the same pixels by Pillow."""
    if one == other:
        return True
    with Image.open(io.BytesIO(one)) as a, Image.open(io.BytesIO(other)) as b:
        return (a.mode, a.size, a.getpalette(), a.tobytes()) == (
            b.mode, b.size, b.getpalette(), b.tobytes(),
        )  # fmt: skip


class Sequence:
    """An archive, and the folder that it should hold."""

    def __init__(self, seed: int, place: Path) -> None:
        self.random, self.place, self.folder = Random(seed), place, Folder()
        self.archive = place / "x.bb"
        self.folder = self.fresh(self.random.randint(1, 6))
        self.log = ["compress"]
        self.compress(self.folder, self.archive)

    def fresh(self, count: int) -> Folder:
        """New files, whose names may be those of others, or whose bytes."""
        random, found = self.random, Folder()
        for _ in range(count):
            ending = random.choice(ENDINGS)
            name = f"{random.choice(('', 'a/', 'b/c/'))}{random.randrange(12)}.{ending}"
            there = [*self.folder.values(), *found.values()]
            copied = bool(there) and random.random() < 0.3
            found[name] = random.choice(there) if copied else content(random, ending)
        return found

    def written(self, files: Folder) -> Path:
        root = self.place / f"in-{len(list(self.place.glob('in-*')))}"
        write_files(root, files)
        return root

    def options(self) -> dict[str, object]:
        random = self.random
        return {
            "model": random.choice(("fast", "auto")),
            "files": random.choice(("exact", "pixels")),
            "block": random.choice((None, None, 1, 2)),
            "tile": random.choice((None, None, 16)),
            "hashes": random.choice((None, None, "sha256")),
        }

    def compress(self, files: Folder, path: Path) -> None:
        bitsback.compress(self.written(files), path, **self.options())

    def add(self) -> None:
        new, replace = self.fresh(self.random.randint(1, 4)), self.random.random() < 0.6
        given = self.options()
        if not replace and new.keys() & self.folder.keys():
            with pytest.raises(bitsback.InputError, match="has a file"):
                bitsback.add(self.archive, self.written(new), **given)
            return
        bitsback.add(self.archive, self.written(new), replace=replace, **given)
        self.folder |= new

    def remove(self) -> None:
        names = sorted(self.folder)
        gone = self.random.sample(names, self.random.randint(0, min(3, len(names) - 1)))
        bitsback.remove(self.archive, gone)
        for name in gone:
            del self.folder[name]

    def merge(self) -> None:
        other = {name: data for name, data in self.fresh(3).items() if name not in self.folder}
        archives = [self.archive]
        if other and self.random.random() < 0.7:
            self.compress(other, self.place / "other.bb")
            archives.insert(self.random.randrange(2), self.place / "other.bb")
            self.folder |= other
        bitsback.merge(archives, self.place / "merged.bb")
        (self.place / "merged.bb").replace(self.archive)
        (self.place / "other.bb").unlink(missing_ok=True)

    def embed(self) -> None:
        bitsback.embed(self.archive)

    def repair(self) -> None:
        bitsback.repair(self.archive)

    def parity(self) -> None:
        """Parity, by which a damaged byte is mended."""
        before = self.archive.stat().st_size
        bitsback.add_parity(self.archive, 30)
        data = bytearray(self.archive.read_bytes())
        data[self.random.randrange(8, before)] ^= 1 << self.random.randrange(8)
        self.archive.write_bytes(data)
        bitsback.repair(self.archive)

    def step(self) -> None:
        operations: list[Callable[[], None]] = [
            self.add, self.add, self.remove, self.remove, self.merge, self.embed, self.parity,
            self.repair,
        ]  # fmt: skip
        operation = self.random.choice(operations)
        self.log.append(operation.__name__)
        operation()

    def check_one(self) -> None:
        with bitsback.open(self.archive) as archive:
            assert archive.verify(threads=1) == []
            assert sorted(archive.names) == sorted(self.folder)
            name = self.random.choice(archive.names)
            assert same(self.folder[name], archive.open(name).getvalue()), name

    def check_all(self) -> None:
        """The restored folder, its arrays by the second decoder, and, where these need no network,
        which takes it long, by the specification.
        """
        out = self.place / "out"
        bitsback.decompress(self.archive, out, threads=1)
        found = contents_of(out)
        assert sorted(found) == sorted(self.folder)
        wrong = [name for name, data in found.items() if not same(self.folder[name], data)]
        assert not wrong
        theirs = self.place / "theirs"
        ran = subprocess.run(
            [PROGRAM, "--arrays", self.archive, theirs], capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, ran.stderr
        with bitsback.open(self.archive) as archive:
            for name in archive.names:
                item = archive[name]
                stored = isinstance(item, Stored)
                other = (theirs / (name if stored else f"{name}.npy")).read_bytes()
                assert (
                    item.read() == other
                    if stored
                    else np.array_equal(item, np.load(io.BytesIO(other)))
                )
            models = archive.info()["models"]
        if not models:
            files = spec.decode_files(self.archive.read_bytes())
            assert sorted(f"{file.name}" for file in files) == sorted(found)


def run(seed: int, place: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bitsback.InputWarning)
        sequence = Sequence(seed, place)
        try:
            for _ in range(sequence.random.randint(2, 7)):
                sequence.step()
                sequence.check_one()
            sequence.check_all()
        except BaseException as error:
            error.add_note(f"seed {seed}: {', '.join(sequence.log)}")
            raise


@pytest.mark.parametrize("seed", range(50))
def test_a_sequence(seed: int, tmp_path: Path) -> None:
    run(seed, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("first", range(1_000, 3_000, 50))
def test_many_sequences(first: int, tmp_path: Path) -> None:
    for seed in range(first, first + 50):
        place = tmp_path / str(seed)
        place.mkdir()
        run(seed, place)
