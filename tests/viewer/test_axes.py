"""Files with several frames in the viewer: their axes, channels and windows, and damage."""

from __future__ import annotations

import gzip
import itertools
import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image
from pydicom.uid import RLELossless

import bitsback
from folders import save
from viewer.browser import Browser
from viewer.pages import CHECK, canvas, in_window, open_entry, percentiles, photo, settled, show
from zoo.dicom_files import dicom_file
from zoo.volume_files import fits, meta_image, mrc, nifti, nrrd

pytestmark = pytest.mark.chromium
WINDOW = {
    (0x28, 0x1050): ("DS", "190"),
    (0x28, 0x1051): ("DS", "100"),
    (0x28, 0x1052): ("DS", "-10"),
}
OVERLAPS = """
(() => {
  const boxes = Array.from(at.tools.querySelectorAll("button, input, output, h2, b, legend, i"))
    .map((element) => [element, element.getBoundingClientRect()])
    .filter(([element, { width, height }]) => width > 1 && height > 1);
  const meet = (a, b) => Math.max(a.left, b.left) < Math.min(a.right, b.right) - 1
    && Math.max(a.top, b.top) < Math.min(a.bottom, b.bottom) - 1;
  const outside = boxes.filter(([, box]) => box.left < 0 || box.right > innerWidth);
  return boxes.flatMap(([one, a], i) => boxes.slice(i + 1).filter(([, b]) => meet(a, b))
    .map(([other]) => `${one.outerHTML} ${other.outerHTML}`))
    .concat(outside.map(([one]) => one.outerHTML));
})()
"""


def frames(*shape: int) -> NDArray[np.uint16]:
    """Pictures, each of which is another one."""
    count = int(np.prod(shape[:-2]))
    plane = photo(*shape[-2:]).astype(np.uint16)
    return np.stack([np.roll(plane, i, 1) + i for i in range(count)]).reshape(shape)


def write_files(path: Path) -> None:
    path.mkdir()
    whole = frames(3, 4, 2, 20, 30)
    stack = whole[0, :, 0]
    steps = {"PhysicalSizeZ": 0.5, "TimeIncrement": 2.0}
    channels = {"Channel": {"Name": ["DAPI", "GFP"], "Color": [0x0000FFFF, 0xFF8000FF - 2**32]}}
    for order in ("TZCYX", "ZTCYX", "CTZYX"):
        metadata = {"axes": order, **steps, **channels}
        ordered = np.moveaxis(whole, range(5), [order.index(axis) for axis in "TZCYX"])
        tifffile.imwrite(path / f"{order}.ome.tif", ordered, metadata=metadata)
    hyperstack: dict[str, Any] = {"axes": "TZCYX", "spacing": 0.5, "unit": "um", "finterval": 3.0}
    luts = [np.outer(colour, np.arange(256)).astype(np.uint8) for colour in ((1, 0, 1), (0, 1, 0))]
    more = {"LUTs": luts, "Ranges": (20.0, 120.0, 40.0, 160.0), "Labels": ["plane"] * 24}
    ways: dict[str, dict[str, Any]] = {
        "big.tif": {"byteorder": ">"},
        "deflated.tif": {"compression": "zlib"},
        "imagej.tif": {},
    }
    for name, options in ways.items():
        metadata = hyperstack | more
        tifffile.imwrite(path / name, whole, imagej=True, metadata=metadata, **options)
    metadata = {"axes": "ZYX", "min": 50.0, "max": 100.0}
    tifffile.imwrite(path / "limits.tif", stack, imagej=True, metadata=metadata)
    tifffile.imwrite(
        path / "pages.tif", stack, photometric="minisblack", metadata=None, bigtiff=True
    )
    tifffile.imwrite(
        path / "named.tif", whole, photometric="minisblack", metadata={"axes": "TZCYX"}
    )
    tifffile.imwrite(
        path / "rgb.tif", photo(4, 20, 30, 3), photometric="rgb", metadata={"axes": "ZYXS"}
    )
    with tifffile.TiffWriter(path / "heights.tif") as file:
        for rows in (20, 12, 16):
            file.write(stack[0, :rows], metadata=None, photometric="minisblack")
    images = [Image.fromarray(frame.astype(np.uint8)) for frame in stack]
    images[0].save(path / "frames.png", save_all=True, append_images=images[1:])
    images[0].save(path / "still.png")
    strip, cine = stack.reshape(80, 30), {**WINDOW, (0x18, 0x1063): ("DS", "40")}
    (path / "cine.dcm").write_bytes(dicom_file(strip, frames=4, more=cine))
    runs = pydicom.dcmread(path / "cine.dcm")
    runs.compress(RLELossless, encoding_plugin="pydicom")
    runs.save_as(path / "runs.dcm")
    (path / "depth.dcm").write_bytes(
        dicom_file(strip, frames=4, more={(0x18, 0x50): ("DS", "2.5")})
    )
    negative = dicom_file(strip[:20], photometric="MONOCHROME1", more=WINDOW)
    (path / "negative.dcm").write_bytes(negative)
    volume = whole[:, :, 0]
    (path / "a.nii").write_bytes(nifti(volume))
    (path / "big.nii").write_bytes(nifti(volume, ">"))
    (path / "packed.nii.gz").write_bytes(gzip.compress(nifti(volume)))
    spaces = "space directions: (0.5,0,0) (0,0.5,0) (0,0,2) none\n"
    (path / "a.nrrd").write_bytes(nrrd(volume, "uint16", more=spaces))
    spacing = "ElementSpacing = 0.5 0.5 2\n"
    (path / "a.mha").write_bytes(meta_image(stack, "MET_USHORT", more=spacing))
    (path / "a.mrc").write_bytes(mrc(stack))
    (path / "a.fits").write_bytes(fits(stack.astype(np.int16)))


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("axes")
    write_files(folder / "in")
    bitsback.compress(folder / "in", folder / "x.bb")
    return folder / "x.bb"


