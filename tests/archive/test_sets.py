"""Archives of items without an order: the items come back sorted, and their order costs nothing."""

from __future__ import annotations

import io
from collections.abc import Sequence
from itertools import combinations_with_replacement, pairwise
from math import factorial, log2
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import bitsback
from bitsback import _core
from bitsback.coding import chain
from bitsback.coding.block import read_header
from bitsback.coding.multisets import Multisets
from bitsback.format.array_part import ArrayPart
from bitsback.format.runs import Run
from bitsback.planner.cutting import blocks_of
from bitsback.planner.policy import DEFAULT
from in_memory import Pipe, in_order, pack, unpack
from plane_models import ship
from random_models import random_model

from .conftest import assert_same


def check_any_order(array: NDArray[Any], **options: Any) -> bytes:
    """Checks that every order of the items gives the same archive, which restores them."""
    data = pack(array, unordered=True, **options)
    shuffled = np.random.default_rng(0).permutation(array)
    assert pack(shuffled, unordered=True, **options) == data
    assert_same(unpack(data), in_order(array))
    assert_same(bitsback.decompress(Pipe(data)), in_order(array))
    with bitsback.open(io.BytesIO(data)) as archive:
        assert archive.unordered
        assert archive.verify() == []
        if len(array):
            some = len(array) // 2
            assert_same(archive[some : some + 3], in_order(array)[some : some + 3])
            assert_same(
                archive.reader.array_source.entries(0, 1, verify=False), in_order(array)[:1]
            )
    return data


def multisets(data: bytes) -> int:
    with bitsback.open(io.BytesIO(data)) as archive:
        return int(archive.info()["multisets"])


def test_digits(digits: NDArray[np.bool_]) -> None:
    """The order of 300 items is worth 2,042 bits, less a few for the start."""
    data = check_any_order(digits, model="mnist-binary")
    assert multisets(data) == 1
    saved = 8 * (len(pack(digits, model="mnist-binary", block=300)) - len(data))
    assert saved == pytest.approx(log2(factorial(300)), abs=150)


@pytest.mark.parametrize("items", [[0], [0, 1], [0, 0], [0, 1, 2], [0, 0, 1], [2] * 3, [5] * 40])
def test_few_and_equal_items(digits: NDArray[np.bool_], items: list[int]) -> None:
    assert multisets(check_any_order(digits[items], model="mnist-binary")) == 1


def test_none(digits: NDArray[np.bool_]) -> None:
    assert len(unpack(check_any_order(digits[:0]))) == 0


@pytest.fixture(scope="module")
def four() -> bitsback.Model:
    """A model of two pixels of two levels, so there are four items."""
    return bitsback.Model.build(*random_model(shape=(1, 2), latents=1, hidden=2, bits=4))


@pytest.mark.parametrize("count", [1, 2, 3])
def test_every_multiset_of_few_items(four: bitsback.Model, count: int) -> None:
    """In the chain itself and in an archive, for every order of the items."""
    every = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.uint8)
    made = set()
    for chosen in combinations_with_replacement(range(4), count):
        array = every[list(chosen)].reshape(count, 1, 2)
        check_any_order(array, model=four)
        content = chain.digest(b"", array.tobytes())
        parts = [four.bind([(count, four.shape_of())])]
        run, flat = [Run(count, array.dtype, (1, 2), None)], array.reshape(-1)
        data = chain.encode(parts, flat, content, 1, Multisets(run, flat, flat))
        message, sets = bitsback.Message.from_bytes(data), Multisets(run)
        chain.decode_sets(parts, message, sets)
        assert sets.elements().reshape(array.shape).tolist() == in_order(array).tolist()
        chain.check_end(message, content)
        made.add(data)
    assert len(made) == factorial(count + 3) // factorial(count) // 6


def information(message: bitsback.Message) -> float:
    """Bits of a message beyond the implicit tail."""
    return message.bits - 32 * (message.depth or 0)


