"""Files by libtiff's tools, netpbm and ImageMagick, where these are installed."""

from __future__ import annotations

import io
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from functools import partial
from itertools import chain, product
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image

from .pictures import File, samples

_SIZE = (45, 31)
_KINDS = ("grey", "deep", "rgb", "deep-rgb", "rgba", "bilevel", "palette", "float")


def _tiff(kind: str) -> bytes:
    """An uncompressed TIFF file, which the tools start from."""
    out = io.BytesIO()
    if kind in ("bilevel", "palette"):
        values = samples(_SIZE, 1, 8)[:, :, 0].astype("u1")
        image = Image.fromarray(values > 90) if kind == "bilevel" else Image.fromarray(values)
        if kind == "palette":
            image.putpalette(bytes(range(256)) * 3)
        image.save(out, "TIFF")
        return out.getvalue()
    bits = 16 if "deep" in kind else 8
    channels = 4 if kind == "rgba" else 3 if "rgb" in kind else 1
    values = samples(_SIZE, channels, bits).astype("f4" if kind == "float" else f"u{bits // 8}")
    values = values[:, :, 0] if channels == 1 else values
    extra = {"extrasamples": ["unassalpha"]} if kind == "rgba" else {}
    photometric = "rgb" if channels > 1 else "minisblack"
    tifffile.imwrite(out, values, photometric=photometric, metadata=None, **extra)
    return out.getvalue()


