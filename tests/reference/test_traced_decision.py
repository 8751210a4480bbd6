"""The traced decisions of contexts in docs/model-format.md are what the reference finds."""

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
    Surroundings,
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
REFERENCES = (
    {(0, 0): 90, (0, -1): 88, (-1, 0): 86, (-1, -1): 85, (-1, 1): 91},
    {(0, 0): 120, (0, -1): 119, (-1, 0): 115, (-1, -1): 114, (-1, 1): 121},
)
SIGNED = {(0, -1): 200, (-1, 0): -90, (-1, 1): 30, (-1, -1): -400}
BELOW = {104: 2_000_000, 108: 3_500_000, 112: 5_200_000}


def a_pixel(count: int) -> Pixel:
    """count: of references."""
    references = [SimpleNamespace(x=levels) for levels in REFERENCES[:count]]
    plane: Any = SimpleNamespace(x=OWN, references=references, channel=count, signed=SIGNED)
    plane.shape = SimpleNamespace(levels=256)
    known: Any = SimpleNamespace(value=6800, unit=Unit(300))
    distribution: Any = SimpleNamespace(below=BELOW.__getitem__)
    return Pixel(0, count, Surroundings(plane, 0, 0, known), distribution, level=104, depth=5)


def slots(pixel: Pixel, state: Contexts) -> list[str]:
    """A line for each context."""
    around, lines, channel = pixel.surroundings, [], pixel.channel
    places = iter(state.places(pixel))
    for number, values in enumerate(around.levels):
        (_, slot), check = next(places)
        h = key(number, channel, values)
        line = f"{number:2}   {', '.join(map(str, values)) or '-'}   H = {h:#x}"
        lines.append(f"{line}, slot {slot}, check {check}")
    for number, values in enumerate(around.errors, ERRORS):
        (_, *names), _ = next(places)
        lines.append(f"{number:2}   {', '.join(map(str, values))}   slot of {tuple(names)}")
    for number, (x, y, near) in enumerate(around.differences, DIFFERENCES):
        (_, slot), _ = next(places)
        h = key(11 if 11 <= number <= 14 else number, channel, (x, y))
        lines.append(f"{number:2}   {x}, {y}; {near}   H = {h:#x}, slot {slot}")
    return lines


def mixed(pixel: Pixel, state: Contexts) -> list[str]:
    """The decision with what has been learned; it is 1, and is learned."""
    decision = state.predict(pixel)
    counts, inputs = [slot.n for slot in decision.slots], decision.inputs.tolist()
    sets = ", ".join(str(name[1:]) for name in state.choices(pixel, counts))
    ones = Decision(pixel.place, decision.probability).intervals(1)[0].freq
    lines = [
        f"levels {inputs[:2]}, others {inputs[-2:]}, sets {sets}",
        f"t = {', '.join(map(str, decision.outputs))}; p = {decision.probability}, a one {ones}",
    ]
    state.learn(decision, 1)
    for name, i in (("levels", 0), ("others", -1)):
        w = [weights.w[2 * i : 2 * i + 2 or None].tolist() for weights in decision.sets]
        lines.append(f"{name}: p = {decision.slots[i].p}, n = {decision.slots[i].n}, w = {w}")
    w = [weights.w[2 * NETWORK : 2 * NETWORK + 2].tolist() for weights in decision.sets]
    return [*lines, f"network: w = {w}"]


def indented(lines: list[str]) -> str:
    return "".join(f"    {line}\n" for line in lines)


def traced() -> str:
    pixel, state = a_pixel(2), Contexts(20, 2**20)
    assert pixel.divide() and not pixel.is_sure
    around = pixel.surroundings
    lines = [f"Y = {around.y}, G = {around.unit.log}, K = {pixel.node}, m = {pixel.middle}, "]
    lines[0] += f"s = {pixel.odds}, size = {pixel.size}"
    return indented(lines + slots(pixel, state) + mixed(pixel, state) + mixed(pixel, state))


def traced_slots(count: int) -> str:
    """The slots of all contexts but those of errors, which no reference changes."""
    pixel = a_pixel(count)
    assert pixel.divide()
    lines = slots(pixel, Contexts(20, 2**20))
    return indented([line for line in lines if int(line[:2]) not in range(ERRORS, DIFFERENCES)])


def test_the_page_has_what_the_reference_finds() -> None:
    page = PAGE.read_text()
    assert traced() in page
    assert traced_slots(1) in page and traced_slots(0) in page
