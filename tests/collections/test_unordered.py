"""Unordered pictures, pages and arrays: an archive does not depend on their order, and each item
keeps its labels and names.
"""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import bitsback
from bitsback_lab.digits import binarised_mnist_test_images
from bundled_models import spec_model
from folders import save
from plane_models import SpecStandIn, ship, stand_in
from reference import archive as spec

from .conftest import Run, files, noise, pixels, warnings_of


def digits(count: int) -> NDArray[np.bool_]:
    return binarised_mnist_test_images()[:count]


def steps(rows: int, columns: int, seed: int) -> NDArray[np.uint8]:
    """Pixels that `universal` codes well."""
    values = np.random.default_rng(seed).integers(-2, 3, (rows, columns))
    return np.cumsum(values, 1).astype(np.uint8)


def repeated_pictures() -> list[NDArray[Any]]:
    """Pictures of two values and several sizes, some of them twice, and some in colour."""
    sizes = [(70, 90), (45, 80), (70, 90), (45, 80), (70, 90), (100, 30)]
    grey = [steps(*size, seed) for seed, size in enumerate(sizes)]
    return [*digits(9), digits(1)[0], *grey, grey[2], noise("RGB"), noise("I;16")]


def written(folder: Path, arrays: Sequence[NDArray[Any]], seed: int, classes: int = 0) -> Path:
    """A folder of pictures under names that tell nothing, in folders of classes if there are."""
    for number in np.random.default_rng(seed).permutation(len(arrays)).tolist():
        place = folder / f"class {number % classes}" if classes else folder
        save(arrays[number], place / f"{seed}-{number * 7919 % 97:02}.png")
    return folder


def contents(folder: Path) -> Counter[tuple[str, bytes]]:
    """The number of copies of each picture in each folder."""
    return Counter(
        (
            name.rpartition("/")[0],
            str(pixels(folder / name)).encode() + pixels(folder / name)[1].tobytes(),
        )
        for name in files(folder)
    )


def as_sets(folder: Path, name: str, **options: Any) -> Path:
    archive = folder.with_name(f"{name}.bb")
    warnings_of(folder, archive, unordered=True, model="fast", **options)
    return archive


@pytest.fixture(autouse=True)
def _shipped(monkeypatch: pytest.MonkeyPatch) -> None:
    ship(monkeypatch)


@pytest.mark.parametrize("classes", [0, 3])
def test_a_folder(tmp_path: Path, classes: int) -> None:
    """Two folders of the same pictures under other names make one archive."""
    labels = "folders" if classes else None
    made = [
        as_sets(
            written(tmp_path / str(seed), repeated_pictures(), seed, classes),
            f"{seed}",
            labels=labels,
        )
        for seed in range(2)
    ]
    assert made[0].read_bytes() == made[1].read_bytes()
    bitsback.decompress(made[0], tmp_path / "out")
    assert contents(tmp_path / "out") == contents(tmp_path / "0")
    names = sorted(Path(name).name for name in files(tmp_path / "out"))
    assert names == [f"{number:02}.png" for number in range(len(repeated_pictures()))]
    with bitsback.open(made[0]) as archive:
        assert archive.verify() == []
        info = archive.info()
        assert info["unordered"] and info["multisets"] == info["methods"]["model"] > 1
        assert archive.classes == [f"class {number}" for number in range(classes)]


def test_the_specification_has_the_same(tmp_path: Path) -> None:
    monkey = [*digits(7), digits(1)[0], noise("RGB"), noise("L"), noise("I;16")]
    for options in ({}, {"labels": "folders"}, {"labels": "folders", "keep_names": True}):
        folder = written(tmp_path / str(len(options)), monkey, 0, classes=2)
        data = as_sets(folder, f"{len(options)}", **options).read_bytes()
        found = spec.decode_files(data, [spec_model("mnist-binary")])
        with bitsback.open(io.BytesIO(data)) as archive:
            assert [file.name for file in found] == list(archive.names)
            for number, file in enumerate(found):
                assert np.array_equal(file.array, np.asarray(archive[number]))
            labels = spec.decode_labels(data, [spec_model("mnist-binary")])
            if not options:
                assert labels is None and archive.labels is None
            else:
                assert archive.labels is not None
                assert labels == [archive.classes[label] for label in archive.labels]


