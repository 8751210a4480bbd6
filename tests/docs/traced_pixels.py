"""The traced pixels of docs/worked-example.md, computed by the executable specification. Run this
file to print them: `PYTHONPATH=tests python tests/docs/traced_pixels.py`.
"""

from __future__ import annotations

import json
from typing import Any
from unittest.mock import patch

import numpy as np

from reference import counted, wavefront_bins
from reference.counted import CountedCodec, Decision, Pixel, State
from reference.counted_rules import CountedRules
from reference.message import Message
from reference.planes import ItemShape
from reference.variables import Variable
from reference.wavefront_bins import Mixture
from reference.wavefront_plane import Plane
from reference.wavefront_rules import WavefrontRules

WAVEFRONT: dict[str, Any] = {
    "codec": "wavefront", "decay": [80, 66, 66], "ridge": 256, "hidden": [16, 16, 16],
    "residual": [0, 0, 0],
}  # fmt: skip
PHOTOGRAPH = [[100, 104, 110, 111], [102, 107, 113, 115], [103, 109, 118, 121]]

COUNTED: dict[str, Any] = {
    "codec": "counted", "precision": 16, "lag": 2, "queues": 1, "table": 10, "slot": [22, 6],
    "trust": 30,
    "contexts": [
        {"offset": 24, "limit": 63, "terms": [[0, -1, 0, 0], [0, 0, -1, 0]]},
        {"offset": 24, "limit": 63, "terms": [
            [0, -1, -1, 0], [0, -1, 0, 0], [0, -1, 1, 0], [0, 0, -1, 0],
            {"sum": [[0, -1, 0, 1], [0, 0, -1, -1]], "shift": 0, "range": [-3, 3]},
        ]},
    ],
    "mixers": [{"select": ["node"], "start": 4096, "rates": [800, 200]}],
}  # fmt: skip
DRAWING = [[1, 1, 2, 2], [1, 1, 2, 2], [1, 2, 2, 3]]

WAVEFRONT_PIXEL, COUNTED_PIXEL = (2, 2), (2, 3)
"""Row and column of the pixels that are traced."""


def wavefront_tensors() -> dict[str, Any]:
    start = np.zeros((3, 190), np.int32)
    for r, n in enumerate((18, 15, 18)):
        sums = np.diag(np.full(n + 1, 1024))
        sums[n, :2] = 512
        own = sums[np.tril_indices(n + 1)]
        start[r, : len(own)] = own
    tensors: dict[str, Any] = {"x.start": start}
    o, i = np.mgrid[:8, :16]
    for r, features in enumerate((32, 32, 40)):
        tensors |= {
            f"x.{r}.hidden.weight": np.eye(16, features, dtype=np.int8) * np.int8(64),
            f"x.{r}.hidden.bias": np.zeros(16, np.int32),
            f"x.{r}.hidden.multiplier": np.full(16, 512, np.int16),
            f"x.{r}.output.weight": ((5 * o + 3 * i) % 7 - 3).astype(np.int8),
            f"x.{r}.output.bias": np.zeros(8, np.int32),
            f"x.{r}.output.multiplier": np.full(8, 512, np.int32),
        }
    return tensors


def listed(values: Any) -> str:
    return ", ".join(str(int(value)) for value in values)


