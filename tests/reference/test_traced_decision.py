"""The traced decision of contexts in docs/model-format.md is what the reference finds."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from reference.wavefront_contexts import (
    DIFFERENCES,
    ERRORS,
    NETWORK,
    Contexts,
    Decision,
    Pixel,
    Seen,
    key,
)
from reference.wavefront_plane import Unit

PAGE = Path(__file__).resolve().parents[2] / "docs" / "model-format.md"

OWN = {
    (0, -1): 105,
    (-1, 0): 104,
    (-1, -1): 101,
    (-1, 1): 107,
    (0, -2): 106,
    (-2, 0): 103,
    (-1, -2): 100,
    (-2, 1): 108,
    (-2, -1): 99,
    (-1, 2): 109,
    (-3, 0): 102,
    (0, -3): 110,
}
FIRST = {(0, 0): 90, (0, -1): 88, (-1, 0): 86, (-1, -1): 85, (-1, 1): 91}
SECOND = {(0, 0): 120, (0, -1): 119, (-1, 0): 115, (-1, -1): 114, (-1, 1): 121}
SIGNED = {(0, -1): 200, (-1, 0): -90, (-1, 1): 30, (-1, -1): -400}
BELOW = {104: 2_000_000, 108: 3_500_000, 112: 5_200_000}


def a_pixel() -> Pixel:
    references = [SimpleNamespace(x=FIRST), SimpleNamespace(x=SECOND)]
    plane: Any = SimpleNamespace(x=OWN, references=references, signed=SIGNED)
    known: Any = SimpleNamespace(value=6800, unit=Unit(300))
    of: Any = SimpleNamespace(below=BELOW.__getitem__)
    return Pixel(0, 2, Seen(plane, 0, 0, known), of, level=104, depth=5)


def slots(pixel: Pixel, state: Contexts) -> list[str]:
    """A line for each context."""
    seen, lines = pixel.seen, []
    names = [number for number in range(16) if number != NETWORK]
    values = [*seen.levels, *seen.errors, *seen.differences]
    for number, of, (place, check) in zip(names, values, state.places(pixel), strict=True):
        line, near = f"{number:2}   {', '.join(map(str, of))}   ", ""
        if number >= DIFFERENCES:
            line, near = f"{number:2}   {of[0]}, {of[1]}; {of[2]}   ", f"slot {place[1]}"
            of = of[:2]
        elif number < ERRORS:
            near = f"slot {place[1]}, check {check}"
        if near:
            h = key(11 if 11 <= number <= 14 else number, pixel.channel, of)
            lines.append(f"{line}H = {h:#x}, {near}")
        else:
            lines.append(f"{line}slot of {place[1:]}")
    return lines


def mixed(pixel: Pixel, state: Contexts) -> list[str]:
    """The decision with what has been learned; it is 1, and is learned."""
    of = state.predict(pixel)
    counts = [slot.n for slot in of.slots]
    sets = ", ".join(str(name[1:]) for name in state.choices(pixel, counts))
    ones = Decision(pixel.depth, of.probability).intervals(1)[0].freq
    lines = [
        f"levels {of.inputs[:2].tolist()}, others {of.inputs[-2:].tolist()}, sets {sets}",
        f"t = {', '.join(map(str, of.outputs))}; p = {of.probability}, a one {ones}",
    ]
    state.learn(of, 1)
    for name, i in (("levels", 0), ("others", -1)):
        w = [weights.w[2 * i : 2 * i + 2 or None].tolist() for weights in of.sets]
        lines.append(f"{name}: p = {of.slots[i].p}, n = {of.slots[i].n}, w = {w}")
    w = [weights.w[2 * NETWORK : 2 * NETWORK + 2].tolist() for weights in of.sets]
    return [*lines, f"network: w = {w}"]


def traced() -> str:
    pixel, state = a_pixel(), Contexts(20, 2**20)
    assert pixel.divide() and not pixel.is_sure
    seen = pixel.seen
    lines = [f"Y = {seen.y}, G = {seen.unit.log}, K = {pixel.node}, m = {pixel.middle}, "]
    lines[0] += f"s = {pixel.odds}, size = {pixel.size}"
    lines += slots(pixel, state) + mixed(pixel, state) + mixed(pixel, state)
    return "\n".join(f"    {line}" for line in lines)


def test_the_page_has_what_the_reference_finds() -> None:
    assert traced() + "\n" in PAGE.read_text()
