"""Rates of series with a hidden Markov model, by bits back over the path of its states.

    python benchmarks/state_paths.py

The first series is drawn from a model, beside -log2 p(x) in floats, summed over all paths. The
second is monthly sunspots (statsmodels), as whole numbers: models of 1 to 32 states are fitted to
the first two thirds by expectation maximisation, and code the last third, beside the bundled model
`series`, which learns only from this third, and xz.
"""

from __future__ import annotations

import io
import lzma
from importlib.resources import files
from typing import Any

import numpy as np
from harness import arguments, median_seconds, report
from numpy.typing import NDArray

import bitsback
from bitsback.codecs import HiddenMarkov

Floats = NDArray[np.float64]
Model = tuple[Floats, Floats, Floats]
"""initial [states], transition [states, states], emission [states, levels], rows of sum 1."""


def main() -> None:
    options = arguments(__doc__).parse_args()
    rows = [exact(states, options.repeats) for states in (1, 2, 8, 32)]
    report("100,000 symbols of 16 levels, made by a model", rows, [], options.json)
    try:
        x = sunspots()
    except ModuleNotFoundError as error:
        report("sunspots", [{"missing": str(error)}], [], options.json)
        return
    known, held_out = np.split(x, [len(x) * 2 // 3])
    rows = [fitted(states, known, held_out) for states in (1, 2, 4, 8, 16, 32)]
    archive = io.BytesIO()
    bitsback.compress(held_out, archive, model="series", embed="never")
    for name, size in (
        ("series, an archive", len(archive.getvalue())),
        ("xz -9e", len(lzma.compress(held_out.tobytes(), preset=9 | lzma.PRESET_EXTREME))),
    ):
        rows.append({"by": name, "bytes": size, "bits_a_month": 8 * size / len(held_out)})
    report(f"{len(held_out):,} months of sunspots, held out", rows, [], options.json)


def exact(states: int, repeats: int) -> dict[str, Any]:
    rng = np.random.default_rng(states)
    model = (
        np.full(states, 1 / states),
        to_rows(rng.random((states, states)) + 20 * np.eye(states)),
        to_rows(rng.random((states, 16)) ** 4),
    )
    message = bitsback.Message.random(0, lanes=1)
    codec = HiddenMarkov(*model, (100_000,))
    x = codec.pop(message)
    before = bitsback.Message.random(1, lanes=1)

    def push() -> float:
        message = before.copy()
        codec.push(message, x)
        return message.net_bits

    seconds, bits = median_seconds(push, repeats)
    floats = -float(np.log2(evidence(model, x)).sum())
    return {
        "states": states,
        "bits": bits,
        "floats": floats,
        "more": bits - floats,
        "us_a_symbol": 1e6 * seconds / len(x),
    }


def fitted(states: int, known: NDArray[Any], held_out: NDArray[Any]) -> dict[str, Any]:
    model = fit(states, known, levels=256)
    codec = HiddenMarkov(*model, (len(held_out),))
    message = bitsback.Message.random(0, lanes=1)
    codec.push(message, held_out)
    bits = message.net_bits
    return {"by": f"{states} states", "bytes": bits / 8, "bits_a_month": bits / len(held_out)}


def to_rows(weights: Floats) -> Floats:
    rows: Floats = weights / weights.sum(-1, keepdims=True)
    return rows


def evidence(model: Model, x: NDArray[Any]) -> Floats:
    """p(x[t] | x[0] ... x[t - 1])."""
    return forward(model, x)[1]


def forward(model: Model, x: NDArray[Any]) -> tuple[Floats, Floats]:
    """The filter [steps, states] too."""
    initial, transition, emission = model
    filters, found = np.empty((len(x), len(initial))), np.empty(len(x))
    predicted = initial
    for t, symbol in enumerate(x):
        weights = predicted * emission[:, symbol]
        found[t] = weights.sum()
        filters[t] = weights / found[t]
        predicted = filters[t] @ transition
    return filters, found


def fit(states: int, x: NDArray[Any], levels: int, rounds: int = 60) -> Model:
    """Baum-Welch, with emissions of a normal shape around a mean that is a state's own."""
    grid = np.arange(levels)
    mean = np.quantile(x, (np.arange(states) + 0.5) / states)
    deviation = np.full(states, x.std())
    initial, transition = np.full(states, 1 / states), to_rows(np.eye(states) + 0.1)
    for _ in range(rounds):
        emission = to_rows(np.exp(-0.5 * ((grid - mean[:, None]) / deviation[:, None]) ** 2) + 1e-5)
        filters, found = forward((initial, transition, emission), x)
        smooth, pairs = np.empty_like(filters), np.full((states, states), 0.1)
        beta = np.ones(states)
        for t in reversed(range(len(x))):
            smooth[t] = filters[t] * beta
            weighted = beta * emission[:, x[t]] / found[t]
            if t:
                pairs += filters[t - 1][:, None] * transition * weighted
            beta = transition @ weighted
        share = smooth.sum(0) + 1e-9
        initial, transition = smooth[0] + 1e-6, to_rows(pairs)
        initial = initial / initial.sum()
        mean = smooth.T @ x / share
        spread = ((x - mean[:, None]) ** 2 * smooth.T).sum(1) / share
        deviation = np.sqrt(spread) + 1
    return initial, transition, emission


def sunspots() -> NDArray[np.uint8]:
    text = (files("statsmodels.datasets.sunspots") / "src" / "sunspots_monthly.dat").read_text()
    lines = [line.split() for line in text.splitlines() if line[:4].strip().isdigit()]
    numbers = np.array([month for line in lines for month in line[1:]], np.float64)
    return np.clip(np.rint(numbers), 0, 255).astype(np.uint8)


if __name__ == "__main__":
    main()
