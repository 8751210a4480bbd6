"""The choice of the model, and whether it is put into the archive."""

from __future__ import annotations

import io
import json
import lzma
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import bitsback
from bitsback.files.bands import Bands
from bitsback.format.tiles import Tiles
from bitsback.models import bundled
from bitsback.planner.pictures import pixel_cost
from bitsback.planner.planner import Planner
from bitsback.planner.policy import BEST, DEFAULT, FAST, Policy
from bitsback.planner.sampling import boxes_in
from bitsback.summary import Compressed
from bitsback_lab.digits import mnist_test_images
from drawn_letters import lettering
from in_memory import drawn, pack, packed, unpack
from plane_models import only_one_shape
from random_models import random_context_model, random_model

from .conftest import assert_same


def compressed(array: Any, **options: Any) -> Compressed:
    return bitsback.compress(array, io.BytesIO(), **options)


def test_a_bundled_model_is_found_and_referred_to(digits: NDArray[np.bool_]) -> None:
    for shape in ((-1, 28, 28), (-1, 784), (-1, 1, 28, 28), (-1, 28, 28, 1)):
        summary = compressed(digits.reshape(shape))
        assert (summary.model, summary.model_bytes) == ("mnist-binary-context", 0)
        assert summary.bytes_out < 6300


def test_others_are_compressed_if_they_can_be(
    digits: NDArray[np.bool_], monkeypatch: pytest.MonkeyPatch
) -> None:
    only_one_shape(monkeypatch)
    for array in (digits.reshape(-1, 14, 56), digits.reshape(-1), digits[:, :20]):
        assert compressed(array).methods["fallback"] == 1
    bits = np.random.default_rng(0).integers(0, 2, (40, 9, 9)).astype(bool)
    assert compressed(bits).methods["packed"] == 1
    noise = np.random.default_rng(0).integers(0, 256, (3, 28, 28), np.uint8)
    assert compressed(noise).methods["raw"] == 1


def test_a_flat_row_of_pixels_is_many_items() -> None:
    assert compressed(np.zeros(784, bool)).items == 784
    assert compressed(np.zeros((28, 28), bool)).items == 1
    assert compressed(np.zeros((27, 28), bool)).items == 1  # a picture


def test_pictures_that_no_model_of_one_shape_fits_have_the_universal_one() -> None:
    y, x = np.mgrid[:60, :90]
    noise = np.random.default_rng(0).integers(0, 4, (60, 90))
    picture = (100 + 50 * np.sin(y / 9) + 40 * np.cos(x / 7)).astype(np.uint8) + noise
    for array in (picture.astype(np.uint8), (picture * 3).astype(np.int16)):
        summary = compressed(array)
        assert summary.model in ("universal", "universal-mixed") and summary.model_bytes == 0
        assert 8 * summary.bytes_out < 4 * array.size


def test_a_model_by_name_file_or_itself(tmp_path: Path, digits: NDArray[np.bool_]) -> None:
    paper = bitsback.load_model("mnist-binary-paper")
    path = tmp_path / "paper.safetensors"
    path.write_bytes(paper.to_bytes())
    archives = {
        pack(digits, model=model) for model in ("mnist-binary-paper", path, str(path), paper)
    }
    assert len(archives) == 1 and archives != {pack(digits)}
    assert compressed(digits, model=paper).model == "mnist-binary-paper"


def test_ink_and_paper_may_be_swapped(digits: NDArray[np.bool_]) -> None:
    assert abs(len(pack(~digits)) - len(pack(digits))) < 60


def test_a_model_that_does_not_fit(
    tmp_path: Path, digits: NDArray[np.bool_], tiny: bitsback.Model
) -> None:
    path = tmp_path / "x.npy"
    np.save(path, digits)
    with pytest.raises(bitsback.InputError, match=r"x\.npy.*\(28, 28\).*tiny.*\(6, 10\)"):
        bitsback.compress(path, tmp_path / "x.bb", model=tiny)
    grey = np.arange(60 * 3).astype(np.uint8).reshape(3, 6, 10)
    with pytest.raises(bitsback.InputError, match=r"tiny.*two values"):
        compressed(grey, model=tiny)
    with pytest.raises(bitsback.ModelError, match="nonesuch"):
        compressed(digits, model="nonesuch")
    assert [file.name for file in tmp_path.iterdir()] == ["x.npy"]


def test_bytes_that_a_model_of_more_than_two_levels_does_not_code() -> None:
    model = bitsback.Model.build(
        *random_model(likelihood="exponential", levels=40, likelihood_precision=20)
    )
    array = np.zeros((9, *model.item_shape), np.uint8)
    array[8] = 40
    with pytest.raises(bitsback.InputError, match="random codes, the values 0 to 39 as uint8"):
        pack(array[::-1], model=model)
    with pytest.raises(bitsback.InputError, match="as uint8"):
        pack(array.astype(np.int32), model=model)
    assert_same(unpack(pack(array, model=model, block=3)), array)