def number_of(browser: Browser, name: str) -> int:
    found: int = browser.run(f"grid.numbers.findIndex((n) => archive.entry(n).name === '{name}')")
    return found


def values(browser: Browser) -> NDArray[Any]:
    return np.array(browser.run("Array.from(view.values)"))


def test_axes_are_those_that_python_reads(browser: Browser, archive: Path) -> None:
    """With the same pixels at their ends."""
    show(browser, archive)
    with bitsback.open(archive) as opened:
        for name in opened.names:
            view = opened[name]
            row = view.dims.index("y") if view.dims else 0
            open_entry(browser, number_of(browser, name))
            axes = browser.run("view.entry.axes")
            assert [axis["name"] for axis in axes] == [*view.dims[:row]], name
            assert tuple(axis["length"] for axis in axes) == view.shape[:row], name
            spacing, units = view.attrs.get("spacing", {}), view.attrs.get("units", {})
            for axis in axes:
                step = spacing.get(axis["name"], 0)
                assert axis.get("step", 0) == pytest.approx(step), name
                assert axis.get("unit", "") == units.get(axis["name"], ""), name
            window = browser.run("view.entry.picture.layers[0].range ?? null")
            if "window" in view.attrs:
                assert window == pytest.approx(view.attrs["window"]), name
            channels = browser.run("view.entry.channelNames ?? []")
            assert [text for text in channels if text] == view.attrs.get("channels", []), name
            shown = [i for i, axis in enumerate(axes) if axis["name"] == "c"]
            whole = np.asarray(view)
            for places in itertools.product(*({0, length - 1} for length in view.shape[:row])):
                browser.run(f"view.places = {list(places)}; view.load()")
                index = tuple(slice(None) if i in shown else p for i, p in enumerate(places))
                assert np.array_equal(values(browser), whole[index].ravel()), (name, places)


def test_a_file_of_pages_on_its_own(browser: Browser, archive: Path, tmp_path: Path) -> None:
    for name in ("TZCYX.ome.tif", "pages.tif"):
        bitsback.compress(archive.parent / "in" / name, tmp_path / f"{name}.bb")
        show(browser, tmp_path / f"{name}.bb")
        assert browser.run("archive.count") == 1
        expected = tifffile.imread(archive.parent / "in" / name)
        assert browser.run("view.entry.shape") == [*expected.shape]
        browser.wait(f"{CHECK}.startsWith('checked')")
        shown = expected[1, 2] if expected.ndim > 3 else expected[2]
        assert np.array_equal(values(browser), shown.ravel())


def test_keys_and_play_move_along_axes(browser: Browser, archive: Path) -> None:
    show(browser, archive)
    open_entry(browser, number_of(browser, "named.tif"))
    assert browser.run("view.places") == [1, 2, 1]
    labels = "Array.from(at.axes.querySelectorAll('b'), (label) => label.textContent)"
    assert browser.run(labels) == ["Time", "Z"]
    browser.press("ArrowDown")
    browser.wait("view.places[1] === 3")
    browser.press("PageUp")
    browser.wait("view.places[1] === 0")
    browser.run("at.axes.querySelector('input').focus()")
    browser.press("ArrowRight")
    browser.wait("view.places[0] === 2")
    browser.run("at.play.click()")
    browser.wait("view.places[0] === 0")
    browser.wait("view.places[0] === 2")
    browser.run("at.play.click()")
    assert browser.run("view.playing") is None
    open_entry(browser, number_of(browser, "TZCYX.ome.tif"))
    outputs = "Array.from(at.axes.querySelectorAll('output'), (output) => output.textContent)"
    assert browser.run(outputs) == ["2 of 3, 2 s", "3 of 4, 1 µm"]


