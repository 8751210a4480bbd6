"""A time series with a hidden state: bits back over the path of states.

A dealer throws a fair die, and sometimes secretly swaps it with a loaded one. Only the throws are
known: expectation maximisation (Baum and Welch) finds the two dice and the rates of swaps.
`HiddenMarkov` then codes other throws, and never pays for the path of states (Townsend and Murray
2021). Bits back returns the bits that choose it. So a series takes -log2 of its probability, summed
over all paths.

    python examples/hidden_markov.py
"""

import numpy as np
from numpy.typing import NDArray

from bitsback import Message
from bitsback.codecs import Categorical, HiddenMarkov

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


def forward(throws: Throws, initial: Floats, transition: Floats, dice: Floats) -> Floats:
    """The probability of each throw and state, given the throws before it: [length, series,
    states]. Summed over states it is that of the throw.
    """
    steps = np.empty((throws.shape[1], throws.shape[0], STATES))
    state = np.broadcast_to(initial, steps[0].shape)
    for number, thrown in enumerate(throws.T):
        steps[number] = state * dice[:, thrown].T
        state = steps[number] / steps[number].sum(-1, keepdims=True) @ transition
    return steps


def fit(throws: Throws, rounds: int) -> tuple[Floats, Floats, Floats]:
    """Initial weights, transitions and dice, by expectation and maximisation."""
    random = np.random.default_rng(2)
    initial = np.full(STATES, 1 / STATES)
    transition = np.full((STATES, STATES), 0.1) + 0.8 * np.eye(STATES)
    dice = random.dirichlet(np.full(FACES, 20.0), STATES)
    one_hot = np.eye(FACES)[throws.T]
    for _ in range(rounds):
        steps = forward(throws, initial, transition, dice)
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

    codec = HiddenMarkov(initial, transition, dice, shape=others.shape)
    message = Message.random()
    codec.push(message, others)
    rate = message.net_bits / others.size
    assert np.array_equal(codec.pop(message), others) and message == Message.random()

    exact = -np.log2(forward(others, initial, transition, dice).sum(-1)).mean()
    counts = np.bincount(taught.ravel(), minlength=FACES)
    alike = Categorical.from_probability(counts / counts.sum(), shape=others.shape)
    one_die = float(np.mean(alike.bits(others)))
    print(f"{others.size:,} throws that were not learned from, restored")
    print(f"exact information             {exact:.4f} bits a throw")
    print(f"bits back over the states     {rate:.4f}, {100 * (rate / exact - 1):+.2f} %")
    print(f"one die for all throws        {one_die:.4f}")


if __name__ == "__main__":
    main()