def test_a_model_of_ones_own_is_embedded(tiny: bitsback.Model, dots: NDArray[np.uint8]) -> None:
    summary = compressed(dots, model=tiny)
    assert summary.methods["model"] == 1 and summary.model_bytes > 0
    archive = pack(dots, model=tiny)
    assert_same(unpack(archive), dots)
    assert_same(bitsback.open(io.BytesIO(archive))[3], dots[3])
    without = compressed(dots, model=tiny, embed="never").bytes_out
    assert 0 <= summary.bytes_out - summary.model_bytes - without <= 5, (
        "the index tells where the model and the blocks are"
    )


def test_a_bundled_model_can_be_embedded_too(digits: NDArray[np.bool_]) -> None:
    summary = compressed(digits, model="mnist-binary-paper", embed="always")
    assert 100_000 < summary.model_bytes < 140_000
    archive = pack(digits, model="mnist-binary-paper", embed="always")
    assert bitsback.open(io.BytesIO(archive)).info()["model_bytes"] == summary.model_bytes
    assert_same(unpack(archive), digits)


def test_a_model_that_is_missing_can_be_given(
    tmp_path: Path, tiny: bitsback.Model, dots: NDArray[np.uint8]
) -> None:
    archive = pack(dots, model=tiny, embed="never")
    with pytest.raises(
        bitsback.ArchiveError, match=f"block 0.*{tiny.identity[:16].hex()}.*-m FILE"
    ):
        unpack(archive)
    path = tmp_path / "tiny.safetensors"
    path.write_bytes(tiny.to_bytes())
    for model in (tiny, path):
        assert_same(unpack(archive, model=model), dots)
        assert_same(bitsback.open(io.BytesIO(archive), model=model)[7], dots[7])
    opened = bitsback.open(io.BytesIO(archive))
    unknown = {"name": None, "about": None, "code": None}
    assert opened.info()["models"] == [
        {"identity": tiny.identity[:16].hex(), "blocks": 1} | unknown
    ]
    assert [block for block, _ in opened.verify()] == [0]


def test_wrong_arguments(digits: NDArray[np.bool_]) -> None:
    for options in ({"block": 0}, {"threads": 0}, {"embed": "perhaps"}):
        with pytest.raises(bitsback.InputError):
            compressed(digits, **options)
    with pytest.raises(bitsback.InputError, match="mask"):
        compressed(np.ma.masked_array([1, 2]))
    with pytest.raises(bitsback.InputError, match="list"):
        compressed([1, 2])
    with pytest.raises(bitsback.InputError, match=r"complex.*\.real"):
        compressed(np.zeros(3, complex))


SHAPE = (12, 20)
SIZES: dict[str, Any] = {"shape": SHAPE, "latents": 1, "hidden": 4, "bits": 8}


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of models to bundle: a fast one, for which all pixels are alike, and two
    autoregressive ones.
    """
    folder = tmp_path_factory.mktemp("shelf")
    index = np.arange(256)
    for name, (description, tensors), probability in (
        ("shelf-fast", random_model(**SIZES), np.full(256, 30000)),
        ("shelf-mild", random_context_model(1, **SIZES), np.where(index < 128, 15000, 50000)),
        ("shelf-sharp", random_context_model(2, **SIZES), np.where(index < 128, 300, 65000)),
    ):
        (table,) = (tensor for tensor in tensors if tensor.endswith(".probability"))
        tensors[table] = probability.astype(np.uint16)
        model = bitsback.Model.build(json.dumps(json.loads(description) | {"name": name}), tensors)
        (folder / f"{name}.safetensors").write_bytes(model.to_bytes())
    return folder


@pytest.fixture
def shelved(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes those models the only bundled ones, with no general compressor beside them."""
    monkeypatch.setattr(Planner, "_contested", lambda *_: False)
    monkeypatch.setattr(bundled, "_NAMES", ("shelf-fast", "shelf-mild", "shelf-sharp"))
    monkeypatch.setattr(bundled, "_file", lambda name: shelf / f"{name}.safetensors")


def chosen(items: NDArray[np.uint8], policy: Policy) -> str:
    model = Planner(policy).plan(Tiles.stacked(items)).model
    assert model is not None
    return model.name


@pytest.mark.usefixtures("shelved")
def test_fast_and_best() -> None:
    for name in ("shelf-mild", "shelf-sharp"):
        items = drawn(bundled.load(name), 100)
        assert chosen(items, FAST) == "shelf-fast"
        for policy in (DEFAULT, BEST):
            assert chosen(items, policy) == chosen(1 - items, policy) == name


