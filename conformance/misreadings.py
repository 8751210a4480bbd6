"""Misreadings of the specification, each of which must spoil a file.

    PYTHONPATH=tests python conformance/misreadings.py [PART OF A NAME...]

Each changes a few expressions of the executable specification in tests/reference to what an
implementer could take the text to mean. The changed specification reads the valid files, and those
that the section refuses. A misreading that spoils none of them needs another file, and makes
the exit code 1. A change that no longer fits the specification does so, too. misreadings.json keeps
the file that each has spoiled, and the next run reads that one first.
"""

from __future__ import annotations

import json
import multiprocessing
import shutil
import signal
import sys
import tempfile
import warnings
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import bitsback.models.bundled  # noqa: F401, so that the processes need not import it

HERE = Path(__file__).resolve().parent
TESTS = HERE.parent / "tests"
SECONDS = 5, 60, 600
"""The most time of a processor for a file, in rounds over all files that have not been restored; a
misreading that takes longer has spoiled it.
"""
SPOILED = HERE / "misreadings.json"


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
        "get(self.bits, 1) if self.flags & 4 else 1", "get(0, 1)"),
    one("segments are reversed before their compression", "A6.3", "container_metadata",
        "if layout.flags & 8:", "if layout.flags & 8 and layout.compression != 1:"),
    one("bytes are shuffled across chunks", "A6.4", "container_metadata",
        "part[first::element] for part in parts for first in range(element)",
        "whole[first::element] for first in range(element)"),
    one("a literal of runs ends before two equal bytes", "A6.10", "container_metadata",
        "elif run(end) < least:", "elif run(end) < 2:"),
    one("literals go on into the next row", "A6.10", "container_metadata",
        "while end < last and end < at + 128:", "while end < len(plane) and end < at + 128:"),
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
    one("DC of symbols comes first", "J9", "jpeg_symbols",
        "        for k in range(last, 0, -1):\n"
        "            self.put(k, self.pop_coefficient(k, last))\n"
        "        self.put(0, self.pop_dc(last))\n",
        "        self.put(0, self.pop_dc(last))\n"
        "        for k in range(last, 0, -1):\n"
        "            self.put(k, self.pop_coefficient(k, last))\n"),
    one("dequantised coefficients have more than 16 bits", "J9", "jpeg_symbols",
        "(u * self.q[r] + 2**15) % 2**16 - 2**15", "u * self.q[r]"),
    one("sizes for smoothing have no limit", "J9", "jpeg_symbols",
        "smoothed([min(abs(d), 2047) for d in self.d])", "smoothed([abs(d) for d in self.d])"),
    one("blocks outside of the first row are zeros", "J9", "jpeg_symbols",
        'found["A"] = above or found["L"]', 'found["A"] = above or NOTHING'),
    one("the block above to the right of the last column is that above", "J9", "jpeg_symbols",
        'found.setdefault(name, found["L"] if self.top else NOTHING)',
        'found.setdefault(name, found["L"] if self.top else found["A"])'),
    one("the low word of a state comes first", "J9.1", "jpeg_symbols",
        "(self.word() << 16 | self.word() for", "(self.word() | self.word() << 16 for"),
    one("words of symbols have the high byte first", "J9.1", "jpeg_symbols",
        'np.frombuffer(data, "<u2")', 'np.frombuffer(data, ">u2")'),
    one("a state takes a word at 2^16 too", "J9.1", "jpeg_symbols",
        "if a < 2**16:", "if a <= 2**16:"),
    one("both states take a word before they are exchanged", "J9.1", "jpeg_symbols",
        "self.a, self.b = self.b, a\n", "self.a, self.b = a, self.b\n"),
    one("words may be left", "J9.1", "jpeg_symbols",
        'require(self.at == len(self.words), "all words are needed")', "pass"),
    one("a state is not known at the end", "J9.1", "jpeg_symbols",
        "require(self.a == self.b == 2**16", "require(self.b == 2**16"),
    one("the other state is not known at the end", "J9.1", "jpeg_symbols",
        "require(self.a == self.b == 2**16", "require(self.a == 2**16"),
    one("products of symbols are rounded down", "J9.2", "jpeg_symbols",
        "return x * y + 2**14 >> 15", "return x * y >> 15"),
    one("products of symbols below 0 are rounded as others", "J9.2", "jpeg_symbols",
        "return x * y + 2**14 >> 15",
        "return (abs(x * y) + 2**14 >> 15) * (-1 if x * y < 0 else 1)"),
    one("a distribution learns with its new rate", "J9.2", "jpeg_symbols",
        "p[:] = [now + mul(goal - now, p[0]) for now, goal in zip(p, goals, strict=True)]",
        "for i, goal in enumerate(goals):\n        p[i] += mul(goal - p[i], p[0])"),
    one("distributions learn 2^15", "J9.2", "jpeg_symbols",
        "(32767 if i > s else 0 for i", "(32768 if i > s else 0 for i"),
    one("all distributions learn as those of coefficients", "J9.2", "jpeg_symbols",
        "learn(p, s, QUICK)", "learn(p, s, SLOW)"),
    one("weights learn behind distributions", "J9.2", "jpeg_symbols",
        """        if learns:
            learn_weights([probability(p, s) for p in of], weights)
        for p in of:
            learn(p, s, final)
""",
        """        for p in of:
            learn(p, s, final)
        if learns:
            learn_weights([probability(p, s) for p in of], weights)
"""),
    one("weights of coefficients learn in each block", "J9.2", "jpeg_symbols",
        "column == 0, row == 0, column % 4 == 0", "column == 0, row == 0, True"),
    one("weights of coefficients learn in each fourth block of all", "J9.2", "jpeg_symbols",
        "column == 0, row == 0, column % 4 == 0",
        "column == 0, row == 0, (row * own.columns + column) % 4 == 0"),
    one("weights of groups learn with those of coefficients", "J9.2", "jpeg_symbols",
        "all_.group_weights[t], True, QUICK", "all_.group_weights[t], self.learns, QUICK"),
    one("blends of probabilities are rounded", "J9.2", "jpeg_symbols",
        "x += apart * weights[n] >> 15", "x += mul(apart, weights[n])"),
    one("steps of weights have no limit", "J9.2", "jpeg_symbols",
        "clamp(64 * apart >> max(x, 1).bit_length() - 1, -256, 256)",
        "64 * apart >> max(x, 1).bit_length() - 1"),
    one("steps of weights are by the blend before", "J9.2", "jpeg_symbols",
        "        x += apart * weights[n] >> 15\n"
        "        step = clamp(64 * apart >> max(x, 1).bit_length() - 1, -256, 256)\n",
        "        step = clamp(64 * apart >> max(x, 1).bit_length() - 1, -256, 256)\n"
        "        x += apart * weights[n] >> 15\n"),
    one("weights go down to 0", "J9.2", "jpeg_symbols", "step, 512, 32255)", "step, 0, 32255)"),
    one("weights go up to 1", "J9.2", "jpeg_symbols", "step, 512, 32255)", "step, 512, 32767)"),
    one("fine levels have no limit", "J9.2", "jpeg_symbols", "x = min(x, 1023)", "pass"),
    one("a fine level begins behind its bound", "J9.2", "jpeg_symbols",
        "x * 2**8 >> lead >= bound for", "x * 2**8 >> lead > bound for"),
    one("coarse levels go on to 12", "J9.2", "jpeg_symbols",
        "min(fine(min(x, 255)) >> 1, 11)", "fine(min(x, 255)) >> 1"),
    one("groups of the third component are those of the second", "J9.3", "jpeg_symbols",
        '"G0", min(all_.c, 2), near', '"G0", min(all_.c, 1), near'),
    one("the fourth component has groups of its own", "J9.3", "jpeg_symbols",
        '"G0", min(all_.c, 2), near', '"G0", all_.c, near'),
    one("y of the third component is that of luma", "J9.3", "jpeg_symbols",
        "    if before:\n        return before.lasts[row * own.columns + column]\n", ""),
    one("y is the least last place of luma", "J9.3", "jpeg_symbols", "return max(", "return min("),
    one("a component of odd sampling has luma", "J9.3", "jpeg_symbols",
        "first.rows % own.rows or first.columns % own.columns",
        "first.rows < own.rows or first.columns < own.columns"),
    one("more than 63 coefficients of neighbours count", "J9.3", "jpeg_symbols",
        "min(self.at[0].nonzero + self.at[1].nonzero, 63) >> 2",
        "self.at[0].nonzero + self.at[1].nonzero >> 2"),
    one("differences at edges keep their sign when they are rounded", "J9.3", "jpeg_symbols",
        "min(abs(gap) >> 8, 65535)", "min(abs(gap >> 8), 65535)"),
    one("differences at edges have no limit", "J9.3", "jpeg_symbols",
        "min(abs(gap) >> 8, 65535)", "(abs(gap) >> 8)"),
    one("differences at edges are divided by steps", "J9.3", "jpeg_symbols",
        "sum(min(abs(gap) >> 8, 65535) * (65536 // q) >> 16 for gap, q in gaps)",
        "sum(min(abs(gap) >> 8, 65535) // q for gap, q in gaps)"),
    one("the last place to the right of the last column is 0", "J9.3", "jpeg_symbols",
        "if name in found else self.a for name", "if name in found else 0 for name"),
    one("all 16 places of a group are known", "J9.3", "jpeg_symbols",
        'require(place < 4, "a place in a group")', "pass"),
    one("both parts of a prediction are rounded", "J9.4", "jpeg_symbols",
        "p = self.row(i) * (INVERSE[j] * x // q) + self.column(j) * (INVERSE[i] * y // q) >> 30",
        "p = self.row(i) * (INVERSE[j] * x // q) >> 30\n"
        "        p += self.column(j) * (INVERSE[i] * y // q) >> 30"),
    one("coefficients of the first row are predicted by it", "J9.4", "jpeg_symbols",
        "(0, 9830) if i == 0 else (9830, 0) if j == 0",
        "(9830, 0) if i == 0 else (0, 9830) if j == 0"),
    one("sizes of neighbours have no limit", "J9.4", "jpeg_symbols",
        "sizes = [min(abs(block.u[r]), 1023) for block", "sizes = [abs(block.u[r]) for block"),
    one("inner is by the weights of coefficients other than 0", "J9.4", "jpeg_symbols",
        "sum(g.values()) * q",
        "(sum(f for n, f in g.items() if self.d[n]) or 1) * q"),
    one("inner sizes have no limit", "J9.4", "jpeg_symbols",
        "min(abs(self.d[n]), 2047) for n", "abs(self.d[n]) for n"),
    one("the last coefficient may be 0", "J9.4", "jpeg_symbols",
        'require(s > 0, "a last coefficient other than 0")', "pass"),
    one("the distance from the last place has no limit", "J9.4", "jpeg_symbols",
        "min(last - 1 - k, 15)", "last - 1 - k"),
    one("values have the other sign if P is 0", "J9.4", "jpeg_symbols",
        "return -value if p < 0 else value", "return -value if p <= 0 else value"),
    one("above is 0 in the first row", "J9.5", "jpeg_symbols",
        "        if self.top:\n            above = left\n",
        "        if self.top:\n            above = 0\n"),
    one("left is 0 in the first column", "J9.5", "jpeg_symbols",
        "left = 0 if self.top else above", "left = 0"),
    one("predictions of DC are rounded down", "J9.5", "jpeg_symbols",
        "clamp(p + 128 >> 8,", "clamp(p >> 8,"),
    one("predictions of DC have no limit", "J9.5", "jpeg_symbols",
        "clamp(p + 128 >> 8, -32767, 32767)", "p + 128 >> 8"),
    one("the number of coefficients beside DC has no limit", "J9.5", "jpeg_symbols",
        "min(self.nonzero(), 15)", "self.nonzero()"),
    one("DC is less if it is predicted as a whole number", "J9.5", "jpeg_symbols",
        "if p < 256 * whole", "if p <= 256 * whole"),
    one("symbol 15 is known", "J9.6", "jpeg_symbols",
        'require(s < 15, "a symbol of a coefficient")', "pass"),
    one("coefficients have 17 bits", "J9.6", "jpeg_symbols",
        "require(abs(u) <= 32767", "require(abs(u) <= 65535"),
    one("a coefficient may be -32768", "J9.6", "jpeg_symbols",
        "require(abs(u) <= 32767", "require(-32768 <= u <= 32767"),
    one("places have the same exponents", "J9.6", "jpeg_symbols",
        '"X", self.t, k)', '"X", self.t)'),
    one("the low bits of a magnitude come first", "J9.6", "jpeg_symbols",
        "low = 2**8 * self.symbols.bits(exponent - 8) if exponent > 8 else 0\n"
        "            magnitude = 2**exponent + low + self.symbols.bits(min(exponent, 8)) + 7",
        "low = self.symbols.bits(min(exponent, 8))\n"
        "            high = 2**8 * self.symbols.bits(exponent - 8) if exponent > 8 else 0\n"
        "            magnitude = 2**exponent + low + high + 7"),
    one("corners of chroma are rounded as edges are", "J8", "decoded",
        "(near + 8 - x % 2) >> 4", "(near + 7 + x % 2) >> 4"),
    one("a stream of decisions begins with a state of its own", "J1", "jpeg_streams",
        "        return model.pop(frame)\n",
        "        if isinstance(model, BySymbols):\n"
        "            return model.pop(frame)\n"
        "        own = Coefficients(bytes(4))\n"
        "        own.decisions = own.mixing.decisions = model.decisions\n"
        "        return own.pop(frame)\n"),
    one("a stream of symbols begins with a state of its own", "J9", "jpeg_streams",
        "        return model.pop(frame)\n",
        "        if isinstance(model, Coefficients):\n"
        "            return model.pop(frame)\n"
        "        own = BySymbols(bytes(8))\n"
        "        own.symbols = model.symbols\n"
        "        return own.pop(frame)\n"),
    one("a strip of decisions goes on with the state of the one before", "J1", "jpeg_streams",
        "own = type(model)(strips.take(strips.varint()))",
        "own, before = type(model)(strips.take(strips.varint())), own if begin else None\n"
        "        if before and isinstance(own, Coefficients):\n"
        "            before.decisions = before.mixing.decisions = own.decisions\n"
        "            own = before"),
    one("a strip of symbols goes on with the state of the one before", "J9", "jpeg_streams",
        "own = type(model)(strips.take(strips.varint()))",
        "own, before = type(model)(strips.take(strips.varint())), own if begin else None\n"
        "        if before and isinstance(own, BySymbols):\n"
        "            before.symbols = own.symbols\n"
        "            own = before"),
    one("strips count by all bytes of a stream", "J1", "jpeg_streams",
        "planes_of(skeleton, own, own - 2 - len(segments))", "planes_of(skeleton, own, own)"),
    one("the first strips have a row more", "J1", "jpeg_streams",
        "bounds = [i * frame.rows // count for i in range(count + 1)]",
        "bounds = [-(-i * frame.rows // count) for i in range(count + 1)]"),
    one("streams that have tables count from 0", "J1", "jpeg_streams",
        "tables = parts[other - 1][0]", "tables = parts[other % len(parts)][0]"),
    one("bytes in front of a tile are no part of its size", "J1", "jpeg_streams",
        "size += before", "size += 0"),
    one("a scan of one component has the blocks of all units", "J2", "jpeg_markers",
        "one.own_rows = ceil(ceil(height * one.v, most_v), edge)", "one.own_rows = one.rows"),
    Misreading("steps are those when the frame comes", "J2", "jpeg_markers", (
        ("one.own_columns = ceil(ceil(width * one.h, most_h), edge)",
         "one.own_columns = ceil(ceil(width * one.h, most_h), edge)\n"
         "            one.steps = self.quantisation[one.table]"),
        ("if one.steps[0] == 0:", "if False:"))),
    one("steps are those when the last scan comes", "J2", "jpeg_markers",
        "if one.steps[0] == 0:", "if True:"),
    one("the lines of DNL change the height of every frame", "J2", "jpeg_markers",
        "if height == 0 and 0 <= lines <= len(self.data) - 6:",
        "if 0 <= lines <= len(self.data) - 6:"),
    one("the first DNL of a stream gives the lines of all frames", "J2", "jpeg_markers",
        r'lines = self.data.find(b"\xff\xdc\0\4", self.at)',
        r'lines = self.data.find(b"\xff\xdc\0\4")'),
    one("steps of two bytes have the low one first", "J2", "jpeg_markers",
        'int.from_bytes(steps[size * k : size * (k + 1)], "big")',
        'int.from_bytes(steps[size * k : size * (k + 1)], "little")'),
    one("bytes that fill take the one behind with them", "J2", "jpeg_markers",
        "self.at += 1 if marker == MARKER else 2", "self.at += 2"),
    one("sequential scans have the band that they say", "J2", "jpeg_markers",
        "scan.first, scan.last, scan.high, scan.low = 0, 63, 0, 0", "pass"),
    one("places in lists count from 0", "J3", "jpeg_streams",
        "place += reader.varint()", "place = reader.varint()"),
    one("the last of several entries holds", "J3", "jpeg_streams",
        "found.setdefault(place, reader.varint())", "found[place] = reader.varint()"),
    one("stretches count anew in each scan", "J3", "jpeg_streams",
        "self.run, self.waiting = 0, \"\"\n        units",
        "self.run, self.waiting, self.stretch = 0, \"\", 0\n        units"),
    one("blocks count anew in each scan", "J3", "jpeg_streams",
        "self.run, self.waiting = 0, \"\"\n        units",
        "self.run, self.waiting, self.block = 0, \"\", 0\n        units"),
    one("a cut says one unit more", "J3", "jpeg_streams",
        "min(cut - 1, len(units))", "min(cut, len(units))"),
    one("bits of padding are the high ones", "J4", "jpeg_streams",
        "self.details.padding.get(self.stretch, usual) % 2**missing",
        "self.details.padding.get(self.stretch, usual) % 256 >> (8 - missing)"),
    one("restarts count on from scan to scan", "J4", "jpeg_streams",
        "bytes([0xFF, 0xD0 + (n // interval - 1) % 8])",
        "bytes([0xFF, 0xD0 + (self.stretch - 1) % 8])"),
    one("the last of several codes of a symbol holds", "J4", "jpeg_markers",
        'code.setdefault(next(left), f"{word:0{length}b}")',
        'code[next(left)] = f"{word:0{length}b}"'),
    one("a run of ends goes on at a restart", "J4", "jpeg_streams",
        "                self.end_run()\n                self.end_stretch()",
        "                self.end_stretch()"),
    one("ends are written at 937 correction bits", "J4", "jpeg_streams",
        "len(self.waiting) > MOST_CORRECTIONS", "len(self.waiting) >= MOST_CORRECTIONS"),
    one("ends of bands are written although the runs are stored", "J4", "jpeg_streams",
        "many = len(self.waiting) > MOST_CORRECTIONS and not self.details.flags & LONG_RUNS",
        "many = len(self.waiting) > MOST_CORRECTIONS"),
    one("needless runs of zeros come before the end of others", "J4", "jpeg_streams",
        "        if runs:\n            self.end_run()\n", ""),
    one("correction bits stand in front of the sign", "J4", "jpeg_streams",
        'f"{int(u > 0)}{corrections}"', 'f"{corrections}{int(u > 0)}"'),
    one("sixteen zeros are always written in refining scans", "J4", "jpeg_streams",
        "if zeros == 16 and k < fresh:", "if zeros == 16:"),
    one("DC is shifted towards 0", "J4", "jpeg_streams",
        "value = block[0] >> scan.low\n            difference, self.previous[c] =",
        "value = int(block[0] / 2**scan.low)\n            difference, self.previous[c] ="),
    one("AC is shifted arithmetically", "J4", "jpeg_streams",
        "shifted = [(abs(u) >> scan.low) * (1 if u > 0 else -1) for u in band]",
        "shifted = [u >> scan.low for u in band]"),
    one("samples are predicted from the left behind a restart", "J4", "jpeg_streams",
        "if row == first_row and column == first_column:", "if row == column == 0:"),
    one("the first sample has half of all levels", "J4", "jpeg_streams",
        "2 ** (self.frame.precision - self.scan.low - 1)", "2 ** (self.frame.precision - 1)"),
    one("averages of a predictor are cut towards 0", "J4", "jpeg_streams",
        "left + (above - corner >> 1)", "left + int((above - corner) / 2)"),
    one("a difference of 2^15 has bits", "J4", "jpeg_streams",
        "        if difference < 2**15:\n", "        if True:\n"),
    one("conditions have L in the high bits", "J4", "jpeg_arithmetic",
        "small, large = self.scan.conditions[table] & 15, self.scan.conditions[table] >> 4",
        "large, small = self.scan.conditions[table] & 15, self.scan.conditions[table] >> 4"),
    one("Kx is the first of high frequencies", "J4", "jpeg_arithmetic",
        "189 if k <= split else 217", "189 if k < split else 217"),
    one("zeros at the end of an arithmetic scan stay", "J4", "jpeg_arithmetic",
        r'return found.rstrip(b"\0").replace(b"\xff", b"\xff\0")',
        r'return found.replace(b"\xff", b"\xff\0")'),
    one("a cut arithmetic scan keeps the byte before ones", "J4", "jpeg_arithmetic",
        r'stuffed(found.rstrip(b"\xff")[:-1])', r'stuffed(found.rstrip(b"\xff"))'),
    one("a fixed probability is learned", "J4", "jpeg_arithmetic",
        "self.interval.code([0], 0, symbol)", "self.interval.code(self.dc_states[3], 63, symbol)"),
    one("the middle belongs to a zero", "J5", "jpeg_mixing",
        "bit = int(self.value <= middle)", "bit = int(self.value < middle)"),
    one("the highest number is filled with zeros", "J5", "jpeg_mixing",
        "self.high = (self.high * 2**8 + 255) % 2**32", "self.high = self.high * 2**8 % 2**32"),
    one("a decoder reads two zeros behind the end", "J5", "jpeg_mixing",
        "require(self.at < len(self.data) + 3,", "require(self.at < len(self.data) + 2,"),
    one("the interval has a number more", "J5", "jpeg_mixing",
        "(self.high - self.low) * p >> 16", "(self.high - self.low + 1) * p >> 16"),
    one("a byte is shifted out once for a decision", "J5", "jpeg_mixing",
        "while self.low >> 24 == self.high >> 24:", "if self.low >> 24 == self.high >> 24:"),
    one("lines of last places are found once", "J6.1", "jpeg_coefficients",
        "if t in (0, 3):", "if t == 0:"),
    one("edges of last places have all columns", "J6.1", "jpeg_coefficients",
        "for n in range(1, 8)\n            )", "for n in range(8)\n            )"),
    one("whole steps of DC are rounded towards 0", "J6.2", "jpeg_coefficients",
        "clamp(steps(p) + 128 >> 8,", "clamp(cut(steps(p) + 128, 256),"),
    one("edges of DC keep the whole steps", "J6.2", "jpeg_coefficients",
        "left, above = left - whole * one, above - whole * one", "pass"),
    one("the coefficient before DC is an input", "J6.2", "jpeg_coefficients",
        "if j > 0 and r > 1 else 0", "if j > 0 else 0"),
    one("older coefficients are all that are known", "J6.2", "jpeg_coefficients",
        "older = ZIGZAG[k + 2 : last + 1]", "older = ZIGZAG[k + 1 : last + 1]"),
    one("a slot learns with its count after the decision", "J6.3", "jpeg_mixing",
        "(2**16 // (self.n + 2))", "(2**16 // (self.n + 3))"),
    one("samples of a unit stand column by column", "J7", "container_metadata",
        "            for v in range(one.v)\n            for h in range(one.h)\n",
        "            for h in range(one.h)\n            for v in range(one.v)\n"),
    one("signed samples are those of 16 bits", "J7", "container_metadata",
        "own = own % 2**frame.precision", "own = own % 2**16"),
    one("originals are counted from the first file", "A5.15", "archive",
        "original = number - size", "original = size"),
    one("removed files are not counted to an original", "A5.15", "archive",
        "original = number - size", "original = [n for n in range(number) if names[n]][-size]"),
    one("a removed original has no content", "A5.15", "archive",
        "require(original not in copies,", "require(original not in copies and names[original],"),
    one("a copy has no container metadata", "A5.15", "archive",
        "replace(found[original], name=name, time=time)",
        "replace(found[original], name=name, time=time, metadata=b\"\")"),
    one("a copy may be of a copy", "A5.15", "archive",
        "require(original not in copies,", "require(True,"),
    one("copies are one item of no bytes", "A5.1", "collection",
        "sizes = [] if axes == 4 else", "sizes = [(1, (0,))] if axes == 4 else"),
    one("removed files have no modes", "A5.19", "archive",
        "read_entries(described[0], len(files))",
        "read_entries(described[0], sum(file.name != \"\" for file in files))"),
    one("a mode has 12 bits with the 1 that is added", "A5.19", "entries",
        "require(mode <= 2**12,", "require(mode < 2**12,"),
    one("parts of names have 255 characters", "A5.19", "entries",
        "all(len(part.encode()) <= 255", "all(len(part) <= 255"),
    one("something may stand below a link", "A5.19", "entries",
        "require(above not in leaves,", "require(above not in names,"),
    one("a folder may be called like a link", "A5.19", "entries",
        "places = [*leaves, *(folder.name for folder in folders if folder.name)]",
        "places = [*leaves, *{folder.name for folder in folders} - {link.name for link in links}]"),
    one("the rest has as many bytes as the block at most", "A5.20", "inflated",
        "most = min(2**10 * size + 2**16, size + 2**26)", "most = size"),
    one("pictures come in the opposite order", "A5.20", "inflated",
        "files = Reader(b\"\".join(picture(reader) for _ in range(reader.varint())))",
        "files = Reader(b\"\".join([picture(reader) for _ in range(reader.varint())][::-1]))"),
    one("all bands of a picture have the number 0", "A5.20", "blocks",
        "decode_block(payload, number, 1, run.dtype, models)",
        "decode_block(payload, 0, 1, run.dtype, models)"),
    one("the total of each round is the size of the block", "A5.20", "inflated",
        "require(total == size if number == 0 else total <= most,", "require(total == size,"),
    one("plaintexts stand behind the other bytes", "A5.20", "inflated",
        "        plaintexts = Reader(reader.take(sum(plaintext for _, _, plaintext in heads)))\n"
        "        rest =",
        "        behind = Reader(rest, len(rest) - sum(plaintext for _, _, plaintext in heads))\n"
        "        plaintexts = Reader(behind.take(len(rest) - behind.at))\n"
        "        reader = Reader(rest[: len(rest) - len(plaintexts.data)], reader.at)\n"
        "        rest ="),
    one("what is learned of tokens ends with a stream", "A6.8", "deflate_tokens",
        "        coder = self.coder\n",
        "        coder = self.coder\n        coder.counters.clear()\n"),
    one("the first stream has a bit by Other, too", "A6.8", "deflate_tokens",
        'if self.settings is None or coder.by("Other"):',
        'if coder.by("Other") or self.settings is None:'),
    one("the insides of long matches are inserted at all levels", "A6.8", "zlib_choice",
        "if self.level <= 3 and length > self.lazy:", "if False:"),
    one("matches may begin at the first byte", "A6.8", "zlib_choice",
        "q == 0 or p - q", "p - q"),
    one("32,506 bytes are too far for the first candidate too", "A6.8", "zlib_choice",
        "REACH - (k > 0)", "REACH - 1"),
    one("each guess begins with a search of its own", "A6.8", "zlib_choice",
        "if self.known != p:", "if True:"),
    one("a search goes as deep behind a good match", "A6.8", "zlib_choice",
        "self.depth // 4 if least >= self.good else self.depth", "self.depth"),
    one("the counter Guessed is like others at first", "A6.8", "deflate_tokens",
        "guessed.p, guessed.n = 2**22 - 2**15, 24", "guessed.p, guessed.n = 2**21, 0"),
    one("runs of usual headers go on from literals to distances", "A6.8", "deflate_tokens",
        "same = near if self.usual else same", "same = same"),
    one("the total is the size of the other file", "A6.9", "container_metadata",
        "inflated.put_in(total, heads", "inflated.put_in(len(plaintexts.data), heads"),
    one("a round has the plaintexts of a volume too", "A6.9", "container_metadata",
        "plaintexts = Reader(frame(inner, pixels))",
        "plaintexts = Reader(reader.take(sum(plaintext for _, _, plaintext in heads)))"),
    one("the numbers outside of an image are 0", "M10", "wavefront_plane",
        "self.error = field(2 * shape.levels)", "self.error = field(0)"),
    one("the unit of a pixel is rounded down", "M10", "wavefront_plane",
        "return (self.mean + LEAST_UNIT) >> self.shift",
        "return (self.mean >> self.shift) + LEAST_UNIT"),
    one("steps of deep levels have no limit", "M10", "wavefront_plane",
        "return min(max(rounded, -MOST_STEP), MOST_STEP)", "return rounded"),
    one("differences of deep levels are not limited to words", "M10", "wavefront_plane",
        "rounded = (word(2 * word(d)) *", "rounded = (2 * d *"),
    one("weights come from the sums of the second cell", "M10.1", "wavefront_plane",
        "self.kept(r, 2 * m)", "self.kept(r, min(2 * m + 1, self.last))"),
    one("weights are rounded once", "M10.1", "wavefront_plane",
        "y[i] = rounded(t, 3072)", "y[i] = t"),
    one("the first row of sums has none", "M10.1", "wavefront_plane",
        "return self.start\n", "return np.zeros_like(self.start)\n"),
    one("features of a reference are to the prediction of the plane", "M10.2", "wavefront_plane",
        "known.medians[i], other.predicted[r, q])", "known.medians[i], p)"),
    one("the prediction is a feature by 8 bits", "M10.2", "wavefront_plane",
        "((p << 2) >> bits) - 128", "((p << 2) >> 8) - 128"),
    one("a residual layer has the limit before the sum", "M10.2", "wavefront_rules",
        "np.minimum(x + np.maximum(layer.rounded(x), 0), TOP)",
        "x + np.clip(layer.rounded(x), 0, TOP)"),
    one("outputs are rounded to nearest", "M10.2", "wavefront_rules",
        "self.output.multiplier + self.output.bias) >> 12)",
        "self.output.multiplier + self.output.bias + 2**11) >> 12)"),
    one("the base of bins is rounded to nearest", "M10.3", "wavefront_bins",
        "self.base = (known.value + ROUND) >> 6 >> b << b",
        "self.base = ((known.value + ROUND) >> 6) + (1 << b >> 1) >> b << b"),
    one("planes of a sheet follow each other as rows do", "M10.4", "wavefront",
        "SHEET, LAG, DELAY = 4, 16, 18", "SHEET, LAG, DELAY = 4, 16, 16"),
    Misreading("a step has the pixels of all planes of a time", "M10.4", "wavefront", (
        ("            for i in range(count):\n                places = []\n",
         "            places = []\n            for i in range(count):\n"),
        ("                if places:\n                    yield places",
         "            if places:\n                yield places"))),
    one("items of a step come before its rows", "M10.4", "wavefront",
        """                for r in range(shape.rows):
                    q = time - LAG * r - DELAY * i
                    if 0 <= q < shape.columns:
                        for item in group:""",
        """                for item in group:
                    for r in range(shape.rows):
                        q = time - LAG * r - DELAY * i
                        if 0 <= q < shape.columns:"""),
    one("sure decisions come last", "M10.5", "wavefront_contexts",
        "key=lambda pixel: not pixel.is_sure", "key=lambda pixel: pixel.is_sure"),
    one("sure decisions have the odds of mixed ones", "M10.5", "wavefront_contexts",
        "squash(limited(2 * pixel.odds))", "squash(pixel.odds)"),
    one("contexts with one slot learn one after the other", "M10.5", "wavefront_contexts",
        "            slot.learn(bit, OF_LEVELS if number < NETWORK else OF_OTHERS)",
        "            slot = self.slot(place, slot.check)\n"
        "            slot.learn(bit, OF_LEVELS if number < NETWORK else OF_OTHERS)"),
    one("slots have no check", "M10.5", "wavefront_contexts",
        "if found is None or found.check != check:", "if found is None:"),
    one("contexts count with a limit in all inputs", "M10.5", "wavefront_contexts",
        "known = [(n + 1).bit_length() - 1 for n in counts]",
        "known = [(min(n, TRUST) + 1).bit_length() - 1 for n in counts]"),
    one("trust in counts has no limit", "M10.5", "wavefront_contexts",
        "(slot.p - 2**15) * min(slot.n, TRUST) >> 8", "(slot.p - 2**15) * slot.n >> 8"),
    one("tables are as large as an item needs", "M10.5", "wavefront",
        "Contexts(self.of.contexts, len(symbols))",
        "Contexts(self.of.contexts, self.shapes[0].elements)"),
    one("near differences have no number in common", "M10.5", "wavefront_contexts",
        "own = shared if around.references else number", "own = number"),
    one("near differences have a number in common in any plane", "M10.5", "wavefront_contexts",
        "own = shared if around.references else number", "own = shared"),
    one("mixers learn from what they give together", "M10.5", "wavefront_contexts",
        "2**28 * bit - squash(t)", "2**28 * bit - mixed.probability"),
    one("pairs of inputs are shifted in all", "M10.5", "wavefront_contexts",
        "int(((one.w * i).reshape(-1, 2).sum(1) >> 8).sum()) >> 5", "int((one.w * i).sum()) >> 13"),
    one("channels of contexts are all apart", "M10.5", "wavefront",
        "min(plane.channel, 3)", "plane.channel"),
    one("deep levels have as few parts as others", "M10.5", "wavefront_bins",
        "bits = 8 if self.levels <= 256 else 16", "bits = 8"),
    one("contexts have deep levels as they are", "M10.5", "wavefront_contexts",
        "self.zero = 2**15 if self.is_wide else 0", "self.zero = 0"),
    one("errors of deep levels are in 64ths", "M10.5", "wavefront_contexts",
        "self.unit.norm(self.unit.down(d))", "self.unit.norm(d)"),
    one("deep levels are farther apart than a word", "M10.5", "wavefront_contexts",
        "apart = apart % 2**16 + 2**16 * d", "apart += 2**16 * d"),
    one("nodes of deep levels have sets", "M10.5", "wavefront_contexts",
        "8 * d + known[0] if is_wide else pixel.node", "pixel.node"),
    one("blue has the sums of all levels in decisions", "M10.5", "wavefront_bins",
        "return self.sums[bisect_left(self.blues, x)]", "return self.of.below(x)"),
    one("sure odds are those of one side", "M10.5", "wavefront_contexts",
        "return abs(self.odds) > SURE", "return self.odds > SURE"),
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