def _made(before: bytes, ending: str, after: str, *commands: list[str]) -> bytes | None:
    """The file `out` that commands make from a file `in`; None if a command fails."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder, f"in.{ending}"), Path(folder, f"out.{after}")
        place[0].write_bytes(before)
        for command in commands:
            line = [str(place[0]) if part == "IN" else part for part in command]
            line = [str(place[1]) if part == "OUT" else part for part in line]
            result = subprocess.run(line, capture_output=True, check=False)
            if result.returncode:
                return None
        return place[1].read_bytes() if place[1].exists() else None


def _of_tiff(kind: str, after: str, *commands: list[str]) -> bytes | None:
    return _made(_tiff(kind), "tif", after, *commands)


def _libtiff() -> Iterator[File]:
    methods = ("none", "lzw", "lzw:2", "zip", "zip:2", "packbits", "jpeg", "g3", "g3:2d", "g4",
               "zstd", "lzma", "zip:3", "jpeg:r")  # fmt: skip
    ways: dict[str, list[str]] = {
        "": [], "B": ["-B"], "L": ["-L"], "separate": ["-p", "separate"], "tiles": ["-t"],
        "rows": ["-r", "3"], "large": ["-8"], "large-B": ["-8", "-B"], "lsb": ["-f", "lsb2msb"],
        "small-tiles": ["-t", "-w", "16", "-l", "32"], "separate-tiles": ["-p", "separate", "-t"],
        "large-separate-B": ["-8", "-B", "-p", "separate", "-r", "7"],
    }  # fmt: skip
    for kind, method, (name, more) in product(_KINDS, methods, ways.items()):
        faxed = method.startswith("g")
        if faxed != (kind == "bilevel") and (faxed or method.startswith("jpeg")):
            continue
        make = partial(_of_tiff, kind, "tif", ["tiffcp", "-c", method, *more, "IN", "OUT"])
        yield f"tiffcp-{kind}-{method.replace(':', '')}-{name}.tif", make
    for kind, turn in product(("grey", "rgb", "bilevel"), range(1, 9)):
        for method in ("none", "lzw", "zip"):
            yield f"tiffset-{kind}-{turn}-{method}.tif", partial(
                _of_tiff, kind, "tif", ["tiffcp", "-c", method, "IN", "OUT"],
                ["tiffset", "-s", "274", str(turn), "OUT"],
                ["tiffset", "-s", "270", "a description that was set later", "OUT"],
            )  # fmt: skip
    for kind, method in product(("grey", "rgb", "palette"), ("none", "lzw", "jpeg")):
        yield (
            f"tiffcp-twice-{kind}-{method}.tif",
            partial(_of_tiff, kind, "tif", ["tiffcp", "-c", method, "IN", "IN", "OUT"]),
        )
    yield "tiff2bw.tif", partial(_of_tiff, "rgb", "tif", ["tiff2bw", "IN", "OUT"])
    yield "tiffdither.tif", partial(_of_tiff, "grey", "tif", ["tiffdither", "IN", "OUT"])
    yield "tiffmedian.tif", partial(_of_tiff, "rgb", "tif", ["tiffmedian", "IN", "OUT"])
    yield "tiff2rgba.tif", partial(_of_tiff, "rgb", "tif", ["tiff2rgba", "IN", "OUT"])


def _piped(kind: str, *command: str) -> bytes | None:
    """The output of a netpbm command for a PNM file."""
    deep, channels = "deep" in kind, 3 if "rgb" in kind else 1
    values = samples(_SIZE, channels, 16 if deep else 8)
    head = b"P%d %d %d %d\n" % (6 if channels == 3 else 5, *_SIZE, 65535 if deep else 255)
    data = head + values.astype(">u2" if deep else "u1").tobytes()
    if kind == "bilevel":
        rows = np.packbits(values[:, :, 0] > 90, axis=1)
        data = b"P4 %d %d\n" % _SIZE + rows.tobytes()
    made = subprocess.run(command, input=data, capture_output=True, check=False)
    return made.stdout if made.returncode == 0 and made.stdout else None


def _netpbm() -> Iterator[File]:
    kinds = ("grey", "deep", "rgb", "deep-rgb", "bilevel")
    for kind, more in product(
        kinds,
        ([], ["-interlace"], ["-compression", "0"], ["-gamma", "0.5"], ["-filter", "4"],
         ["-transparent", "black"], ["-phys", "3", "4", "0"]),
    ):  # fmt: skip
        name = f"pnmtopng-{kind}{''.join(more).replace('-', '_')}.png"
        yield name, partial(_piped, kind, "pnmtopng", *more)
    for kind, more in product(
        kinds,
        (["-none"], ["-lzw"], ["-flate"], ["-packbits"], ["-g3"], ["-g4"], ["-lzw", "-predictor=2"],
         ["-truecolor"], ["-minisblack"], ["-miniswhite"], ["-msb2lsb"], ["-lsb2msb", "-lzw"],
         ["-rowsperstrip=3"], ["-xresolution=3", "-yresolution=4"], ["-indexbits=4|8"]),
    ):  # fmt: skip
        name = f"pamtotiff-{kind}{''.join(more).replace('|', '').replace('=', '')}.tif"
        yield name, partial(_piped, kind, "pamtotiff", "-output=/dev/stdout", *more)
    for kind, more in product(
        kinds, ([], ["-windows"], ["-os2"], ["-bpp=8"], ["-bpp=24"], ["-mapfile=/dev/null"])
    ):
        name = f"ppmtobmp-{kind}{''.join(more).replace('=', '').replace('/', '')}.bmp"
        yield name, partial(_piped, kind, "ppmtobmp", *more)
    for kind in kinds:
        yield f"pnmtoplainpnm-{kind}.pnm", partial(_piped, kind, "pnmtoplainpnm")


def _imagemagick() -> Iterator[File]:
    ways: dict[str, list[str]] = {
        "plain": [], "grey": ["-colorspace", "Gray"], "bilevel": ["-type", "Bilevel"],
        "palette": ["-type", "Palette", "-colors", "16"], "depth16": ["-depth", "16"],
        "alpha": ["-alpha", "on"], "cmyk": ["-colorspace", "CMYK"],
        "turned": ["-orient", "LeftTop"],
        "density": ["-units", "PixelsPerInch", "-density", "300x200"], "depth4": ["-depth", "4"],
        "comment": ["-set", "comment", "a comment"], "interlaced": ["-interlace", "Plane"],
        "float": ["-define", "quantum:format=floating-point", "-depth", "32"],
        "msb": ["-endian", "MSB"], "lab": ["-colorspace", "Lab"],
        "tiled": ["-define", "tiff:tile-geometry=16x16"],
        "associated": ["-alpha", "on", "-define", "tiff:alpha=associated"],
        "lsb": ["-define", "tiff:fill-order=lsb"], "rows": ["-define", "tiff:rows-per-strip=3"],
    }  # fmt: skip
    for kind, (name, more) in product(("grey", "rgb", "rgba", "deep-rgb"), ways.items()):
        for ending in ("png", "bmp", "pnm", "pam"):
            after = "pnm" if ending == "pam" else ending
            line = ["magick", "IN", *more, "OUT"]
            yield f"magick-{ending}-{kind}-{name}.{after}", partial(_of_tiff, kind, after, line)
        for method in ("None", "LZW", "Zip", "RLE", "JPEG", "Group4", "ZSTD", "LZMA"):
            line = ["magick", "IN", *more, "-compress", method, "OUT"]
            yield f"magick-{kind}-{name}-{method}.tif", partial(_of_tiff, kind, "tif", line)
    for kind, header in product(("grey", "rgb"), ("bmp2", "bmp3", "bmp")):
        make = partial(
            _of_tiff, kind, "bmp", ["magick", "IN", "-define", f"bmp:format={header}", "OUT"]
        )
        yield f"magick-{header}-{kind}.bmp", make
    for kind in ("png8", "png24", "png32", "png48", "png64", "png00"):
        line = ["magick", "IN", "-define", f"png:format={kind}", "OUT"]
        yield f"magick-{kind}.png", partial(_of_tiff, "rgba", "png", line)


def files() -> Iterator[File]:
    """The files of the installed tools."""
    tools = {"tiffcp": _libtiff, "pnmtopng": _netpbm, "magick": _imagemagick}
    yield from chain.from_iterable(make() for tool, make in tools.items() if shutil.which(tool))