@pytest.mark.usefixtures("shelved")
def test_random_access_has_a_fast_model_unless_it_is_far_worse() -> None:
    policy = DEFAULT.for_random_access
    assert chosen(drawn(bundled.load("shelf-mild"), 100), policy) == "shelf-fast"
    assert chosen(drawn(bundled.load("shelf-sharp"), 100), policy) == "shelf-sharp"


@pytest.mark.usefixtures("shelved")
def test_archives_of_a_model_of_context() -> None:
    items = drawn(bundled.load("shelf-sharp"), 300)
    summary = compressed(items, block=100)
    assert (summary.model, summary.model_bytes, summary.methods["model"]) == ("shelf-sharp", 0, 3)
    assert summary.bytes_out < items.size / 16
    archive = pack(items, model="best", block=100)
    assert archive == pack(items, model="shelf-sharp", block=100, threads=3)
    assert_same(unpack(archive), items)
    opened = bitsback.open(io.BytesIO(archive))
    assert_same(opened[123], items[123])
    assert opened.verify() == []
    (model,) = opened.info()["models"]
    assert model["name"] == "shelf-sharp"
    assert model["code"] == ["pop z ~ q(z|x)", "push x ~ p(x|z)", "push z ~ p(z)"]


def test_a_model_of_context_of_ones_own_is_embedded(shelf: Path) -> None:
    model = bitsback.load_model(shelf / "shelf-sharp.safetensors")
    items = np.zeros((50, *SHAPE), bool)
    items[:, 3, 4] = True
    archive = pack(items, model=model)
    assert_same(unpack(archive), items)
    (found,) = bitsback.open(io.BytesIO(archive)).info()["models"]
    assert found["identity"] == model.identity[:16].hex()  # no more is in the archive


def test_no_model_is_loaded_that_does_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(name: str) -> bitsback.Model:
        raise AssertionError(f"{name} is loaded")

    monkeypatch.setattr(bundled, "load", load)
    only_one_shape(monkeypatch)
    for model in ("auto", "best", "fast"):
        assert compressed(np.zeros((3, 27, 28), bool), model=model).model is None


def test_what_is_told_of_a_bundled_model_without_loading_it() -> None:
    for name in bundled.names():
        model, outline = bitsback.load_model(name), bundled.outline(name)
        assert (model.name, bundled.identity(name)) == (name, model.identity)
        assert bundled.size(name) == len(model.to_bytes())
        for field in ("name", "about", "code", "item_shape", "levels", "latents"):
            assert getattr(outline, field) == getattr(model, field)
        assert bundled.find(model.identity[:16]) is model
    assert bundled.find(bytes(16)) is None


@pytest.fixture
def grey() -> NDArray[np.uint8]:
    return mnist_test_images()[:300]


def test_a_model_is_chosen_for_the_blocks_that_come_later_too(
    digits: NDArray[np.bool_], grey: NDArray[np.uint8]
) -> None:
    """The choice does not depend on the first block alone."""
    white, grey = digits[:120].view(np.uint8) * np.uint8(255), grey[:120]
    for first, then in ((white, grey), (grey, white)):
        both = np.concatenate([first, then])
        archive, summary = packed(both, block=120)
        assert summary.methods["model"] == 2
        assert summary.bytes_out < 1.02 * (len(pack(first)) + len(pack(then)))
        assert_same(unpack(archive), both)
        assert archive == pack(both, block=120, threads=3)


@pytest.mark.parametrize("alike", [True, False])
def test_a_model_that_a_general_compressor_beats_is_not_chosen(alike: bool) -> None:
    """Models that count contexts learn what recurs, but do not match long repetitions."""
    random = np.random.default_rng(0)
    noise = random.integers(0, 256, 5_000, np.uint8)
    firsts = np.zeros(120, int) if alike else random.integers(0, noise.size - 784, 120)
    images = np.stack([noise[first : first + 784].reshape(28, 28) for first in firsts])
    archive, summary = packed(images)
    assert (summary.model, summary.methods["fallback"], summary.outdone) == (None, 1, 1)
    general = lzma.compress(images.tobytes(), preset=6)
    assert summary.bytes_out < 1.02 * len(general) + 300
    assert_same(unpack(archive), images)


