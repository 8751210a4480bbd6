"""Items with labels: together in an archive, ordered or not."""

from __future__ import annotations

import io
import itertools
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import bitsback
from bitsback.format import adaptive
from bitsback.format.layout import LABELS, UNNAMED, section
from bitsback.wire import varint
from bitsback_lab.digits import binarised_mnist_test_images
from bundled_models import spec_model
from folders import save
from packing import index_of, replaced
from reference import archive as spec
from reference.fields import ArchiveError
from reference.message import MessageError

from .conftest import Run

COUNT = 45


def arrays(seed: int = 0) -> dict[str, NDArray[Any]]:
    """Images, some of them equal, with labels, other records, and arrays that match no others."""
    rng = np.random.default_rng(seed)
    images = binarised_mnist_test_images()[:COUNT]
    images[-3:] = images[0]
    return {
        "y": rng.integers(-1, 4, COUNT).astype(">i4"),
        "x": images,
        "box": rng.random((COUNT, 2)).astype("<f4"),
        "means": np.arange(10.0),
        "version": np.array(3),
    }


def shuffled(of: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    order = np.random.default_rng(5).permutation(COUNT)
    return {
        key: value[order] if value.shape[:1] == (COUNT,) else value for key, value in of.items()
    }


def packed(folder: Path, of: dict[str, NDArray[Any]], **options: Any) -> bytes:
    np.savez(folder / "some.npz", **of)
    bitsback.compress(folder / "some.npz", folder / "some.bb", force=True, model="fast", **options)
    return (folder / "some.bb").read_bytes()


def restored(folder: Path, data: bytes) -> dict[str, NDArray[Any]]:
    bitsback.decompress(data, folder / "out.npz", force=True)
    with np.load(folder / "out.npz") as file:
        return {key: file[key] for key in file.files}


def records(of: dict[str, NDArray[Any]]) -> list[tuple[bytes, ...]]:
    """The items of all arrays at the same index, as one record each."""
    return [tuple(of[key][item].tobytes() for key in ("x", "y", "box")) for item in range(COUNT)]


def test_an_ordered_archive(tmp_path: Path) -> None:
    data = packed(tmp_path, arrays(), labels="y")
    found = restored(tmp_path, data)
    assert list(found) == list(arrays())
    for key, array in arrays().items():
        assert found[key].dtype == array.dtype and np.array_equal(found[key], array)
    with bitsback.open(io.BytesIO(data)) as archive:
        assert archive.verify() == []
        labels = archive.labels
        assert labels is not None and labels.dtype == np.dtype(">i4")
        assert np.array_equal(labels, arrays()["y"]) and archive.classes == []
        assert archive.info()["labels"] == {"array": "y", "classes": None}
        assert archive.info()["methods"]["adaptive"] == 1
    assert bitsback.open(io.BytesIO(packed(tmp_path, arrays()))).labels is None


@pytest.mark.parametrize("labels", ["y", None])
@pytest.mark.parametrize("block", [None, 15])
def test_an_unordered_archive(tmp_path: Path, labels: str | None, block: int | None) -> None:
    """An image, its label and its box form one item; arrays that match no others stay as they
    are.
    """
    data = packed(tmp_path, arrays(), labels=labels, unordered=True, block=block)
    if block is None:
        assert packed(tmp_path, shuffled(arrays()), labels=labels, unordered=True) == data
    found = restored(tmp_path, data)
    assert sorted(records(found)) == sorted(records(arrays()))
    if block is None:
        assert records(found) == sorted(records(arrays())), "equal images by their labels"
    for key in ("means", "version"):
        assert np.array_equal(found[key], arrays()[key])
    with bitsback.open(io.BytesIO(data)) as archive:
        assert archive.unordered and archive.verify() == []
        assert archive.info()["multisets"] == (1 if block is None else 3)
        own = archive.labels
        assert (own is None) == (labels is None)
        if own is not None:
            assert np.array_equal(own, found["y"])


def test_the_specification_has_the_same(tmp_path: Path) -> None:
    for unordered in (False, True):
        data = packed(tmp_path, arrays(), labels="y", unordered=unordered)
        found = spec.decode_files(data, [spec_model("mnist-binary")])
        with bitsback.open(io.BytesIO(data)) as archive:
            assert [file.name for file in found] == archive.names
            for number, file in enumerate(found):
                assert np.array_equal(file.array, np.asarray(archive[number]))
            assert archive.labels is not None
            assert spec.decode_labels(data, [spec_model("mnist-binary")]) == archive.labels.tolist()


def test_sets_of_several_lengths(tmp_path: Path) -> None:
    """The layout of Keras's mnist.npz: two sets, each with its labels."""
    images = binarised_mnist_test_images()[:30]
    of = {
        "x_test": images[:10], "x_train": images[10:],
        "y_test": np.arange(10) % 3, "y_train": np.arange(20) % 4,
    }  # fmt: skip
    found = restored(tmp_path, packed(tmp_path, of, labels="y_train", unordered=True))
    for which in ("test", "train"):
        x, y = f"x_{which}", f"y_{which}"
        before = sorted(zip(map(bytes, of[x]), of[y].tolist(), strict=True))
        assert list(zip(map(bytes, found[x]), found[y].tolist(), strict=True)) == before
    with bitsback.open(tmp_path / "some.bb") as archive:
        assert archive.labels is not None and len(archive.labels) == 20
        assert (
            archive.reader.pairs is not None
            and archive.names[archive.reader.pairs.images or 0] == "x_train"
        )


@pytest.mark.parametrize("shape", [(0, 4, 4), (1, 4, 4)])
def test_no_items_or_one_with_labels(tmp_path: Path, shape: tuple[int, ...]) -> None:
    of = {"x": np.zeros(shape, np.uint8), "y": np.arange(shape[0])[::-1]}
    for unordered in (False, True):
        data = packed(tmp_path, of, labels="y", unordered=unordered)
        found = restored(tmp_path, data)
        assert found["x"].shape == shape
        assert found["y"].tolist() == sorted(of["y"], reverse=not unordered)
        with bitsback.open(io.BytesIO(data)) as archive:
            assert archive.verify() == [] and archive.labels is not None
            assert len(archive.labels) == shape[0]


def test_labels_cost_what_they_tell(tmp_path: Path) -> None:
    """Labels of ten classes take log2(10) bits each and a little for learning, in any dtype."""
    images = np.zeros((3000, 2, 2), np.uint8)
    labels = np.random.default_rng(0).integers(0, 10, 3000)
    for dtype in ("u1", "<i8"):
        packed(tmp_path, {"x": images, "y": labels.astype(dtype)}, labels="y")
        with bitsback.open(tmp_path / "some.bb") as archive:
            size = archive.reader.blocks[-1].size
        assert 8 * size == pytest.approx(3000 * np.log2(10), abs=800)


@pytest.mark.parametrize(
    ("labels", "unordered", "said"),
    [
        ("z", False, "has no array 'z' of labels, but y, x, box, means, version"),
        ("folders", False, "has no array 'folders'"),
        ("version", False, "version has one labels, and no other array is as long"),
        ("means", True, "means has 10 labels, and no other array is as long"),
    ],
)
def test_labels_that_are_none(tmp_path: Path, labels: str, unordered: bool, said: str) -> None:
    with pytest.raises(bitsback.InputError, match=said):
        packed(tmp_path, arrays(), labels=labels, unordered=unordered)


def test_what_can_have_no_labels(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros((3, 4)))
    with pytest.raises(bitsback.InputError, match=r"labels \(--labels\) are for an npz file"):
        bitsback.compress(tmp_path / "x.npy", io.BytesIO(), labels="y")


def test_folders_are_labels(tmp_path: Path) -> None:
    """In an ordered folder the names hold the labels."""
    for number, folder in enumerate(["b", "a/b", "a", "b"]):
        save(np.full((5, 5), number, np.uint8), tmp_path / "in" / folder / f"{number}.png")
    (tmp_path / "in" / "a" / "notes.txt").write_text("text")
    bitsback.compress(tmp_path / "in", tmp_path / "x.bb", labels="folders")
    with bitsback.open(tmp_path / "x.bb") as archive:
        assert archive.classes == ["a", "a/b", "b"] and archive.labels is not None
        labelled = dict(zip(archive.names, archive.labels.tolist(), strict=True))
        assert labelled == {
            "a/2.png": 0, "a/b/1.png": 1, "a/notes.txt": 0, "b/0.png": 2, "b/3.png": 2,
        }  # fmt: skip
        assert spec.decode_labels((tmp_path / "x.bb").read_bytes()) == [
            archive.classes[label] for label in archive.labels
        ]


def test_the_command(tmp_path: Path, run: Run) -> None:
    np.savez("some.npz", **arrays())
    assert run("compress", "some.npz", "--labels", "y", "--unordered").exit_code == 0
    assert "labels    the array y\n" in run("info", "some.bb").stdout
    failed = run("merge", "some.bb", "some.bb", "-o", "x.bb")
    assert failed.exit_code == 2 and "cannot be merged" in failed.stderr


def refused(data: bytes, folder: Path, said: str) -> None:
    with pytest.raises(bitsback.ArchiveError, match=said):
        bitsback.decompress(data, folder / "none")
    with bitsback.open(io.BytesIO(data)) as archive:
        assert any(re.search(said, str(problem)) for _, problem in archive.verify())
        with pytest.raises(bitsback.ArchiveError, match=said):
            _ = archive.labels
        assert any(re.search(said, problem) for problem in archive.info()["problems"])
    with pytest.raises((ArchiveError, MessageError, UnicodeDecodeError, ValueError)):
        spec.decode_labels(data, [spec_model("mnist-binary")])


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        (b"\2", "kind 2: it needs a newer"),
        (b"\0\1\1", "arrays that it does not have"),
        (b"\0\1\5", "arrays that it does not have"),
        (b"\0\1\3", "not as many as its items"),
        (b"\0\4\4", "arrays that it does not have"),
        (b"\0\4\0", "not as many as its items"),
        (b"\1", "do not suit its kind of files"),
        (b"\0\1", "cut short|too short|ends"),
        (b"\0\1\0\0", "follows"),
    ],
    ids=itertools.count(),
)
def test_labels_made_to_harm(tmp_path: Path, payload: bytes, said: str) -> None:
    data = packed(tmp_path, arrays(), labels="y")
    refused(replaced(data, LABELS, payload), tmp_path, said)