def spoiled(misreading: Misreading, before: str) -> str:
    """The first file that comes out otherwise, or nothing. before: that of the last run. Raises
    ValueError.
    """
    with tempfile.TemporaryDirectory() as folder:
        changed_specification(misreading, Path(folder))
        with ProcessPoolExecutor(1, multiprocessing.get_context("fork")) as process:
            return process.submit(read, f"{folder}/tests", misreading, before).result()


def read(path: str, misreading: Misreading, before: str) -> str:
    """The first file that the specification on the path does not restore, or does not refuse by the
    section. Files that do not reach the module are left out. The one called `before` comes first,
    then those that need the section, cheap ones before others.
    """
    sys.path.insert(0, path)
    from traces import SECTIONS, restored

    from bundled_models import spec_models
    from reference import archive, parity

    def late(*_: object) -> None:
        raise TimeoutError

    signal.signal(signal.SIGVTALRM, late)
    warnings.simplefilter("ignore")
    section = misreading.section
    index = json.loads((HERE / "index.json").read_text(encoding="utf-8"))
    names = [name for name in SECTIONS if name.split(".")[0] == misreading.module]
    reached = {one for name in names for one in SECTIONS[name].split()}
    valid = [entry for entry in index if "refused" not in entry]
    valid = [entry for entry in valid if reached & {*entry["sections"]}]

    def cost(entry: dict[str, Any]) -> int:
        elements = prod(entry["array"]["shape"]) if "array" in entry else 0
        return (HERE / entry["file"]).stat().st_size + elements

    valid.sort(key=lambda entry: (section not in entry["sections"], cost(entry)))
    refused = [each for each in index if "refused" in each and section in each["sections"]]
    left = sorted([*refused, *valid], key=lambda entry: entry["file"] != before)
    for seconds in SECONDS:
        for entry in list(left):
            data = (HERE / entry["file"]).read_bytes()
            limit = SECONDS[-1] if entry["file"] == before else seconds
            signal.setitimer(signal.ITIMER_VIRTUAL, limit)
            try:
                made = restored(data, spec_models(data))
                if "A5.18" in entry["sections"]:
                    sections = archive.read_sections(data)
                    parity.check_parity(data, [one.payload for one in sections if one.kind == "p"])
            except TimeoutError:
                continue
            except Exception:
                made = {}
            finally:
                signal.setitimer(signal.ITIMER_VIRTUAL, 0)
            if {key: entry[key] for key in ("array", "files") if key in entry} != made:
                return str(entry["file"])
            left.remove(entry)
    return str(left[0]["file"]) if left else ""


def main() -> None:
    names = {f"{each.section}, {each.name}": each for each in MISREADINGS}
    before = json.loads(SPOILED.read_text(encoding="utf-8")) if SPOILED.exists() else {}
    found = {name: file for name, file in before.items() if name in names}
    missed = 0
    for name, misreading in names.items():
        if sys.argv[1:] and not any(part in name for part in sys.argv[1:]):
            continue
        try:
            found[name], problem = spoiled(misreading, found.get(name, "")), "NOTHING FAILS"
        except ValueError as error:
            found[name], problem = "", str(error)
        missed += not found[name]
        print(f"{found[name] or problem}: {name}", flush=True)
        SPOILED.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    sys.exit(missed > 0)


if __name__ == "__main__":
    main()
