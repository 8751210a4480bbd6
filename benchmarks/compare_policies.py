"""The default policy of choosing models beside `--best` and `--fast`: bytes and seconds of the
processor for inputs of many kinds, which it draws itself, for photographs, and for the inputs of
the golden archives.

    python benchmarks/compare_policies.py FOLDER [--save FILE] [--before FILE] [--kinds NAME ...]

The folder holds photographs. --save: keep the figures. --before: figures of another version, with
which these are compared.
"""

from __future__ import annotations

import argparse
import importlib.util
import io
import json
import logging
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib import font_manager
from matplotlib.backends.backend_agg import FigureCanvasAgg
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

import bitsback
from bitsback.models import bundled
from bitsback_lab.digits import binarised_mnist_test_images, mnist_test_images

TESTS = Path(__file__).parents[1] / "tests"
sys.path.insert(0, str(TESTS))
EFFORTS = ("auto", "best", "fast")
Make = Callable[[Path], Any]
"""Makes an input: an array, or files in an empty folder, whose path it returns."""
Figures = dict[str, tuple[int, float, str]]
"""By effort: bytes, seconds, and the models."""


def glyphs(count: int, side: int, levels: int = 256) -> NDArray[Any]:
    """Letters of many fonts at random places: [count, side, side]."""
    random, found = np.random.default_rng(0), []
    files = sorted(font_manager.findSystemFonts())
    fonts = [ImageFont.truetype(file, 5 * side // 7) for file in files if "DejaVu" in file]
    for _ in range(count):
        picture = Image.new("L", (side, side))
        letter = chr(int(random.integers(33, 127)))
        left, top = random.integers(0, side // 3), random.integers(-side // 7, side // 7)
        font = fonts[random.integers(len(fonts))]
        ImageDraw.Draw(picture).text((int(left), int(top)), letter, 255, font)
        found.append(np.asarray(picture))
    array = np.stack(found)
    return array > 127 if levels == 2 else array


def page(rows: int, columns: int, seed: int = 0) -> NDArray[np.uint8]:
    """Lines of text, dark on white."""
    random = np.random.default_rng(seed)
    font = ImageFont.truetype(font_manager.findfont("DejaVu Serif"), 17)
    picture = Image.new("L", (columns, rows), 255)
    for top in range(20, rows - 30, 24):
        words = [
            "".join(map(chr, random.integers(97, 123, random.integers(1, 10)))) for _ in "12345678"
        ]
        ImageDraw.Draw(picture).text((20, top), " ".join(words), 0, font)
    return np.asarray(picture)


def screenshot(seed: int = 0) -> NDArray[np.uint8]:
    """Windows with text, buttons and a gradient: [480, 640, 3]."""
    random = np.random.default_rng(seed)
    font = ImageFont.truetype(font_manager.findfont("DejaVu Sans"), 12)
    steps = np.linspace(60, 180, 640)[None, :, None] * np.array([0.4, 0.7, 1])
    picture = Image.fromarray(np.broadcast_to(steps, (480, 640, 3)).astype(np.uint8))
    draw = ImageDraw.Draw(picture)
    for _ in range(4):
        left, top = map(int, random.integers(0, 300, 2))
        draw.rectangle((left, top, left + 300, top + 170), (245, 245, 245), (90, 90, 90))
        draw.rectangle((left, top, left + 300, top + 18), (50, 90, 160))
        for line in range(9):
            text = "".join(map(chr, random.integers(97, 123, 36)))
            colour = tuple(map(int, random.integers(0, 120, 3)))
            draw.text((left + 6, top + 22 + 16 * line), text, colour, font)
    return np.asarray(picture)


def plot(kind: int) -> NDArray[np.uint8]:
    """A plot: [320, 960, 3]."""
    random = np.random.default_rng(kind)
    figure, axes = plt.subplots(1, 2, figsize=(9.6, 3.2), dpi=100)
    x = np.linspace(0, 10, 200)
    for side, one in enumerate(axes):
        if (kind + side) % 3 == 0:
            for line in range(4):
                one.plot(
                    x, np.sin(x * (line + 1) / 2) + random.normal(0, 0.1, 200), label=f"{line}"
                )
            one.legend()
        elif (kind + side) % 3 == 1:
            one.bar(range(12), random.random(12))
            one.grid(True)
        else:
            one.scatter(*random.normal(0, 1, (2, 150)), c=random.random(150), alpha=0.6)
        one.set_title(f"A plot of kind {kind}")
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    pixels = np.asarray(canvas.buffer_rgba())[..., :3].copy()  # type: ignore[no-untyped-call]
    plt.close(figure)
    return pixels


def labels() -> NDArray[np.uint8]:
    """The regions around 40 points: [300, 400]."""
    points = np.random.default_rng(0).integers(0, 300, (40, 2))
    rows, columns = np.indices((300, 400))[:, None]
    near = (rows - points[:, 0, None, None]) ** 2 + (columns - points[:, 1, None, None]) ** 2
    found: NDArray[np.uint8] = np.argmin(near, 0).astype(np.uint8)
    return found


def stack() -> NDArray[np.uint16]:
    """Slices, each like the one before it: [24, 96, 112], 12 bits."""
    random = np.random.default_rng(0)
    z, y, x = np.indices((24, 96, 112))
    light = 1500 + 900 * np.sin(x / 11 + z / 9) * np.cos(y / 13)
    noise = random.normal(0, 9, (96, 112)) + random.normal(0, 3, light.shape)
    found: NDArray[np.uint16] = (light + noise).astype("u2")
    return found


def scan(path: str) -> Any:
    """Samples that come with matplotlib."""
    found = np.load(Path(matplotlib.get_data_path()) / "sample_data" / path)
    return found[max(found.files, key=lambda name: found[name].size)]


def folder_of(pictures: Iterator[NDArray[Any]], folder: Path) -> Path:
    for number, picture in enumerate(pictures):
        Image.fromarray(picture).save(folder / f"{number:03}.png")
    return folder


def kinds(photographs: Path) -> dict[str, Make]:
    """Inputs by name; the kind is the part of it before '-'."""
    files = sorted(photographs.glob("*.png"))

    def photograph(number: int) -> NDArray[np.uint8]:
        return np.asarray(Image.open(files[number]).convert("RGB"))

    found: dict[str, Make] = {
        "glyphs": lambda _: glyphs(2000, 28),
        "glyphs-105-two": lambda _: glyphs(500, 105, 2),
        "glyphs-40": lambda _: glyphs(400, 40),
        **{f"plots-{kind}": partial(_plot, kind) for kind in range(4)},
        "screenshot": lambda _: screenshot(),
        "page-grey": lambda _: page(700, 500),
        "page-two": lambda _: page(1400, 1000) > 127,
        "photograph-1": lambda _: photograph(4)[:320, :400],
        "photograph-2": lambda _: photograph(19)[:320, :400],
        "photograph-grey": lambda _: np.ascontiguousarray(photograph(9)[:400, :400, 1]),
        "patches": lambda _: np.stack(
            [photograph(n)[:64, at : at + 64] for n in range(8) for at in (0, 200)]
        ),
        "labels": lambda _: labels(),
        "stack": lambda _: stack(),
        "heights": lambda _: scan("jacksboro_fault_dem.npz"),
        "floats": lambda _: scan("topobathy.npz"),
        "digits": lambda _: mnist_test_images()[:400],
        "digits-two": lambda _: binarised_mnist_test_images()[:1000],
        "noise": lambda _: np.random.default_rng(0).integers(0, 256, (300, 300), np.uint8),
        "walk": lambda _: np.random.default_rng(0).normal(0, 9, (20000, 3)).cumsum(0).astype("i2"),
        "folder-photographs": lambda at: folder_of(
            (photograph(n)[:90, :120] for n in range(24)), at
        ),
        "folder-plots": lambda at: folder_of(map(plot, range(3)), at),
        "folder-glyphs": lambda at: folder_of(iter(glyphs(300, 28)), at),
        "folder-pages": lambda at: folder_of((page(300, 400, n) for n in range(6)), at),
    }
    arrays, collections = _golden("archive"), _golden("collections")
    for name, (make, options) in arrays.GOLDEN.items():
        if "model" not in options or name.startswith("fallback"):
            found[f"golden-{name}"] = partial(_made_alone, make)
    for name, make in collections.GOLDEN.items():
        found[f"golden-{name}"] = partial(_made_at, name, make)
    return found


def _plot(kind: int, _: Path) -> NDArray[np.uint8]:
    return plot(kind)


def _made_alone(make: Callable[[], Any], _: Path) -> Any:
    return make()


def _made_at(name: str, make: Callable[[Path], Any], at: Path) -> Any:
    return make(at / name) or at / name


def _golden(tests: str) -> Any:
    path = TESTS / tests / "golden" / "make.py"
    spec = importlib.util.spec_from_file_location(f"golden_{tests}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def measured(make: Make, efforts: Sequence[str]) -> Figures:
    """Bytes, seconds and models by each effort, and by `encode`, of arrays."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        source = make(Path(folder))
        for effort in efforts:
            file, start = io.BytesIO(), time.process_time()
            summary = bitsback.compress(source, file, model=effort, embed="never", threads=1)
            seconds = time.process_time() - start
            found[effort] = len(file.getvalue()), seconds, summary.model or "-"
        if isinstance(source, np.ndarray):
            start = time.process_time()
            size = len(bitsback.encode(source))
            found["encode"] = size, time.process_time() - start, ""
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    for name in ("save", "before"):
        parser.add_argument(f"--{name}", type=Path)
    parser.add_argument("--kinds", nargs="*", default=[""], help="beginnings of names")
    parser.add_argument("--efforts", nargs="*", default=EFFORTS)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable()
    for name in bundled.names():  # not in the first figure
        bitsback.load_model(name)
    found = {}
    for name, make in kinds(options.folder).items():
        if name.startswith(tuple(options.kinds)):
            found[name] = measured(make, options.efforts)
            print(name, found[name], flush=True)
    if options.save is not None:
        options.save.write_text(json.dumps(found))
    before = {} if options.before is None else json.loads(options.before.read_text())
    report(found, before)


def _sums(figures: Iterable[tuple[int, float, str]]) -> tuple[float, float]:
    """Bytes and seconds."""
    pairs = [(size, seconds) for size, seconds, _ in figures]
    return sum(size for size, _ in pairs), sum(seconds for _, seconds in pairs)


def report(found: dict[str, Figures], before: dict[str, Figures]) -> None:
    """The sums of each kind, each effort beside the same before."""
    groups: dict[str, list[str]] = {}
    for name in found:
        for group in (name.split("-")[0], "all"):
            groups.setdefault(group, []).append(name)
    print(
        f"{'kind':12}{'effort':8}{'bytes':>10}{'before':>10}{'%':>8}{'s':>8}{'before':>8}{'%':>8}"
    )
    for group, names in groups.items():
        for effort in (*EFFORTS, "encode"):
            some = [name for name in names if effort in found[name]]
            both = [name for name in some if effort in before.get(name, {})]
            sums = _sums(found[name][effort] for name in some)
            old = _sums(before[name][effort] for name in both)
            more = [
                100 * (new / was - 1) if was else 0.0 for new, was in zip(sums, old, strict=True)
            ]
            if some:
                print(
                    f"{group:12}{effort:8}{sums[0]:10,}{old[0]:10,}{more[0]:8.2f}"
                    f"{sums[1]:8.2f}{old[1]:8.2f}{more[1]:8.1f}"
                )


if __name__ == "__main__":
    main()