def of_classes(tmp_path: Path) -> bytes:
    for number, folder in enumerate(["b", "a", "b"]):
        save(np.full((5, 5), number, np.uint8), tmp_path / "in" / folder / f"{number}.png")
    bitsback.compress(tmp_path / "in", tmp_path / "x.bb", labels="folders", unordered=True)
    return (tmp_path / "x.bb").read_bytes()


def named(*names: bytes) -> bytes:
    return b"".join(b"\0\0" + varint(len(name)) + name for name in names)


def told(*labels: int) -> bytes:
    data = adaptive.pack(np.array(labels, np.uint8).reshape(-1, 1))
    assert data is not None
    return data


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        (b"\2" + named(b"b", b"a") + told(0, 1, 0), "not in order"),
        (b"\2" + named(b"a", b"a") + told(0, 1, 0), "not in order"),
        (b"\1" + named(b"..") + told(0, 0, 0), "leads out"),
        (b"\1" + named(b"/a") + told(0, 0, 0), "begins at the root"),
        (b"\1" + named(b"a/7.png") + told(0, 0, 0), "a picture without a name"),
        (b"\1" + named(b"x" * 256) + told(0, 0, 0), "a part of this has 256"),
        (b"\1" + named(b"/".join([b"x" * 200] * 5)) + told(0, 0, 0), "too long for that"),
        (b"\1" + named(b"\xff") + told(0, 0, 0), "UTF-8"),
        (b"\2" + named(b"a", b"b") + told(0, 1, 2), "no class"),
        (b"\2" + named(b"a", b"b") + told(0, 1), "exhausted"),
        (b"\2" + named(b"a", b"b") + told(0, 1, 0, 1), "begin|end|values|message"),
        (b"\2" + named(b"a", b"b") + told(0, 1, 0)[:-1], "message"),
        (b"\2" + named(b"a", b"b") + told(0, 1, 0) + b"\0\0\0\0", "message"),
        (varint(2**40) + named(b"a"), "more than pictures can have"),
        (varint(2**16), "cut short|too short|ends"),
        (b"\0\0", "follows"),
    ],
    ids=itertools.count(),
)
def test_classes_made_to_harm(tmp_path: Path, payload: bytes, said: str) -> None:
    refused(replaced(of_classes(tmp_path), UNNAMED, payload), tmp_path, said)


def test_names_and_none(tmp_path: Path) -> None:
    data = of_classes(tmp_path)
    with bitsback.open(io.BytesIO(data)) as archive:
        (place,) = archive.reader.directory.sections
        counts = [block.items for block in archive.reader.blocks]

    def put_in(more: bytes) -> bytes:
        body = data[: place.offset] + more + data[place.offset : place.end]
        return body + index_of(body, counts)

    for more, said in (
        (section(UNNAMED, b"\0"), "there twice"),
        (section(b"N", b"\0"), "there twice"),
        (section(b"F", b""), "have no names"),
    ):
        refused(put_in(more), tmp_path, said)
    refused(put_in(section(LABELS, b"\1") * 2), tmp_path, "two sections with the labels")
