"""The test items of size-agnostic models: the faults that they detect and when they run."""

import ctypes
import json
import platform
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bitsback
from bitsback.codecs import Categorical
from bitsback.errors import ModelError
from bitsback.models import Model, bundled, file, item_vectors
from bitsback.models.integer.fields import Fields
from bitsback.models.item_choice import WRONG, build_with_items
from bitsback.models.item_vectors import ItemVectors
from broken_models import MISSING, broken, field
from networks import SIMD_PATHS, engine

ANY_SHAPE = [name for name in bundled.names() if bundled.outline(name).any_shape]


def items_of(model: Model) -> tuple[ItemVectors, str]:
    fields = Fields(json.loads(model.description)["test"]["items"], "items")
    return ItemVectors.read(fields), fields.text("sha256")


@pytest.mark.parametrize("name", [of for of in ANY_SHAPE if not bundled.outline(of).counted])
def test_each_wrong_arithmetic_changes_what_a_bundled_model_writes(name: str) -> None:
    model = bundled.load(name)
    items, sha256 = items_of(model)
    assert model.adaptive is not None
    assert items.digest(model.adaptive) == sha256
    # A counted distribution has only integers, without rounding.
    rounds = not bundled.outline(name).counted
    for wrong in WRONG:
        assert (items.digest(model.adaptive, wrong) != sha256) == rounds


@pytest.mark.parametrize("path", SIMD_PATHS)
@pytest.mark.parametrize("name", ANY_SHAPE)
def test_every_engine_writes_the_same(name: str, path: str) -> None:
    with engine(path):
        model = Model.build(*file.read(bundled.load(name).to_bytes()), tested=False)
        items, sha256 = items_of(model)
        assert model.adaptive is not None
        assert items.hold(model.adaptive, sha256)


def test_an_arithmetic_that_there_is_none_of() -> None:
    model = bundled.load("series")
    assert model.adaptive is not None
    with pytest.raises(bitsback.MessageError, match="arithmetic"):
        items_of(model)[0].digest(model.adaptive, "backwards")


def test_a_new_model_gets_items_that_tell() -> None:
    description = json.loads(bundled.load("series").description)
    del description["test"]["items"]
    description["distributions"]["p(x)"]["predictors"] = [
        {"inputs": [[1, 0], [2, 0]], "forgetting": 5, "every": 8, "ridge": 100}
    ]
    model = build_with_items(description, {})
    items, _ = items_of(model)
    assert model.adaptive is not None
    for wrong in WRONG:
        changed = [
            ItemVectors(items.shape, (seed,)).digest(model.adaptive, wrong)
            != ItemVectors(items.shape, (seed,)).digest(model.adaptive)
            for seed in items.seeds
        ]
        assert sum(changed) >= 2


def test_a_predictor_that_no_items_tell_about_is_refused() -> None:
    description = json.loads(bundled.load("series").description)
    del description["test"]["items"]
    description["distributions"]["p(x)"]["predictors"] = [
        {"inputs": [[64, 64]], "forgetting": 5, "every": 8, "ridge": 100}
    ]
    with pytest.raises(ModelError, match="no items reveal"):
        build_with_items(description, {})


def test_an_older_model_says_so() -> None:
    with pytest.raises(ModelError, match="older bitsback, without test items"):
        Model.build(*broken("any shape", field("test/items", MISSING)))


def test_another_message_is_refused() -> None:
    with pytest.raises(ModelError, match="fails its test on this machine"):
        Model.build(*broken("any shape", field("test/items/sha256", "0" * 64)))


@pytest.mark.parametrize(
    ("place", "value", "why"),
    [
        ("test/items/shape", [1, 2, 3], "shape"),
        ("test/items/shape", [1, 2, 0, 1], "shape"),
        ("test/items/shape", [1, 64, 65, 1], "2\\^12 elements"),
        ("test/items/seeds", [], "seeds"),
        ("test/items/seeds", [1] * 17, "seeds"),
        ("test/items/seeds", [1 << 64], "seeds"),
        ("test/items/levels", 1, "levels"),
        ("test/items/levels", 65_537, "levels"),
        ("test/items/sha256", 5, "sha256"),
        ("test/items/more", 5, "more"),
        ("test/items", 5, "items"),
    ],
)
def test_what_the_format_does_not_allow(place: str, value: Any, why: str) -> None:
    with pytest.raises(ModelError, match=why):
        Model.build(*broken("any shape", field(place, value)))