def test_a_picture_with_an_empty_middle_is_seen_elsewhere() -> None:
    """A trial on its middle alone would find that every model codes it in no bytes."""
    drawn = lettering(300, 400)
    drawn[60:240, 90:310] = 255
    picture = np.stack([drawn, 255 - drawn, drawn // 2], -1)
    summary = compressed(picture)
    models = ("graphics", "universal-mixed", "universal")
    sizes = {name: compressed(picture, model=name).bytes_out for name in models}
    assert summary.model in ("graphics", "universal-mixed")
    assert summary.bytes_out == min(sizes.values()) < 0.8 * sizes["universal"]
    cost, general = pixel_cost(Bands.from_array(picture), None, Planner())
    assert not general and 0.5 < cost / summary.bytes_out < 2


def test_only_the_sample_of_a_picture_is_compressed_if_its_cost_is_clearly_enough(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    random = np.random.default_rng(0)
    picture = random.normal(128, 9, (900, 1000)).clip(0, 255).astype(np.uint8)
    bands = Bands.from_array(picture)
    exact, _ = pixel_cost(bands, None, Planner(FAST))
    assert pixel_cost(bands, None, Planner(FAST), 1.1 * exact) == (exact, False)
    monkeypatch.setattr("bitsback.planner.pictures._share", None)
    cost, general = pixel_cost(bands, None, Planner(FAST), picture.size)
    assert not general and 0.95 < cost / exact < 1.05


@pytest.mark.parametrize("shape", [(700, 900), (55, 800, 3), (2000, 30), (64, 300, 200), (9, 9)])
@pytest.mark.parametrize("most", [1 << 10, 1 << 14, 1 << 17])
def test_boxes_of_a_sample_are_apart(shape: tuple[int, ...], most: int) -> None:
    found = np.zeros(shape, np.uint8)
    for above, box in boxes_in(np.dtype("u1"), shape, most, most):
        assert found[box].size
        found[above] += 1
        found[box] += 1
    assert found.max() == 1
    assert found.sum() <= 2.2 * most


def test_what_no_bundled_model_has_seen_is_counted(grey: NDArray[np.uint8]) -> None:
    """Digits in black on white."""
    inverted = 255 - grey
    archive, summary = packed(inverted)
    assert summary.model in ("graphics-grey", "universal-mixed")
    assert summary.methods["model"] == 1
    assert summary.bytes_out < 0.9 * len(lzma.compress(inverted.tobytes(), preset=9))
    assert_same(unpack(archive), inverted)


def test_photographs_are_tried_by_counting_for_the_best_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    rows, columns = np.indices((96, 90))
    light = 128 + 40 * np.sin(rows / 9) + 30 * np.sin(columns / 13)
    random = np.random.default_rng(0).normal(0, 6, (96, 90, 3))
    photograph = np.clip(light[..., None] * [0.9, 0.7, 0.5] + random, 0, 255).astype(np.uint8)
    caplog.set_level("DEBUG", "bitsback.planner")
    assert compressed(photograph).model == "universal"
    assert "universal-mixed makes" not in caplog.text
    compressed(photograph, model="best")
    assert "universal-mixed makes" in caplog.text


@pytest.mark.parametrize("model", ["fast", "mnist"])
def test_where_the_model_loses_it_is_told(grey: NDArray[np.uint8], model: str) -> None:
    noise = np.random.default_rng(0).integers(0, 128, grey.shape, np.uint8)
    summary = compressed(noise, model=model)
    assert (summary.model, summary.methods["fallback"], summary.outdone) == (None, 1, 1)
    assert summary.bytes_out < 0.9 * noise.size


def test_a_model_that_no_block_needs_is_not_embedded() -> None:
    random = np.random.default_rng(0)
    tile = random.integers(0, 256, (1, 20, 30), np.uint8)
    images = np.repeat(tile, 40, axis=0)
    summary = compressed(images, model="universal", embed="always")
    assert (summary.model, summary.model_bytes) == (None, 0)
    assert summary.bytes_out < 1.3 * tile.size
    assert np.array_equal(unpack(pack(images, model="universal", embed="always")), images)
    photograph = (100 + random.normal(0, 3, (90, 120)).cumsum(1).cumsum(0) / 9).astype(np.uint8)
    assert compressed(photograph, model="universal", embed="always").model_bytes > 0


@pytest.mark.parametrize("model", ["auto", "best"])
def test_sparse_counts_and_labels_of_16_bits_do_not_get_larger(model: str) -> None:
    random = np.random.default_rng(0)
    sparse = random.poisson(0.02, (96, 128)) * 1000
    sparse += (random.random(sparse.shape) < 0.01) * random.integers(1, 60_000, sparse.shape)
    labels = np.kron(random.integers(0, 900, (12, 16)), np.ones((8, 8), int))
    for array in (sparse.astype(np.uint16), labels.astype(np.uint16)):
        archive, summary = packed(array, model=model)
        others = [compressed(array, model=of).bytes_out for of in ("universal", "universal-16")]
        assert summary.bytes_out <= min(others)
        assert summary.bytes_out < 1.02 * len(lzma.compress(array.tobytes(), preset=6)) + 300
        assert_same(unpack(archive), array)