def test_the_message_grows_by_the_exact_information_of_each_step(
    digits: NDArray[np.bool_],
) -> None:
    model = bitsback.load_model("mnist-binary")
    x = digits.reshape(len(digits), -1).view(np.uint8)
    content = chain.digest(b"", x.tobytes())
    message, members = chain.initial(content, 2), _core.Multiset()
    keys = [item.tobytes() for item in x]
    members.add(keys)
    left = len(x)

    def grown(by: float, symbols: int) -> None:
        nonlocal before
        assert information(message) - before == pytest.approx(by, abs=0.001 * symbols + 0.01)
        before = information(message)

    before = information(message)
    for size, count in chain.schedule(len(x), model.growth, model.batch):
        for _ in range(count):
            numbers = members.pop(message, size)
            assert len({keys[number] for number in numbers}) == size, "all differ"
            grown(-sum(log2(left - place) for place in range(size)), size)
            left -= size
            batch = x[numbers]
            posterior, prior = model.posterior(batch), model.prior(size)
            z = posterior.pop(message)
            grown(-posterior.bits(z).sum(), z.size)
            likelihood = model.likelihood(z)
            likelihood.push(message, batch)
            grown(likelihood.bits(batch).sum(), batch.size)
            prior.push(message, z)
            grown(prior.bits(z).sum(), z.size)
    assert left == 0
    parts, flat = [model.bind([(len(x), model.shape_of())])], x.reshape(-1)
    sets = Multisets([Run(len(x), x.dtype, x.shape[1:], None)], flat, flat)
    assert message.to_bytes() == chain.encode(parts, flat, content, 2, sets)


@pytest.mark.parametrize(
    ("dtype", "low", "high"),
    [("|u1", 0, 255), ("|u1", 255, 0), ("<i2", 1, -1), (">f4", -0.0, 1.5), ("<u2", 256, 1)],
)
def test_two_values_of_any_dtype(
    digits: NDArray[np.bool_], dtype: str, low: float, high: float
) -> None:
    """The order is that of the bytes of the values, whichever is symbol 0."""
    array = np.where(digits[:30], np.array(high, dtype), np.array(low, dtype)).astype(dtype)
    assert multisets(check_any_order(array, model="mnist-binary")) == 1


def test_numbers_of_two_bytes() -> None:
    """The order is that of their bytes, of which the lower one comes first."""
    description, tensors = random_model(
        shape=(2, 3), likelihood="exponential", levels=256, likelihood_precision=20
    )
    model = bitsback.Model.build(description, tensors)
    array = np.random.default_rng(0).integers(0, 256, (40, 2, 3), np.uint8)
    check_any_order(array, model=model)


def test_grey_digits(grey: NDArray[np.uint8]) -> None:
    assert multisets(check_any_order(grey, model="mnist")) == 1


@pytest.fixture
def grey() -> NDArray[np.uint8]:
    from bitsback_lab.digits import mnist_test_images

    return mnist_test_images()[[*range(60), 3, 3, 4]]


