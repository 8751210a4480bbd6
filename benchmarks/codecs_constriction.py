"""Codecs beside constriction's: nanoseconds per symbol, if each symbol has parameters of its own.

    pip install constriction
    python benchmarks/codecs_constriction.py [--symbols 1000000] [--repeat 5]

Both get float parameters and an array of symbols, and both times include the preparation of the
parameters: bitsback's `from_float` or `from_probability` is timed with every push and pop. "Made"
is bitsback's time without it, for a codec that is used again. Each figure is the least of so many
runs, which alternate, on one thread.
"""

import argparse
from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np

from bitsback import Message
from bitsback.codecs import Bernoulli, Categorical, Codec, Normal

LANES = 4
LEVELS = 256

Run = Callable[[], Any]


def seconds(runs: dict[str, Run], repeat: int) -> dict[str, float]:
    """The least of each, by turns."""
    least = dict.fromkeys(runs, float("inf"))
    for _ in range(repeat):
        for name, run in runs.items():
            start = perf_counter()
            run()
            least[name] = min(least[name], perf_counter() - start)
    return least


def compare(
    name: str,
    make: Callable[[], Codec[Any]],
    symbols: Any,
    model: Any,
    parameters: tuple[Any, ...],
    repeat: int,
) -> None:
    """Prints a line for pushes and one for pops."""
    import constriction

    codec, pushed = make(), Message(lanes=LANES)
    codec.push(pushed, symbols)
    theirs, coded = symbols.astype(np.int32), constriction.stream.stack.AnsCoder()
    coded.encode_reverse(theirs, model, *parameters)
    words = coded.get_compressed()

    def decode() -> Any:
        return constriction.stream.stack.AnsCoder(words).decode(model, *parameters)

    assert np.array_equal(codec.pop(pushed.copy()), symbols)
    assert np.array_equal(decode(), theirs)
    runs: dict[str, Run] = {
        "push": lambda: make().push(Message(lanes=LANES), symbols),
        "push, made": lambda: codec.push(Message(lanes=LANES), symbols),
        "encode": lambda: constriction.stream.stack.AnsCoder().encode_reverse(
            theirs, model, *parameters
        ),
        "pop": lambda: make().pop(pushed.copy()),
        "pop, made": lambda: codec.pop(pushed.copy()),
        "decode": decode,
    }
    each = {of: 1e9 * took / len(symbols) for of, took in seconds(runs, repeat).items()}
    for ours, peer in (("push", "encode"), ("pop", "decode")):
        print(
            f"{name:24}{ours:6}{each[ours]:9.1f}{each[f'{ours}, made']:9.1f}{each[peer]:14.1f}"
            f"{each[peer] / each[ours]:8.2f}x"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description="Codecs beside constriction's.")
    parser.add_argument("--symbols", type=int, default=1_000_000)
    parser.add_argument("--repeat", type=int, default=5)
    options = parser.parse_args()
    import constriction

    model = constriction.stream.model

    random, count = np.random.default_rng(0), options.symbols
    print(f"{count:,} symbols, ns a symbol     bitsback     made  constriction   ratio")

    p = random.random(count)
    ones = (random.random(count) < p).astype(np.uint8)
    compare(
        "Bernoulli",
        lambda: Bernoulli.from_probability(p),
        ones,
        model.Bernoulli(perfect=False),
        (p,),
        options.repeat,
    )
    mean, scale = random.uniform(-80, 80, count), random.uniform(0.5, 20, count)
    near = np.clip(np.rint(random.normal(mean, scale)), -127, 128).astype(np.int32)
    compare(
        "normal over 256 integers",
        lambda: Normal.from_float(mean, scale, within=(-127, 128)),
        near,
        model.QuantizedGaussian(-127, 128),
        (mean, scale),
        options.repeat,
    )
    fewer = max(count // 10, 1)
    rows = random.dirichlet(np.full(LEVELS, 0.5), fewer) + 1e-9
    rows /= rows.sum(-1, keepdims=True)
    drawn = (rows.cumsum(-1) < random.random((fewer, 1))).sum(-1).clip(max=LEVELS - 1)
    compare(
        f"categorical of {LEVELS}, n/10",
        lambda: Categorical.from_probability(rows),
        drawn.astype(np.uint32),
        model.Categorical(perfect=False),
        (rows,),
        options.repeat,
    )


if __name__ == "__main__":
    main()