def test_names_are_kept_if_asked_for(tmp_path: Path) -> None:
    folder = written(tmp_path / "in", repeated_pictures(), 0, classes=2)
    summary, _ = warnings_of(
        folder, tmp_path / "x.bb", unordered=True, keep_names=True, model="fast"
    )
    bitsback.decompress(tmp_path / "x.bb", tmp_path / "out")
    assert files(tmp_path / "out") == files(folder)
    for name in files(folder):
        assert pixels(tmp_path / "out" / name)[0] == pixels(folder / name)[0]
        assert np.array_equal(pixels(tmp_path / "out" / name)[1], pixels(folder / name)[1])
    less, _ = warnings_of(folder, tmp_path / "y.bb", unordered=True, model="fast")
    assert less.name_bytes is None
    assert summary.name_bytes is not None and summary.name_bytes > 7 * len(files(folder))
    saved = summary.bytes_out - less.bytes_out
    assert saved == pytest.approx(summary.name_bytes, abs=10)
    assert summary.disk_in == sum((folder / name).stat().st_size for name in files(folder))


def test_pictures_by_their_numbers(tmp_path: Path) -> None:
    folder = written(tmp_path / "in", list(digits(11)), 0, classes=2)
    plain, labelled = as_sets(folder, "x"), as_sets(folder, "y", labels="folders")
    with bitsback.open(plain) as archive:
        assert list(archive.names) == [f"{number:02}.png" for number in range(11)]
        assert archive.names[3:5] == ["03.png", "04.png"] and archive.names[-1] == "10.png"
        assert np.array_equal(archive["07.png"], archive[7])
        for name in ("7.png", "007.png", "11.png", "07", "07.bmp", "a/07.png", "²7.png", ""):
            assert name not in archive
            with pytest.raises(KeyError):
                archive[name]
    with bitsback.open(labelled) as archive:
        assert archive.labels is not None
        name = archive.names[3]
        assert name == f"class {archive.labels[3]}/03.png" and np.array_equal(
            archive[name], archive[3]
        )
        assert "03.png" not in archive
        other = f"class {1 - archive.labels[3]}/03.png"
        assert other not in archive
        assert archive.labels.dtype == np.int64
        archive.labels[:] = 0
        assert archive.labels.any(), "it is a copy"


def test_a_picture_is_in_order_with_its_class(tmp_path: Path) -> None:
    """Equal pictures of several classes: the class that comes first is that of the first one."""
    for number, folder in enumerate(["b", "a", "b", "c", "a", "b"]):
        save(digits(1)[0], tmp_path / "in" / folder / f"{number}.png")
    with bitsback.open(as_sets(tmp_path / "in", "x", labels="folders")) as archive:
        assert archive.labels is not None
        assert [archive.classes[label] for label in archive.labels] == list("aabbbc")


def test_many_classes(tmp_path: Path) -> None:
    """More classes than a byte can number."""
    for number in range(300):
        save(np.full((1, 2), number % 251, np.uint8), tmp_path / "in" / f"{number:03}" / "x.png")
    data = as_sets(tmp_path / "in", "x", labels="folders")
    with bitsback.open(data) as archive:
        assert len(archive.classes) == 300 and archive.labels is not None
        for number in range(300):
            assert archive[number][0, 0] == archive.labels[number] % 251
        assert sorted(archive.labels.tolist()) == list(range(300))
    found = spec.decode_labels(data.read_bytes(), [SpecStandIn(stand_in().identity)])
    assert found == [archive.classes[label] for label in archive.labels]


