"""napari opens archives as lazy layers."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from numpy.typing import NDArray

import bitsback
from bitsback.napari import get_reader

ROOT = Path(__file__).parents[2]
MANIFEST = Path(bitsback.__file__).parent / "napari.yaml"


def layers(*paths: Path) -> list[Any]:
    reader = get_reader([str(path) for path in paths])
    assert reader is not None
    return reader([str(path) for path in paths])


def test_a_volume_is_decoded_slice_by_slice(
    made: Path, volume: NDArray[np.uint8], decoded: list[int]
) -> None:
    ((data, options, kind),) = layers(made / "volume.bb")
    assert (data.shape, data.dtype, data.chunks[0], kind) == (
        *(volume.shape, volume.dtype, (4, 4, 4), "image"),
    )
    assert (options["name"], options["rgb"], options["contrast_limits"]) == (
        *("volume", False, (0, 255)),
    )
    assert not decoded
    assert np.array_equal(data[6].compute(), volume[6]) and decoded == [4]
    assert np.array_equal(data[:, 3].compute(), volume[:, 3])


def test_pictures_of_one_shape_are_a_stack(made: Path, pictures: dict[str, NDArray[Any]]) -> None:
    (stack, of_stack, _), (picture, of_picture, _) = layers(made / "folder.bb")
    assert stack.shape == (3, 7, 8) and of_stack["name"] == "folder: pictures"
    assert of_stack["metadata"]["names"] == ["a/1.png", "a/2.png", "b.png"]
    assert np.array_equal(stack[1].compute(), pictures["a/2.png"])
    assert of_picture["rgb"] and np.array_equal(picture.compute(), pictures["c.png"])


def test_colours_of_16_bits(tmp_path: Path) -> None:
    bitsback.compress(np.arange(240, dtype=">u2").reshape(8, 10, 3), tmp_path / "x.bb")
    ((data, options, _),) = layers(tmp_path / "x.bb")
    assert data.shape == (8, 10, 3) and options["rgb"] and "contrast_limits" not in options


def test_limits_are_those_of_the_middle_slice(tmp_path: Path, decoded: list[int]) -> None:
    """Which napari shows first; it would take them from the first one."""
    stack = np.zeros((9, 6, 5), np.float32)
    stack[4] = np.linspace(-2, 7, 30).reshape(6, 5)
    stack[4, 0, 1:3] = np.nan, np.inf
    bitsback.compress(stack, tmp_path / "x.bb", block=2)
    ((_, options, _),) = layers(tmp_path / "x.bb")
    assert options["contrast_limits"] == (-2, 7) and len(decoded) == 1
    bitsback.compress(np.zeros((9, 6, 5), np.int16), tmp_path / "same.bb")
    ((_, options, _),) = layers(tmp_path / "same.bb")
    assert "contrast_limits" not in options


def test_a_damaged_middle_slice(tmp_path: Path) -> None:
    """The others are shown."""
    stack = np.random.default_rng(0).integers(0, 1 << 16, (9, 20, 20), np.uint16)
    bitsback.compress(stack, tmp_path / "x.bb", block=1)
    content = bytearray((tmp_path / "x.bb").read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "x.bb").write_bytes(content)
    ((data, options, _),) = layers(tmp_path / "x.bb")
    assert "contrast_limits" not in options and np.array_equal(data[0].compute(), stack[0])
    with pytest.raises(bitsback.ArchiveError, match="block"):
        data[4].compute()


def test_several_archives(made: Path) -> None:
    found = layers(made / "scan.bb", made / "volume.bb")
    assert [options["name"] for _, options, _ in found] == ["scan: c.png", "volume"]


def test_what_napari_cannot_show(tmp_path: Path) -> None:
    assert get_reader("x.png") is None and get_reader(["x.bb", "x.png"]) is None
    np.savez(tmp_path / "x.npz", images=np.zeros((2, 3, 4)), labels=np.arange(2))
    bitsback.compress(tmp_path / "x.npz", tmp_path / "x.bb")
    assert [options["name"] for _, options, _ in layers(tmp_path / "x.bb")] == ["x: images"]
    bitsback.compress(np.arange(5), tmp_path / "y.bb")
    with pytest.raises(bitsback.InputError, match="two or more axes"):
        layers(tmp_path / "y.bb")


def test_the_manifest_leads_to_the_reader() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["napari.manifest"] == {"bitsback": f"bitsback:{MANIFEST.name}"}
    manifest = yaml.safe_load(MANIFEST.read_text())
    (command,), (reader,) = manifest["contributions"].values()
    module, _, name = command["python_name"].partition(":")
    found: Callable[..., Any] = getattr(import_module(module), name)
    assert found is get_reader and reader["command"] == command["id"]
    assert reader["filename_patterns"] == ["*.bb"]


def test_npe2_accepts_the_manifest(made: Path) -> None:
    """In another process, since npe2 warns, and warnings are errors here."""
    code = (
        "import npe2, sys; manager = npe2.PluginManager.instance(); manager.discover();"
        " manager.get_manifest('bitsback');"
        " print(npe2.read([sys.argv[1]], stack=False)[0][0].shape)"
    )
    ran = subprocess.run([sys.executable, "-c", code, str(made / "volume.bb")], capture_output=True)
    assert ran.stdout.split() == [b"(12,", b"10,", b"9)"], ran.stderr


@pytest.mark.slow
def test_a_window_shows_what_went_in(tmp_path: Path) -> None:
    """A stack and a colour picture of 16 bits, by the plug-in that napari finds."""
    if importlib.util.find_spec("napari") is None:
        pytest.skip("napari is missing: pip install 'napari[pyqt6]'")
    if shutil.which("xvfb-run") is None:
        pytest.skip(
            "a screen is missing: apt-get install xvfb xauth libgl1-mesa-dri libxcb-cursor0"
        )
    stack = np.random.default_rng(0).integers(0, 4000, (20, 60, 50), np.uint16)
    stack[0] = 0
    colours = np.arange(9000, dtype=np.uint16).reshape(50, 60, 3)
    for name, array in (("stack", stack), ("colours", colours)):
        np.save(tmp_path / f"{name}.npy", array)
        bitsback.compress(array, tmp_path / f"{name}.bb", block=2)
    command = ["xvfb-run", "-a", "-s", "-screen 0 1280x1024x24", sys.executable]
    ran = subprocess.run(
        [*command, Path(__file__).with_name("napari_window.py"), tmp_path],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)
    assert found["stack"] == {
        "rgb": False,
        "slices as they were": [True] * 4,
        "blocks for each slice": [[], [], [4], [18]],  # the first and the middle one were shown
        "levels": True,
    }
    assert found["colours"]["rgb"] and found["colours"]["slices as they were"] == [True]