@pytest.mark.parametrize("block", [1, 7, 100])
def test_blocks_are_multisets_each(digits: NDArray[np.bool_], block: int) -> None:
    array = digits[:50]
    data = pack(array, unordered=True, block=block, model="mnist-binary")
    count = -(-50 // block)
    assert multisets(data) == count
    cuts = [number * 50 // count for number in range(count + 1)]
    parts = [in_order(array[start:end]) for start, end in pairwise(cuts)]
    assert_same(unpack(data), np.concatenate(parts))
    assert_same(bitsback.open(io.BytesIO(data))[:], np.concatenate(parts))


@pytest.mark.parametrize(
    ("items", "shape", "dtype", "blocks"),
    [
        (60_000, (28, 28), "|u1", 1),
        (1 << 20, (4, 4), "|u1", 1),
        ((1 << 20) + 1, (4, 4), "|u1", 2),
        (50_000, (32, 32, 3), "|u1", 1),
        (100_000, (32, 32, 3), "|u1", 2),
        (1 << 17, (64, 64), "<f8", 2),
        (1 << 25, (), "|u1", 32),
    ],
)
def test_what_is_too_large_for_a_block_is_several(
    items: int, shape: tuple[int, ...], dtype: str, blocks: int
) -> None:
    part = ArrayPart.of_items(dtype, shape, items)
    elements = DEFAULT.block_elements
    found = list(blocks_of(part, None, "x", elements, unordered=True))
    assert len(found) == blocks and sum(count for _, count in found) == items
    assert max(count for _, count in found) - min(count for _, count in found) <= 1
    assert len(list(blocks_of(part, 1000, "x", elements, unordered=True))) == -(-items // 1000)


def test_what_no_model_codes_is_sorted() -> None:
    array = np.random.default_rng(0).integers(0, 50, (200, 3)).astype(">i8")
    assert multisets(check_any_order(array)) == 0


def test_pictures_of_a_free_model(monkeypatch: pytest.MonkeyPatch) -> None:
    ship(monkeypatch)
    steps = np.random.default_rng(0).integers(-2, 3, (23, 9, 14))
    for array in (
        np.cumsum(steps, 2).astype(np.uint8),
        np.cumsum(steps, 2).astype("<u2")[[*range(23), 3]],
        np.cumsum(steps, 2).astype(np.int16) * 300,
        np.cumsum(steps, 2).astype(np.uint8).reshape(1, -1, 14),
    ):
        data = check_any_order(array)
        assert multisets(data) == 1
        assert bitsback.open(io.BytesIO(data)).info()["methods"]["model"] == 1


def test_the_order_of_pictures_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    ship(monkeypatch)
    steps = np.random.default_rng(0).integers(-2, 3, (500, 5, 6))
    array = np.cumsum(steps, 2).astype(np.uint8)
    saved = len(pack(array, block=500, stack=False)) - len(pack(array, unordered=True))
    assert 8 * saved == pytest.approx(log2(factorial(500)), abs=120)


def test_the_rows_of_a_table_are_items() -> None:
    check_any_order(np.random.default_rng(0).integers(0, 5, (50, 3)).astype("<f8"))
    check_any_order(np.random.default_rng(0).integers(0, 5, 50))


def test_large_pictures_keep_their_order() -> None:
    array = np.random.default_rng(0).integers(0, 256, (3, 40, 50), np.uint8)
    data = pack(array, unordered=True, tile=16)
    assert multisets(data) == 0
    assert_same(unpack(data), array)


def test_what_it_says_of_the_order(digits: NDArray[np.bool_]) -> None:
    def bits(array: NDArray[Any], **options: Any) -> float | None:
        return bitsback.compress(array, io.BytesIO(), **options).order_bits

    chosen: Sequence[int] = [0, 1, 2, 2, 2, 3]
    assert bits(digits[chosen]) is None
    assert bits(digits[chosen], unordered=True) == pytest.approx(log2(720 / 6))
    assert bits(digits[chosen], unordered=True, block=3) == pytest.approx(log2(6) + log2(3))
    assert bits(np.random.default_rng(0).random((9, 4)), unordered=True) == 0


def test_a_stack_has_an_order() -> None:
    with pytest.raises(bitsback.InputError, match="stack"):
        pack(np.zeros((3, 20, 20), np.uint8), unordered=True, stack=True)


def test_the_flag_of_a_block_needs_a_method_that_codes_multisets(
    digits: NDArray[np.bool_],
) -> None:
    data = pack(digits[:3], unordered=True, model="mnist-binary")
    with bitsback.open(io.BytesIO(data)) as archive:
        payload = bytes(archive.reader.blocks.task(archive.reader.blocks[0]).payload)
        assert archive.reader.blocks.header(archive.reader.blocks[0]).method.multiset
    at = payload.index(bytes([32 + 2]))
    for method in (32, 33, 35, 36, 64 + 2, 32 + 24 + 2):
        changed = payload[:at] + bytes([method]) + payload[at + 1 :]
        with pytest.raises(bitsback.ArchiveError, match=f"the method {method}: .*newer"):
            read_header(memoryview(changed))
