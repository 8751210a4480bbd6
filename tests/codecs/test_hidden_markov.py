"""Hidden Markov models cost the information of the sum over all paths of states, for any chosen
path.
"""

import itertools
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from bitsback import Message, MessageError
from bitsback.codecs import Categorical, HiddenMarkov, check_codec
from laws import check_laws

INITIAL = [3, 1]
TRANSITION = [[0.9, 0.1], [0.25, 0.75]]
EMISSION = [[8, 4, 1], [1, 2, 9]]
X = [0, 0, 2, 1, 2, 2, 0]


def shares(rows: Any) -> list[list[Fraction]]:
    return [[Fraction(v) / Fraction(sum(row)) for v in row] for row in rows]


def sum_over_paths(x: list[int]) -> Fraction:
    (initial,), transition, emission = shares([INITIAL]), shares(TRANSITION), shares(EMISSION)
    total = Fraction(0)
    for path in itertools.product(range(2), repeat=len(x)):
        chance = initial[path[0]] * emission[path[0]][x[0]]
        for before, now, symbol in zip(path, path[1:], x[1:], strict=False):
            chance *= transition[before][now] * emission[now][symbol]
        total += chance
    return total


def growth(codec: Any, symbols: Any, message: Message) -> float:
    codec.push(message, symbols)
    return message.net_bits


@pytest.mark.parametrize("length", range(1, 8))
def test_bits_are_those_of_the_sum_over_all_paths(length: int) -> None:
    codec = HiddenMarkov(INITIAL, TRANSITION, EMISSION, (length,))
    exact = -np.log2(float(sum_over_paths(X[:length])))
    assert codec.bits(X[:length]).sum() == pytest.approx(exact, abs=1e-5)


def test_a_push_costs_its_bits_whatever_path_is_chosen() -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(0, 3, 5000)
    codec = HiddenMarkov(INITIAL, TRANSITION, EMISSION, x.shape)
    costs = [growth(codec, x, Message.random(seed)) for seed in range(5)]
    assert costs == pytest.approx([codec.bits(x).sum()] * 5, rel=1e-5)


def test_each_symbol_costs_what_those_before_it_make_of_it() -> None:
    codec = HiddenMarkov(INITIAL, TRANSITION, EMISSION, (len(X),))
    shorter = HiddenMarkov(INITIAL, TRANSITION, EMISSION, (3,))
    assert codec.bits(X)[:3].tolist() == shorter.bits(X[:3]).tolist()


def test_the_bits_of_one_state_are_enough_to_begin_with() -> None:
    """Popping a path of 1,000 states before any push would take some hundred bits."""
    x = np.random.default_rng(1).integers(0, 2, 1000)
    codec = HiddenMarkov([1, 1], [[1, 1], [1, 1]], [[2, 1], [1, 2]], x.shape)
    few = Message([2**32 + 5], [77])
    before = few.copy()
    codec.push(few, x)
    assert codec.pop(few).tolist() == x.tolist()
    assert few == before


def test_series_do_not_know_of_each_other() -> None:
    x = np.array([X, X[::-1], [1] * len(X)])
    codec = HiddenMarkov(INITIAL, TRANSITION, EMISSION, x.shape)
    one = HiddenMarkov(INITIAL, TRANSITION, EMISSION, (len(X),))
    assert codec.bits(x).tolist() == [one.bits(row).tolist() for row in x]
    check_codec(codec, x)


@pytest.mark.parametrize("shape", [(0,), (1,), (2,), (3, 0), (0, 3), (2, 1, 5), (97,)])
def test_any_shape(shape: tuple[int, ...]) -> None:
    codec = HiddenMarkov(INITIAL, TRANSITION, EMISSION, shape)
    check_codec(codec, np.random.default_rng(2).integers(0, 3, shape))


def test_one_state_is_a_categorical_codec() -> None:
    codec = HiddenMarkov([7], [[2]], [[8, 4, 1]], (len(X),))
    one, other = Message.random(5), Message.random(5)
    codec.push(one, X)
    for symbol in reversed(X):
        Categorical.from_probability([8, 4, 1], shape=()).push(other, symbol)
    assert one == other
    assert codec.bits(X) == pytest.approx(Categorical.from_probability([[8, 4, 1]] * 7).bits(X))


