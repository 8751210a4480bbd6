"""A time series with a hidden state: bits back over the path of states.

A dealer throws a fair die, and sometimes secretly swaps it with a loaded one. Only the throws are
known: expectation maximisation (Baum and Welch) finds the two dice and the rates of swaps.
`HiddenMarkov` then codes other throws, and never pays for the path of states (Townsend and Murray
2021). Bits back returns the bits that choose it. So a series takes -log2 of its probability, summed
over all paths.

    python examples/hidden_markov.py
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback import Message
from bitsback.codecs import Categorical, check_codec

Floats = NDArray[np.float64]
Throws = NDArray[np.int64]

STATES, FACES = 2, 6
FAIR, LOADED = [1 / 6] * 6, [0.05] * 5 + [0.75]
STAYS = 0.97


def throw(series: int, length: int) -> Throws:
    """[series, length] of 0 to 5."""
    random = np.random.default_rng(1)
    changes = random.random((series, length)) > STAYS
    loaded = np.cumsum(changes, 1) % 2 == 1
    fair, unfair = (random.choice(FACES, (series, length), p=die) for die in (FAIR, LOADED))
    return np.where(loaded, unfair, fair)


class HiddenMarkov:
    """A codec of throws [series, length].

    A push pops the last states under their posterior, and pushes the last throws. Then it pops the
    states before these, pushes the last states under their transitions, and so on to the first
    ones. So at the start it needs the bits of one state of each series, not those of a path. The
    posterior follows from a filter, which runs forwards in both directions.
    """

    def __init__(
        self, initial: Floats, transition: Floats, dice: Floats, shape: tuple[int, ...]
    ) -> None:
        self.initial, self.transition, self.dice, self.shape = initial, transition, dice, shape

    def push(self, message: Message, throws: Throws) -> None:
        throws = np.asarray(throws)
        steps = self.filters(throws)
        with message:
            state = Categorical.from_probability(steps[-1]).pop(message)
            for number in range(len(steps) - 1, -1, -1):
                Categorical.from_probability(self.dice[state]).push(message, throws[:, number])
                if number > 0:
                    before = self.before(steps[number - 1], state).pop(message)
                    Categorical.from_probability(self.transition[before]).push(message, state)
                    state = before
            self.first().push(message, state)

    def pop(self, message: Message) -> Throws:
        throws = np.empty(self.shape, np.int64)
        with message:
            state, chances = self.first().pop(message), self.initial
            for number in range(self.shape[1]):
                throws[:, number] = Categorical.from_probability(self.dice[state]).pop(message)
                step = chances * self.dice[:, throws[:, number]].T
                if number + 1 < self.shape[1]:
                    after = Categorical.from_probability(self.transition[state]).pop(message)
                    self.before(step, after).push(message, state)
                    state, chances = after, self.predicted(step)
            Categorical.from_probability(step).push(message, state)
        return throws

    def bits(self, throws: Throws) -> Floats:
        """The cost of each throw, given those before it, summed over all states."""
        bits: Floats = -np.log2(self.filters(np.asarray(throws)).sum(-1)).T
        return bits

    def filters(self, throws: Throws) -> Floats:
        """The probability of each throw and state, given the throws before it: [length, series,
        states].
        """
        chances, steps = self.initial, []
        for thrown in throws.T:
            steps.append(chances * self.dice[:, thrown].T)
            chances = self.predicted(steps[-1])
        return np.array(steps)

    def predicted(self, step: Floats) -> Floats:
        """The probabilities of the next states, given the throws so far."""
        chances: Floats = step / step.sum(-1, keepdims=True) @ self.transition
        return chances

    def first(self) -> Categorical:
        return Categorical.from_probability(self.initial, shape=self.shape[:1])

    def before(self, step: Floats, state: NDArray[Any]) -> Categorical:
        """The posterior of the states before known ones."""
        return Categorical.from_probability(step * self.transition[:, state].T)


def fit(throws: Throws, rounds: int) -> tuple[Floats, Floats, Floats]:
    """Initial weights, transitions and dice, by expectation and maximisation."""
    random = np.random.default_rng(2)
    initial = np.full(STATES, 1 / STATES)
    transition = np.full((STATES, STATES), 0.1) + 0.8 * np.eye(STATES)
    dice = random.dirichlet(np.full(FACES, 20.0), STATES)
    one_hot = np.eye(FACES)[throws.T]
    for _ in range(rounds):
        steps = HiddenMarkov(initial, transition, dice, throws.shape).filters(throws)
        filtered = steps / steps.sum(-1, keepdims=True)
        # Backwards: how likely each state is, given all throws of its series.
        smoothed = np.empty_like(filtered)
        smoothed[-1] = filtered[-1]
        moves = np.zeros((STATES, STATES))
        for number in range(len(steps) - 2, -1, -1):
            both = filtered[number][:, :, None] * transition
            both /= both.sum(1, keepdims=True)
            pairs = both * smoothed[number + 1][:, None, :]
            smoothed[number] = pairs.sum(2)
            moves += pairs.sum(0)
        initial = smoothed[0].mean(0)
        transition = moves / moves.sum(1, keepdims=True)
        dice = np.einsum("tns,tnf->sf", smoothed, one_hot)
        dice /= dice.sum(1, keepdims=True)
    return initial, transition, dice


def main(series: int = 40, length: int = 500, rounds: int = 40) -> None:
    throws = throw(2 * series, length)
    taught, others = throws[:series], throws[series:]
    initial, transition, dice = fit(taught, rounds)
    print("the dice that were found, in per cent:")
    for die in dice:
        print("   ", " ".join(f"{100 * chance:3.0f}" for chance in die))

    few = others[:3, :20]
    check_codec(HiddenMarkov(initial, transition, dice, few.shape), few)
    codec = HiddenMarkov(initial, transition, dice, others.shape)
    message = Message.random()
    codec.push(message, others)
    rate = message.net_bits / others.size
    assert np.array_equal(codec.pop(message), others) and message == Message.random()

    exact = codec.bits(others).mean()
    counts = np.bincount(taught.ravel(), minlength=FACES)
    alike = Categorical.from_probability(counts / counts.sum(), shape=others.shape)
    one_die = float(np.mean(alike.bits(others)))
    print(f"{others.size:,} throws that were not learned from, restored")
    print(f"exact information             {exact:.4f} bits a throw")
    print(f"bits back over the states     {rate:.4f}, {100 * (rate / exact - 1):+.2f} %")
    print(f"one die for all throws        {one_die:.4f}")


if __name__ == "__main__":
    main()