def test_what_of_files_is_not_kept_is_told(tmp_path: Path) -> None:
    picture = Image.fromarray(noise("L", (40, 30))).convert("P")
    (tmp_path / "in").mkdir()
    picture.save(tmp_path / "in" / "a.png")
    Image.fromarray(steps(90, 80, 0)).save(tmp_path / "in" / "b.jpg", quality=10)
    (tmp_path / "in" / "c.txt").touch()
    summary, warned = warnings_of(tmp_path / "in", tmp_path / "x.bb", unordered=True)
    assert any("1 picture with a palette" in one for one in warned)
    assert list(summary.skipped) == ["*.txt"]
    (tmp_path / "in" / "d.png").write_bytes((tmp_path / "in" / "a.png").read_bytes()[:500])
    with pytest.raises(bitsback.InputError, match=r"d\.png.*--skip-bad|d\.png"):
        warnings_of(tmp_path / "in", tmp_path / "y.bb", unordered=True)
    summary, _ = warnings_of(tmp_path / "in", tmp_path / "y.bb", unordered=True, skip_bad=True)
    assert list(summary.bad) == ["d.png"] and summary.files == 2
    for path in (tmp_path / "in").glob("*.[pj][np]g"):
        path.write_bytes(b"no picture")
    with pytest.raises(bitsback.InputError, match="no picture that can be used; the first: "):
        warnings_of(tmp_path / "in", tmp_path / "z.bb", unordered=True, skip_bad=True)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"labels": "x"}, "the labels of a folder are its folders"),
        ({"labels": "folders"}, "1.png is in no folder"),
        ({"unordered": False, "labels": "folders"}, "1.png is in no folder"),
        ({"unordered": False, "keep_names": True}, "--keep-names.* needs unordered"),
    ],
)
def test_what_does_not_go_together(tmp_path: Path, options: dict[str, Any], said: str) -> None:
    save(digits(1)[0], tmp_path / "in" / "1.png")
    save(digits(1)[0], tmp_path / "in" / "a" / "1.png")
    with pytest.raises(bitsback.InputError, match=said):
        bitsback.compress(tmp_path / "in", tmp_path / "x.bb", **{"unordered": True, **options})
    assert not (tmp_path / "x.bb").exists()


def test_a_class_that_is_called_like_a_picture(tmp_path: Path) -> None:
    save(digits(1)[0], tmp_path / "in" / "12.png" / "x.png")
    with pytest.raises(bitsback.InputError, match=r"12\.png: a picture .*--keep-names"):
        as_sets(tmp_path / "in", "x", labels="folders")
    as_sets(tmp_path / "in", "x", labels="folders", keep_names=True)


def test_large_pictures_keep_their_order(tmp_path: Path) -> None:
    arrays = [noise("L", (40, 50), seed) for seed in range(5)]
    folder = written(tmp_path / "in", arrays, 0)
    with bitsback.open(as_sets(folder, "x", tile=16, keep_names=True)) as archive:
        assert list(archive.names) == files(folder)
        for name in archive.names:
            assert np.array_equal(archive[name], pixels(folder / name)[1])
        assert archive.info()["multisets"] == 0


def test_the_command(tmp_path: Path, run: Run) -> None:
    written(tmp_path / "in", list(digits(20)), 0, classes=2)
    made = run("compress", "in", "--unordered", "--keep-names", "-o", "x.bb")
    assert made.exit_code == 0, made.output
    assert "the order of the items is not kept; it would have taken 8 bytes" in made.stderr
    assert "the names take " in made.stderr and " bits each" in made.stderr
    made = run("compress", "in", "--unordered", "--labels", "folders", "-o", "y.bb", "--json")
    assert json.loads(made.stdout)["name_bytes"] is None
    assert "labels    2 classes, of folders" in run("info", "y.bb").stdout
    assert len(run("list", "y.bb").stdout.splitlines()) == 20
    assert run("extract", "y.bb", "class 1/", "-o", "some").exit_code == 0
    assert len(files(tmp_path / "some")) == 10
    noisy = tmp_path / "jpeg"
    noisy.mkdir()
    for seed in range(3):
        Image.fromarray(noise("L", (90, 90), seed)).save(noisy / f"{seed}.jpg", quality=5)
    assert "jpeg has grown" in run("compress", "jpeg", "--unordered").stderr