def test_channels_have_colours(browser: Browser, archive: Path) -> None:
    """Those of the file; each can be switched off, and has a window of its own."""
    show(browser, archive)
    open_entry(browser, number_of(browser, "TZCYX.ome.tif"))
    blue, orange = frames(3, 4, 2, 20, 30)[1, 2]
    blue, orange = (in_window(each, *percentiles(each)) for each in (blue, orange))
    found = canvas(browser).astype(int)
    assert np.array_equal(found[..., 0], orange)
    assert np.abs(found[..., 1] - orange * (128 / 255)).max() <= 1
    assert np.array_equal(found[..., 2], blue)
    boxes = "at.channels.querySelectorAll('input')"
    names = "Array.from(at.channels.querySelectorAll('label'), (label) => label.textContent)"
    assert browser.run(names) == ["DAPI", "GFP"]
    browser.run(f"{boxes}[1].click()")
    assert not canvas(browser)[..., :2].any()
    browser.run(f"{boxes}[0].click(); {boxes}[1].click(); view.setWindow([100, 101])")
    assert {*np.unique(canvas(browser)[..., 0])} == {0, 255}
    open_entry(browser, number_of(browser, "big.tif"))
    magenta, green = frames(3, 4, 2, 20, 30)[1, 2]
    found = canvas(browser)
    assert np.array_equal(found[..., 0], in_window(magenta, 20, 120))
    assert np.array_equal(found[..., 1], in_window(green, 40, 160))


@pytest.mark.parametrize(
    "name, low, high", [("limits.tif", 50, 100), ("cine.dcm", 150, 250), ("negative.dcm", 250, 150)]
)
def test_windows_of_files(browser: Browser, archive: Path, name: str, low: int, high: int) -> None:
    show(browser, archive)
    open_entry(browser, number_of(browser, name))
    with bitsback.open(archive) as opened:
        picture = np.asarray(opened[name])
    middle = picture[2] if picture.ndim > 2 else picture
    assert np.abs(canvas(browser)[..., 0].astype(int) - in_window(middle, low, high)).max() <= 1
    assert not browser.run("at.window.hidden")


def test_values_under_the_pointer(browser: Browser, archive: Path) -> None:
    show(browser, archive)
    open_entry(browser, number_of(browser, "imagej.tif"))
    box = browser.run("(({ x, y, width }) => [x, y, width])(at.canvas.getBoundingClientRect())")
    x, y = (box[i] + 5.5 * box[2] / 30 for i in (0, 1))
    browser.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
    one, other = frames(3, 4, 2, 20, 30)[1, 2, :, 5, 5]
    browser.wait(f"at['values-at'].textContent === 'x 5, y 5: {one}, {other}'")


@pytest.mark.parametrize("width", [1280, 390])
def test_controls_do_not_overlap(browser: Browser, archive: Path, width: int) -> None:
    browser.size(width, 780)
    try:
        show(browser, archive)
        for name in ("TZCYX.ome.tif", "cine.dcm", "frames.png"):
            open_entry(browser, number_of(browser, name))
            assert browser.run(OVERLAPS) == [], name
            assert browser.run("at.picture.scrollWidth") <= width
            assert browser.run("at.stage.clientHeight") > 300
    finally:
        browser.size(1280, 800)


def test_thumbnails_are_of_frames(browser: Browser, archive: Path) -> None:
    show(browser, archive)
    browser.wait("document.querySelectorAll('#grid canvas').length === grid.cells.size")
    size = "({ width, height }) => [width, height]"
    sizes = browser.run(f"Array.from(document.querySelectorAll('#grid canvas'), {size})")
    assert {*map(tuple, sizes)} == {(30, 20)}
    titles = browser.run("Array.from(document.querySelectorAll('.cell'), (cell) => cell.title)")
    assert "TZCYX.ome.tif, 30 x 20, Time 3, Z 4, Channel 2" in titles
    assert "a.mrc, 30 x 20, Z 4" in titles


