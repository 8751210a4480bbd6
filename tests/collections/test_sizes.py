"""Pictures of many sizes in one part, large ones cut into tiles, and pages that are a stack."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import bitsback
from folders import save
from plane_models import BoundStandIn, StandIn, ship

from .conftest import Run, files, pixels


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> StandIn:
    return ship(monkeypatch)


def smooth(*shape: int, seed: int = 0, top: int = 256) -> NDArray[np.uint8]:
    steps = np.random.default_rng(seed).integers(-2, 3, shape)
    return (np.cumsum(steps, 1) % top).astype(np.uint8)


@pytest.fixture
def picture_folder(tmp_path: Path, digits: NDArray[np.bool_]) -> Path:
    """A folder of pictures of many sizes and modes, with digits among them."""
    folder = tmp_path / "in"
    for number in range(12):
        save(smooth(20 + 7 * number, 90 - 5 * number, 3, seed=number), folder / f"c{number:02}.png")
        save(smooth(30, 40 + number // 4, seed=number), folder / f"deep/g{number}.png")
        save(digits[number], folder / f"d{number}.png")
    save(smooth(530, 520, seed=5), folder / "large.png")
    save(smooth(50, 40).astype("<u2") * 100, folder / "sixteen.png")
    return folder


@pytest.mark.parametrize("options", [{}, {"tile": 16}, {"block": 3}, {"threads": 1, "tile": 32}])
def test_pictures_come_back(
    picture_folder: Path, tmp_path: Path, options: dict[str, Any], model: StandIn
) -> None:
    if not options:
        save(smooth(1300, 1100, seed=5), picture_folder / "large.png")  # large enough to be cut
    summary = bitsback.compress(picture_folder, tmp_path / "a.bb", files="pixels", **options)
    assert model.name in summary.model and "mnist-binary" in summary.model
    bitsback.decompress(tmp_path / "a.bb", tmp_path / "out")
    assert files(tmp_path / "out") == files(picture_folder)
    with bitsback.open(tmp_path / "a.bb") as archive:
        assert archive.verify() == []
        # In small tiles pictures take more bytes than their files, which are stored verbatim.
        parts = archive.info()["parts"]
        held = sum(part["items"] for part in parts if part["held"])
        assert held == {16: 9, 32: 1}.get(options.get("tile", 0), 0)
        assert [part["mode"] for part in parts if not part["held"]] == ["RGB", "1", "L", "I;16"]
        for number, name in enumerate(archive.names):
            mode, expected = pixels(picture_folder / name)
            assert pixels(tmp_path / "out" / name)[0] == mode
            assert np.array_equal(pixels(tmp_path / "out" / name)[1], expected)
            for picture in (archive[name], archive[number]):
                assert (picture.shape, picture.dtype) == (expected.shape, expected.dtype)
                assert len(picture) == len(expected) and picture.ndim == expected.ndim
                assert np.array_equal(picture, expected)
            assert np.array_equal(archive[name][5:9, ::-3], expected[5:9, ::-3])


def test_a_region_needs_only_the_blocks_that_it_touches(tmp_path: Path, model: StandIn) -> None:
    image = smooth(400, 300)
    save(image, tmp_path / "in" / "a.png")
    bitsback.compress(tmp_path / "in", tmp_path / "a.bb", tile=100, block=1)
    with bitsback.open(tmp_path / "a.bb") as archive:
        assert [block.items for block in archive.reader.blocks] == [
            1
        ] * 13  # the last one has metadata
        asked = []
        pop = BoundStandIn.pop

        def watched(self: BoundStandIn, message: Any, batches: Any, atomic: bool) -> Any:
            asked.append(self.items)
            return pop(self, message, batches, atomic)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(BoundStandIn, "pop", watched)
            assert np.array_equal(archive["a.png"][150:250, 120:130], image[150:250, 120:130])
        assert len(asked) == 2


@pytest.mark.parametrize("names", [["large.png"], ["c03.png", "deep/g5.png", "large.png"]])
def test_some_pictures(
    picture_folder: Path, tmp_path: Path, names: list[str], run: Run, model: StandIn
) -> None:
    result = run("compress", picture_folder, "-o", "a.bb", "--tile", "64")
    assert result.exit_code == 0, result.output
    assert run("extract", "a.bb", *names, "-o", "some").exit_code == 0
    assert files(tmp_path / "some") == sorted(names)
    for name in names:
        assert np.array_equal(pixels(tmp_path / "some" / name)[1], pixels(picture_folder / name)[1])


@pytest.mark.parametrize("stack", [None, True, False])
def test_pages_and_stacks(tmp_path: Path, stack: bool | None, model: StandIn) -> None:
    """Slices of which each is nearly the one before it."""
    rng = np.random.default_rng(0)
    volume = np.cumsum(rng.integers(-2, 3, (40, 70, 60)), 0).astype(np.uint8)
    pages = list(map(Image.fromarray, volume))
    pages[0].save(tmp_path / "x.tif", save_all=True, append_images=pages[1:])
    bitsback.compress(tmp_path / "x.tif", tmp_path / "x.bb", stack=stack)
    bitsback.decompress(tmp_path / "x.bb", tmp_path / "y.tif")
    with (
        Image.open(tmp_path / "y.tif") as restored,
        bitsback.open(tmp_path / "x.bb") as archive,
    ):
        assert archive.verify() == []
        assert restored.n_frames == len(archive[0]) == 40
        for number, page in enumerate(pages):
            restored.seek(number)
            assert np.array_equal(np.asarray(restored), np.asarray(page))
            assert np.array_equal(archive[0][number], np.asarray(page))
    np.save(tmp_path / "x.npy", volume)
    bitsback.compress(tmp_path / "x.npy", tmp_path / "v.bb", stack=stack)
    with bitsback.open(tmp_path / "v.bb") as archive:
        assert archive.info()["stack"] is (stack is not False)
        assert len(archive) == 40 and archive.shape == volume.shape
        assert np.array_equal(archive[5], volume[5])
        assert np.array_equal(archive[2:4, 10:20], volume[2:4, 10:20])
    assert np.array_equal(bitsback.decompress(tmp_path / "v.bb"), volume)
    small, large = (tmp_path / name for name in ("v.bb", "w.bb"))
    bitsback.compress(volume, large, stack=False)
    assert (small.stat().st_size < 0.6 * large.stat().st_size) is (stack is not False)


def test_info_tells_of_sizes_tiles_and_stacks(
    picture_folder: Path, tmp_path: Path, run: Run, model: StandIn
) -> None:
    assert run("compress", picture_folder, "-o", "a.bb", "--tile", "512").exit_code == 0
    told = run("info", "a.bb").stdout
    for part in (
        "38 pictures, 38 names",
        "mode RGB, 12 of 20 x 90 to 76 x 50 uint8",
        "mode 1, 12 x 28 x 28 bool",
        "mode L, 13 of 30 x 40 to 530 x 520 uint8, in tiles of up to 512 x 512",
        "5 by a model as pictures",
    ):
        assert part in told, told
    np.save("x.npy", np.cumsum(np.ones((40, 70, 60)), 0).astype("<u2"))
    assert run("compress", "x.npy", "--stack", "--tile", "50").exit_code == 0
    told = run("info", "x.bb").stdout
    assert "40 x 70 x 60 uint16, a stack of 40 slices, in tiles of up to 32 x 50 x 50" in told
    np.save("y.npy", smooth(70, 60))
    assert run("compress", "y.npy").exit_code == 0
    assert "70 x 60 uint8, one item" in run("info", "y.bb").stdout