def test_items_that_take_too_much_are_refused_before_they_are_coded() -> None:
    """With 64 inputs and weights for each symbol, each of 4,096 symbols takes a million
    multiply-adds.
    """
    description = json.loads(bundled.load("series").description)
    inputs = [[back, 0] for back in range(1, 65)]
    description["distributions"]["p(x)"]["predictors"] = [
        {"inputs": inputs, "forgetting": 5, "every": 1, "ridge": 100}
    ] * 4
    description["test"]["items"]["shape"] = [1, 4096, 1, 1]
    description["test"]["items"]["seeds"] = [1]
    with pytest.raises(ModelError, match="take more work than a model of this size may"):
        Model.build(json.dumps(description), {})


def test_a_model_with_a_size_has_none() -> None:
    with pytest.raises(ModelError, match="items"):
        Model.build(*broken("dense", field("test/items", {})))


def test_items_are_coded_once_in_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    def hold(self: ItemVectors, of: Any, sha256: str) -> bool:
        calls.append(sha256)
        return True

    monkeypatch.setattr(ItemVectors, "hold", hold)
    monkeypatch.setattr(item_vectors, "_held", set())
    data = bundled.load("universal").to_bytes()
    for _ in range(3):
        Model.from_bytes(data)
    assert len(calls) == 1


WRONG_MACHINE = """
import sys
import numpy as np
import bitsback, bitsback.chunks
from bitsback import _core
from bitsback.errors import BitsbackError

make = _core.distribution

def distribution(kind, variable, **fields):
    if "arithmetic" in fields:
        fields["arithmetic"] = sys.argv[1]
    return make(kind, variable, **fields)

_core.distribution = distribution

def refused(step):
    try:
        step()
    except BitsbackError as error:
        assert "fails its test on this machine" in str(error), error
    else:
        raise AssertionError(step)

archive, block, image = sys.argv[2], sys.argv[3], np.load(sys.argv[4])
refused(lambda: bitsback.compress(image, archive + ".new", model="universal"))
refused(lambda: bitsback.decompress(archive, archive + ".npy"))
refused(lambda: bitsback.open(archive)[0])
refused(lambda: bitsback.encode(image, model="universal"))
refused(lambda: bitsback.decode(open(block, "rb").read()))
refused(lambda: bitsback.load_model("universal"))
refused(lambda: bitsback.load_model("series"))
"""


@pytest.mark.parametrize("wrong", WRONG)
def test_a_machine_that_rounds_otherwise_writes_and_reads_nothing(
    wrong: str, tmp_path: Path
) -> None:
    y, x = np.mgrid[:64, :64]
    image = ((x * x + y * y) // 64 + np.random.default_rng(0).integers(0, 8, (64, 64))).astype("u1")
    np.save(tmp_path / "a.npy", image)
    bitsback.compress(image, tmp_path / "a.bb", model="universal")
    (tmp_path / "block").write_bytes(bitsback.encode(image, model="universal"))
    files = [str(tmp_path / name) for name in ("a.bb", "block", "a.npy")]
    subprocess.run([sys.executable, "-c", WRONG_MACHINE, wrong, *files], check=True)


@pytest.fixture(params=[0x2000, 0x4000, 0x6000, 0x8040], ids=["down", "up", "to zero", "flushed"])
def _wrong_environment(request: pytest.FixtureRequest) -> Iterator[None]:
    """Sets the control register of x86-64, as a host program may: another rounding mode, or small
    numbers flushed to zero.
    """
    # the size of fenv_t, and the place of the register in it
    libm, size, place = ctypes.CDLL("libm.so.6"), 32, 28
    before, wrong = (ctypes.create_string_buffer(size) for _ in range(2))
    libm.fegetenv(before)
    libm.fegetenv(wrong)
    register = int.from_bytes(wrong.raw[place:], "little") | request.param
    wrong[place:size] = register.to_bytes(4, "little")
    libm.fesetenv(wrong)
    yield
    libm.fesetenv(before)


def coded() -> list[bytes]:
    """The messages of codecs and models, from fixed parameters and symbols."""
    rng = np.random.default_rng(0)
    items = rng.integers(0, 200, (1, 30, 30, 1)).cumsum(1).astype(np.uint16)
    messages = []
    for name in ANY_SHAPE:
        model, message = bundled.load(name), bitsback.Message()
        symbols = np.minimum(items, model.levels - 1).ravel()
        shape = item_vectors.ItemShape(1, 30, 30, 1, model.levels)
        model.bind([(1, shape)]).push(message, symbols)
        messages.append(message)
    messages.append(bitsback.Message.random())
    Categorical.from_probability(WEIGHTS).push(messages[-1], rng.integers(0, 50, 40))
    return [message.to_bytes() for message in messages]


WEIGHTS = np.random.default_rng(1).random((40, 50))
RIGHT = coded()


@pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() != "x86_64", reason="the register is x86-64's"
)
@pytest.mark.usefixtures("_wrong_environment")
def test_the_environment_that_a_program_leaves_does_not_matter() -> None:
    assert coded() == RIGHT