def damage(browser: Browser, archive: Path, number: int) -> None:
    """Changes a byte of a block of the archive that the page shows."""
    start, size, *_ = browser.run(f"archive.decoder.json('block', {number})")
    data = bytearray(archive.read_bytes())
    data[start + size // 2] ^= 16
    archive.write_bytes(data)
    show(browser, archive)


def test_damaged_files_have_a_mark_with_the_reason(browser: Browser, tmp_path: Path) -> None:
    for number in range(3):
        save(np.roll(photo(50, 60), number), tmp_path / "in" / f"{number}.png")
    bitsback.compress(tmp_path / "in", tmp_path / "x.bb", block=1, model="universal-fast")
    show(browser, tmp_path / "x.bb")
    block = browser.run("archive.decoder.json('pieces', 1, 0, 0)[0][0]")
    start, *_ = browser.run(f"archive.decoder.json('block', {block})")
    damage(browser, tmp_path / "x.bb", block)
    cells = "Array.from(document.querySelectorAll('.cell'), (cell) => cell.textContent)"
    text = browser.wait(f"({cells}).find((text) => text.includes('damaged'))")
    assert f"the section 'B' at byte {start} is damaged" in text
    has_mark = "(cell) => cell.querySelector('.mark') !== null"
    marks = f"Array.from(document.querySelectorAll('.cell'), {has_mark})"
    assert browser.run(marks) == [False, True, False]
    browser.wait("document.querySelectorAll('#grid canvas').length === 2")


def test_undamaged_parts_of_a_picture_show(browser: Browser, tmp_path: Path) -> None:
    """What is lost is transparent; the frames of a file in other blocks are whole."""
    picture = np.random.default_rng(0).integers(0, 256, (200, 200), np.uint8)
    bitsback.compress(picture, tmp_path / "x.bb", tile=100, block=1)
    show(browser, tmp_path / "x.bb")
    damage(browser, tmp_path / "x.bb", 1)
    browser.wait(f"{CHECK}.startsWith('damaged in part')")
    found = canvas(browser)
    lost = found[..., 3] == 0
    assert lost.sum() == picture.size // browser.run("archive.info.blocks")
    assert np.array_equal(found[~lost][:, 0], picture[~lost])


def test_frames_beside_damage_show(browser: Browser, tmp_path: Path) -> None:
    stack = np.random.default_rng(0).integers(0, 9, (6, 100, 100), np.uint8)
    tifffile.imwrite(tmp_path / "x.tif", stack, photometric="minisblack")
    bitsback.compress(tmp_path / "x.tif", tmp_path / "x.bb", block=1, tile=100)
    show(browser, tmp_path / "x.bb")
    damage(browser, tmp_path / "x.bb", browser.run("archive.pieces(view.entry, [3])[0][0]"))
    browser.wait("at.values.textContent.startsWith('damaged: ')")
    assert browser.run("at.canvas.hidden")
    browser.press("ArrowDown")
    browser.wait(f"{CHECK}.startsWith('checked')")
    assert np.array_equal(canvas(browser)[..., 0], stack[4])
    assert browser.run("at.values.hidden")


def test_a_damaged_header_leaves_the_pixels(
    browser: Browser, archive: Path, tmp_path: Path
) -> None:
    (tmp_path / "x.bb").write_bytes(archive.read_bytes())
    show(browser, tmp_path / "x.bb")
    damage(browser, tmp_path / "x.bb", browser.run("archive.decoder.json('metadata', 0)[0][0]"))
    settled(browser)
    found = open_entry(browser, number_of(browser, "limits.tif"))
    assert found.startswith("its header is damaged: ")
    assert np.array_equal(values(browser), frames(3, 4, 2, 20, 30)[0, :, 0].ravel())


def test_damaged_headers_are_read(browser: Browser, archive: Path) -> None:
    """As far as they make sense: the frames that they state fill the rows of the picture."""
    show(browser, archive)
    draw = random.Random(0)
    for path in sorted((archive.parent / "in").iterdir()):
        data = path.read_bytes()[:2000]
        for _ in range(40):
            damaged = bytearray(data)
            for _ in range(draw.randrange(1, 9)):
                damaged[draw.randrange(len(damaged))] = draw.choice(
                    [0, 1, 255, draw.randrange(256)]
                )
            size = draw.choice([{"frames": 1, "rows": 20}, {"frames": 0, "rows": 0}])
            header = {**size, "pieces": [[0, 0, len(damaged)]], "palette": []}
            facts = browser.run(
                "factsOf({ rows: 20, columns: 30, channels: 1, slices: 1 },"
                f" new Uint8Array({list(damaged)}), {json.dumps(header)})"
            )
            lengths = [axis["length"] for axis in facts["axes"]]
            assert min(lengths, default=1) > 0
            assert np.prod(lengths) * facts["rows"] == 20