def wavefront() -> str:
    """The plane is coded in the order of rows, which a plane alone allows."""
    of = WavefrontRules(WAVEFRONT, Variable("x", 1, 256, 1), wavefront_tensors())
    shape, planes = ItemShape(1, 3, 4, 1, 256), list[Plane]()
    Plane.next(of, shape, planes)
    (plane,) = planes
    for r, q in np.ndindex(3, 4):
        known = plane.predict(r, q)
        features = plane.features(r, q, known)
        if (r, q) == WAVEFRONT_PIXEL:
            break
        plane.learn(r, q, known, PHOTOGRAPH[r][q])
    unit, weights = known.unit, plane.sums.weights(r, q)
    y = plane.network.run(np.array(features)).tolist()
    with patch.object(wavefront_bins, "row", wraps=wavefront_bins.row) as rows:
        mixture = Mixture(known, y, 256)
    cells = [call.args for call in rows.call_args_list]
    means = [8 * (64 - first) + f for first, (_, f) in zip(mixture.firsts, cells, strict=True)]
    level = PHOTOGRAPH[r][q]
    j = mixture.bin(level)
    intervals = mixture.intervals(level)
    message = Message([0xFEDCBA9876543210])
    message.push_all(0, intervals)
    plane.learn(r, q, known, level)
    stored = [field[r, q] for field in (plane.signed, plane.error, plane.log)]
    lines = [
        f"E = {unit.mean}, s = {unit.shift}, e = {unit.value}, G = {unit.log}, "
        f"reciprocal = {min(2**19 // unit.value, 32767)}, M = {known.medians[0]}",
        f"u = {listed(known.inputs)}",
        f"w = {listed(weights)}",
        f"P = {known.value}",
        f"features = {listed(features)}",
        f"y = {listed(y)}",
        f"w[k] = {listed(mixture.weights)}; b = {mixture.b}, base = {mixture.base}",
        f"m[k] = {listed(means)}; c[k] = {listed(c for c, _ in cells)}",
        f"bin {j}: [{mixture.start(j)}, {mixture.start(j + 1)}) of 2^15",
        *(f"interval  {of.start}, freq {of.freq} of 2^{of.precision}" for of in intervals),
        f"push: head FEDCBA9876543210 becomes {message.heads[0]:016X}, "
        f"tail {' '.join(f'{word:08X}' for word in message.tail)}",
        "stored: X = {}, P = {}, D = {}, A = {}, G = {}".format(level, known.value, *stored),
    ]
    return "\n".join(lines)


def counted_pixel() -> str:
    of = CountedRules(COUNTED, Variable("x", 1, 4, 1, of_planes=True))
    codec = CountedCodec(of, [ItemShape(1, 3, 4, 1, 4)])
    symbols, lines, found = np.ravel(DRAWING).tolist(), list[str](), list[tuple[Decision, State]]()
    predict = State.predict

    def traced(state: State, pixel: Pixel, odds: int | None = None) -> Decision:
        decision = predict(state, pixel, odds)
        if (pixel.row, pixel.column) == COUNTED_PIXEL:
            found.append((decision, state))
            d = len(pixel.bits)
            lines.append(f"decision {d}: N = {pixel.node(d)}")
            for c, (key, place) in enumerate(zip(pixel.keys(of), decision.places, strict=True)):
                slot = state.slot(c, place)
                where = f"number {place[0]}, check {place[1]}"
                if of.direct(of.contexts[c]):
                    where = "direct"
                lines.append(f"  context {c}: key {key:#x}, {where}, p = {slot.p}, n = {slot.n}")
            (weights,), (t,) = decision.weights, decision.outputs
            ones = codec.interval(decision).ones
            lines.append(f"  i = {listed(decision.inputs)}; w = {listed(weights.w)}")
            lines.append(f"  t = {t}, P = {decision.probability}, a one {ones} of 2^16")
        return decision

    with patch.object(counted.State, "predict", traced):
        codec.push(Message([2**32], [], 0), symbols)
    lines.append("learned")
    for d, (decision, state) in enumerate(found):
        slots = [state.slot(c, place) for c, place in enumerate(decision.places)]
        text = "; ".join(f"p = {slot.p}, n = {slot.n}" for slot in slots)
        lines.append(f"  decision {d}: {text}; w = {listed(decision.weights[0].w)}")
    return "\n".join(lines)


def described(about: dict[str, Any]) -> str:
    """A line for each key."""
    inner = ",\n".join(f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in about.items())
    return f'"p(x)": {{\n{inner}\n}}'


def texts() -> list[str]:
    """The parts of the page that are computed."""
    codecs = [described(WAVEFRONT), described(COUNTED)]
    pictures = [str(PHOTOGRAPH), str(DRAWING)]
    return [*codecs, *pictures, wavefront(), counted_pixel()]


if __name__ == "__main__":
    print("\n\n".join(texts()))