def test_one_symbol_costs_nothing() -> None:
    codec = HiddenMarkov(INITIAL, TRANSITION, [[1], [5]], (20,))
    assert growth(codec, [0] * 20, Message.random(6)) == pytest.approx(0, abs=1e-4)
    check_codec(codec, [0] * 20)


def test_states_that_follow_each_other_for_certain_cost_nothing() -> None:
    """Three states in a cycle, each with its own symbol: only the first state is unknown."""
    codec = HiddenMarkov([1, 1, 1], np.roll(np.eye(3), 1, 1), np.eye(3), (3000,))
    x = np.arange(3000) % 3
    assert codec.bits(x).sum() == pytest.approx(np.log2(3), abs=1e-2)
    assert growth(codec, x, Message.random(7)) == pytest.approx(np.log2(3), abs=0.1)
    check_codec(codec, x)


def test_what_has_the_weight_0_can_be_coded_all_the_same() -> None:
    """Two symbols that state 0 never emits, each of the least frequency."""
    codec = HiddenMarkov([1, 0], np.eye(2), np.eye(2), (4,))
    assert codec.bits([1, 0, 1, 0]).sum() == pytest.approx(48, abs=0.1)
    for lanes in (1, 2, 4):
        check_laws(codec, Message.random(lanes, lanes), [1, 0, 1, 0])


def test_many_levels() -> None:
    rng = np.random.default_rng(3)
    codec = HiddenMarkov([1, 1], [[9, 1], [1, 9]], rng.random((2, 65536)), (300,))
    check_codec(codec, rng.integers(0, 65536, 300))


WRONG: dict[str, tuple[tuple[Any, ...], str]] = {
    "no states": (([], [[1]], [[1]]), "initial must be numbers of the shape"),
    "text": ((["a"], [[1]], [[1]]), "initial must be numbers"),
    "all zero": (([0, 0], TRANSITION, EMISSION), "initial is all zero"),
    "a row of zeros": ((INITIAL, [[1, 1], [0, 0]], EMISSION), "row 1 of transition is all zero"),
    "a state that emits nothing": (
        (INITIAL, TRANSITION, [[0, 0], [1, 1]]),
        "row 0 of emission is all zero",
    ),
    "negative": ((INITIAL, [[1, 1], [1, -1]], EMISSION), "row 1 of transition must be finite"),
    "no number": ((INITIAL, TRANSITION, [[1, np.nan], [1, 1]]), "row 0 of emission must be finite"),
    "not square": ((INITIAL, [[1, 1, 1]] * 2, EMISSION), r"transition has the shape.*\(2, 3\)"),
    "one axis": ((INITIAL, [1, 1], EMISSION), "transition must be numbers of the shape"),
    "rows of other states": ((INITIAL, TRANSITION, [[1, 2]]), "emission needs a row for each of 2"),
    "too many": (([1], [[1]], np.ones((1, 65537))), "emission has the shape.*65,536"),
}


@pytest.mark.parametrize("name", WRONG)
def test_errors_name_the_parameter(name: str) -> None:
    parameters, message = WRONG[name]
    with pytest.raises(MessageError, match=message):
        HiddenMarkov(*parameters, (4,))


def test_series_have_an_axis_of_time() -> None:
    with pytest.raises(MessageError, match="time its last axis"):
        HiddenMarkov(INITIAL, TRANSITION, EMISSION, ())


@pytest.mark.parametrize("symbols", [[0, 3], [0, 1, 2], [0.5, 1]])
def test_wrong_symbols_leave_the_message_as_it_was(symbols: Any) -> None:
    codec = HiddenMarkov(INITIAL, TRANSITION, EMISSION, (2,))
    message = Message.random(8)
    with pytest.raises(MessageError):
        codec.push(message, symbols)
    assert message == Message.random(8)
