"""Misreadings of the specification, each of which must spoil a file in `valid/`.

    PYTHONPATH=tests python conformance/misreadings.py [PART OF A NAME...]

Each changes a few expressions of the executable specification in tests/reference to what an
implementer could take the text to mean. The changed specification reads the valid files; a
misreading under which all of them come out right needs a file more. The exit code is 1 if there is
one, or if a change no longer fits the specification.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
TESTS = HERE.parent / "tests"
SECONDS = 600
"""The most time of a processor for a file; a misreading that takes longer has spoiled it."""


@dataclass(frozen=True)
class Misreading:
    """section: of docs/format.md (A) or docs/model-format.md (M). changes: pairs of an expression
    in the module, which occurs there once, and what takes its place.
    """

    name: str
    section: str
    module: str
    changes: tuple[tuple[str, str], ...]


def one(name: str, section: str, module: str, right: str, wrong: str) -> Misreading:
    return Misreading(name, section, module, ((right, wrong),))


MISREADINGS = [
    one("a popped head takes a word at 2^32 too", "A1", "message",
        "peek(lane, precision) - start\n        if head < LOW:",
        "peek(lane, precision) - start\n        if head <= LOW:"),
    one("words of the implicit tail are low halves", "A1", "message",
        "return splitmix64(k) >> 32", "return splitmix64(k) % LOW"),
    one("lanes go on from one step to the next group", "A2", "codecs",
        "c = 0\n            if d.size > 1:\n                lane = i % len(message.heads)",
        "c = 0\n            if d.size > 1:\n"
        "                lane = len(symbols) // 2 % len(message.heads)"),
    one("a Bernoulli symbol of 1 comes first", "A2", "codecs",
        "(0, 2**self.precision - self.ones, 2**self.precision)[c]",
        "(0, self.ones, 2**self.precision)[c]"),
    one("an adaptive step counts each symbol from 0", "A2", "codecs",
        "1 + symbols.count(c)", "max(symbols.count(c), 1)"),
    one("edges of mixtures are whole symbols", "A2", "codecs",
        "self.cumulative_at(c, (2 * c - 1) * 2**7)", "self.cumulative_at(c, c * 2**8)"),
    one("a batch of planes closes above 2^15 elements", "A3", "chain",
        "if left <= 0:", "if left < 0:"),
    Misreading("S counts items of several sizes", "A3", "chain", (
        ("coded, left = coded + size * elements, left", "coded, left = coded + size, left"),
        ("done = coded // elements", "done = coded"))),
    one("a batch grows by at least two items", "A3", "chain",
        "size = min(min(max(done * growth >> 8, 1), batch), left)",
        "size = min(min(max(done * growth >> 8, 2), batch), left)"),
    one("the digest leaves the runs out", "A3", "chain",
        "hashlib.sha256(runs + items)", "hashlib.sha256(items)"),
    one("the first lane has the last word of the digest", "A3", "chain",
        "heads = [LOW + word for word in d[:lanes]]",
        "heads = [LOW + word for word in d[:lanes][::-1]]"),
    one("picks of equal items are apart", "A4", "picks",
        "self.edge(bisect_right(self.left, item)) - start",
        "self.edge(bisect_left(self.left, item) + 1) - start"),
    one("runs of one size are not joined", "A5.7", "blocks",
        "if sizes and sizes[-1][0] == size:", "if sizes and sizes[-1][0] == size and not sizes:"),
    one("a value map before is that of the block's first run", "A5.7", "blocks",
        "before = Run(count, dtype, shape, kind, values)\n        yield before",
        "before = before or Run(count, dtype, shape, kind, values)\n"
        "        yield Run(count, dtype, shape, kind, values)"),
    one("steps of a series with several channels are columns", "A5.7", "blocks",
        "ItemShape(1, run.count, 1, (*run.shape, 1)[0], levels)",
        "ItemShape(1, run.count, (*run.shape, 1)[0], 1, levels)"),
    one("green is subtracted bytewise from 16 bits", "A5.8", "rows",
        "row = [(n + green) % 256**size for n, green in zip(row, greens, strict=True)]",
        "row = [(n + green) % 256 + (n // 256 + green // 256) % 256 * 256"
        " for n, green in zip(row, greens, strict=True)]"),
    one("equal distances of Paeth prefer what is above to the left", "A5.8", "rows",
        "min((a, b, c), key=", "min((c, a, b), key="),
    one("filters of rows see bytes of one channel before", "A5.8", "rows",
        "stride = channels if self.whole else channels * self.dtype.itemsize",
        "stride = channels"),
    one("whole differences are in two's complement", "A5.8", "rows",
        "z // 2 if z % 2 == 0 else -(z + 1) // 2 for z in folded", "z for z in folded"),
    one("values of an adaptive column are those of all", "A5.9", "blocks",
        "found.append([table[c] for c in Adaptive(k, records).pop(message)])",
        "found.append([table[c] for c in Adaptive(k, records).pop(message)][::-1])"),
    one("the base of digits is big-endian", "A5.7", "blocks",
        'int.from_bytes(reader.take(dtype.itemsize), "little"), reader.byte()',
        'int.from_bytes(reader.take(dtype.itemsize), "big"), reader.byte()'),
    one("fewer elements may be claimed than 2^12 for each byte", "A5.8", "blocks",
        "require(max(length, elements) <= 2**16 + 2**12 * size",
        "require(max(length, elements) < 2**16 + 2**12 * size"),
    one("the memory of planes has their symbols in 32 bits", "M9", "cost",
        "2 * shape.elements + prediction_memory(of, shape)",
        "4 * shape.elements + prediction_memory(of, shape)"),
    one("the memory of latents is that of x alone", "M9", "cost",
        "total = sum(2 * variable.value.elements(size) for variable in variables)",
        "total = sum(4 * variable.value.elements(size) for variable in variables)"),
    one("neighbouring shards are in one group", "A5.18", "parity",
        "known = {t: shards[t * section.groups + group][at] for t in range(columns)}",
        "known = {t: shards[group * columns + t][at] for t in range(columns)}"),
    one("the first point of parity is 1", "A5.18", "parity",
        "return power(2, number - 1) if number else 0", "return power(2, number)"),
    one("inverted rows are inverted behind their last sample, too", "A6.1", "container_metadata",
        "data = packed([byte ^ ((1 << bits) - 1 if layout & 4 else 0) for byte in data], bits)",
        "data = bytes(byte ^ (255 if layout & 4 else 0) for byte in packed([*data], bits))"),
    one("the layouts 16, 32, 48 have 1, 2, 4 bits", "A6.1", "container_metadata",
        "8 >> (layout >> 4 & 3)", "(8, 1, 2, 4)[layout >> 4 & 3]"),
    one("two values have the bits of other layouts", "A6.1", "container_metadata",
        "bits = 1 if row.dtype == bool else 8", "bits = 8"),
    one("channels that stand apart alternate by rows", "A6.1", "container_metadata",
        "rows = [frame_row(row, layout) for part in parts for row in part]",
        "rows = [frame_row(row, layout) for row_of_all in zip(*parts) for row in row_of_all]"),
    one("the padding of a tile goes row by row", "A6.3", "container_metadata",
        "for part in (tile[: samples.shape[0], samples.shape[1] :], tile[samples.shape[0] :]):",
        "for part in (tile[samples.shape[0] :], tile[: samples.shape[0], samples.shape[1] :]):"),
    one("samples of 2 and 4 bits are not multiplied", "A6.3", "container_metadata",
        "step = 255 // most if layout.flags & 4 else 1", "step = 1"),
    one("segments are reversed before their compression", "A6.3", "container_metadata",
        "if layout.flags & 8:", "if layout.flags & 8 and layout.compression != 1:"),
    one("a literal of runs ends before two equal bytes", "A6.10", "container_metadata",
        "end < at + 128 and run(end) < least", "end < at + 128 and run(end) < 2"),
    one("literals go on into the next row", "A6.10", "container_metadata",
        "while end < last and end < at + 128 and run(end) < least:",
        "while end < len(plane) and end < at + 128 and run(end) < least:"),
    one("a matrix by columns stands in the order of its rows", "A8", "embedded",
        "values[j * rows + i]", "values[i * columns + j]"),
    one("the last rows of a base are those of the tensor", "A8", "embedded",
        "zip(values, old.flat, strict=True)", "zip(values, old.flat[::-1], strict=True)"),
    one("apart is from the moved mean", "M2.3", "coupled",
        "self.mean[..., j] * 2**shift", "self._mean(x, j) * 2**shift"),
    one("a coupled mean is rounded toward zero", "M2.3", "coupled",
        "(total >> (shift + 6))", "np.trunc(total / 2 ** (shift + 6)).astype(np.int64)"),
    one("weights of a mixture are rounded one by one", "M2.3", "outputs",
        "ends = [2**16 * sum(e[:k]) // sum(e) for k in range(len(e) + 1)]",
        "ends = [sum(2**16 * w // sum(e) for w in e[:k]) for k in range(len(e))] + [2**16]"),
    one("pixels outside the image are not counted for flat contexts", "M3", "autoregressive",
        "np.all(self.flat[window].reshape(len(x), -1), axis=1)",
        "np.all((self.flat[window] | (self.window(np.ones_like(x), r, q) == 0))"
        ".reshape(len(x), -1), axis=1)"),
    one("the window ends with the pixels at the right", "M3", "autoregressive",
        "row = padded[:, r + self.above, q : q + self.side]",
        "row = padded[:, r + self.above, q : q + self.side][:, ::-1]"),
    one("the context has the planes of a pixel together", "M3", "autoregressive",
        "for plane in self.planes for part in (plane[window], plane[before])",
        "for part in [*(plane[window] for plane in self.planes),"
        " *(plane[before] for plane in self.planes)]"),
    one("outside an image is the middle level everywhere", "M4", "planes",
        "if q < 0:\n            return self[r - 1, 0]", "if q < 0:\n            return self.start"),
    one("the second reference is the slice before", "M4", "planes",
        "[(s, c - 1), (s - 1, c), (s, c - 2), (s - 2, c)]",
        "[(s, c - 1), (s, c - 2), (s - 1, c), (s - 2, c)]"),
    one("green is coded first of four channels alone", "M4", "planes",
        "CODING_ORDERS = {3: [1, 0, 2], 4: [1, 0, 2, 3]}", "CODING_ORDERS = {4: [1, 0, 2, 3]}"),
    one("a slot learns with its count after the decision", "M6", "counted",
        "(2**20 // (16 * self.n + of.offset))) >> 16",
        "(2**20 // (16 * self.n + 16 + of.offset))) >> 16"),
    one("outputs of mixers are rounded to nearest", "M6", "counted",
        "t = int(weights.w @ found.inputs) >> 13",
        "t = (int(weights.w @ found.inputs) + 2**12) >> 13"),
    one("a map learns at the lower point alone", "M6", "counted",
        "entries[j + (f >= 2**10)]", "entries[j]"),
    one("a map learns at the upper point above the middle", "M6", "counted",
        "entries[j + (f >= 2**10)]", "entries[j + (f > 2**10)]"),
    one("the next item waits for all to end", "M6", "counted",
        "while waiting and len(running) < self.of.queues:",
        "while waiting and len(running) < self.of.queues"
        " and all(start == time for _, start in running):"),
    one("a time has the pixels of its rows from below", "M6", "counted",
        "for row in range(self.shape.rows):\n            if 0 <= since",
        "for row in reversed(range(self.shape.rows)):\n            if 0 <= since"),
    one("r[c] learns from the slot as it is now", "M6.1", "candidates",
        "goal = ONE - 1 if of.symbol == symbol else 0",
        "goal = ONE - 1 if self.slots[of.slot].symbol == symbol else 0"),
    one("a remembered symbol keeps a quarter of its confidence, at least 1", "M6.1", "candidates",
        "elif self.confidence > 3:", "elif self.confidence > 4:"),
    one("predictors outside the plane count as wrong", "M6.2", "blending",
        "if found:\n                symbol, look = found",
        "errors = errors if found else [e + 9 for e in errors]\n            if found:\n"
        "                symbol, look = found"),
    one("flat decisions learn in the tables of contexts", "M6.3", "counted",
        "of.slot.learn(bit, Context(self.of.flat.offset, self.of.flat.limit, []))",
        "of.slot.learn(bit, self.of.contexts[0])"),
    one("errors of wavefronts have no limit", "M10.1", "wavefront_plane",
        "min(abs(signed), most), known.unit.log", "abs(signed), known.unit.log"),
    Misreading("weights of wavefronts are those of each cell", "M10.1", "wavefront_plane", (
        ("m = q // (2 * CELL)", "m = q // CELL"), ("self.kept(r, 2 * m)", "self.kept(r, m)"))),
    one("sums of the last cell are doubled at the first", "M10.1", "wavefront_plane",
        "own = d0 + (d1 if k == 0 else 0) + (d2 if k == self.last else 0)",
        "own = d0 + (d2 if k == 0 else 0) + (d1 if k == self.last else 0)"),
    one("bins are as wide as the largest scale", "M10.3", "wavefront_bins",
        "strict=True) if w >= least)", "strict=True))"),
    one("a bin of blue has as many levels as make a colour", "M10.3", "wavefront_bins",
        "len(self.of.of_bin(j)))", "sum(self.of.bin(blue) == j for blue in self.blues))"),
    one("decisions are those of the interval of a blue", "M10.5", "wavefront_bins",
        "return self.sums[bisect_left(self.blues, x)]",
        "return self.start(bisect_left(self.blues, x))"),
    one("a sheet has planes of several slices", "M10.4", "wavefront",
        """            for s in range(shape.slices):
                for first in range(0, shape.channels, SHEET):
                    count = min(SHEET, shape.channels - first)
                    yield from self.sheet(group, s * shape.channels + first, count)""",
        """            for first in range(0, shape.planes, SHEET):
                yield from self.sheet(group, first, min(SHEET, shape.planes - first))"""),
    one("a group has all items that are alike", "M10.4", "wavefront",
        "while 2 * k <= min(alike, most):\n        k *= 2", "k = max(min(alike, most), 1)"),
    one("the block above to the right of the last column is that above", "J6", "jpeg_coefficients",
        "known.setdefault(name, known[other] if self.top else NONE)",
        "known.setdefault(name, known[other] if self.top else known[\"A\"])"),
    one("corners of chroma are rounded as edges are", "J8", "decoded",
        "(near + 8 - x % 2) >> 4", "(near + 7 + x % 2) >> 4"),
]  # fmt: skip


def changed_specification(misreading: Misreading, folder: Path) -> None:
    """Copies the specification, with the misreading. Raises ValueError if it does not fit."""
    (folder / "src").symlink_to(TESTS.parent / "src")
    path = shutil.copytree(TESTS / "reference", folder / "tests" / "reference")
    path /= f"{misreading.module}.py"
    text = path.read_text(encoding="utf-8")
    for right, wrong in misreading.changes:
        if text.count(right) != 1:
            raise ValueError(f"{misreading.module}.py has it {text.count(right)} times: {right}")
        text = text.replace(right, wrong)
    path.write_text(text, encoding="utf-8")


def spoiled(misreading: Misreading) -> str:
    """The first valid file that comes out otherwise, or nothing. Raises ValueError."""
    with tempfile.TemporaryDirectory() as folder:
        changed_specification(misreading, Path(folder))
        paths = [f"{folder}/tests", *filter(None, os.environ.get("PYTHONPATH", "").split(":"))]
        run = subprocess.run(
            [sys.executable, __file__, "--read", misreading.module, misreading.section],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    return run.stdout.strip()


def read(module: str, section: str) -> None:
    """Prints the first file that the specification on the path does not restore. Files that do not
    reach the module are left out. Those that need the section come first, small ones before large
    ones.
    """
    import signal
    import warnings

    from traces import SECTIONS, restored

    from bundled_models import spec_models
    from reference import archive, parity

    def late(*_: object) -> None:
        raise TimeoutError

    signal.signal(signal.SIGVTALRM, late)
    warnings.simplefilter("ignore")
    index = json.loads((HERE / "index.json").read_text(encoding="utf-8"))
    names = [name for name in SECTIONS if name.split(".")[0] == module]
    reached = {one for name in names for one in SECTIONS[name].split()}
    valid = [entry for entry in index if "refused" not in entry]
    valid = [entry for entry in valid if reached & {*entry["sections"]}]
    size = {entry["file"]: (HERE / entry["file"]).stat().st_size for entry in valid}
    valid.sort(key=lambda entry: (section not in entry["sections"], size[entry["file"]]))
    for entry in valid:
        data = (HERE / entry["file"]).read_bytes()
        signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
        try:
            made = restored(data, spec_models(data))
            if "A5.18" in entry["sections"]:
                sections = archive.read_sections(data)
                parity.check_parity(data, [one.payload for one in sections if one.kind == "p"])
        except TimeoutError:
            print(f"{entry['file']} (not restored in {SECONDS} seconds)")
            return
        except Exception:
            made = {}
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        if any(entry[key] != made.get(key) for key in ("array", "files") if key in entry):
            print(entry["file"])
            return


def main() -> None:
    if sys.argv[1:2] == ["--read"]:
        read(*sys.argv[2:])
        return
    missed = 0
    for misreading in MISREADINGS:
        name = f"{misreading.section}, {misreading.name}"
        if sys.argv[1:] and not any(part in name for part in sys.argv[1:]):
            continue
        try:
            file = spoiled(misreading)
        except ValueError as error:
            file = ""
            name += f": {error}"
        missed += not file
        print(f"{file or 'NOTHING FAILS'}: {name}", flush=True)
    sys.exit(missed > 0)


if __name__ == "__main__":
    main()
