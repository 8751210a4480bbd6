"""The tokens that zlib chooses (docs/format.md, A6.8)."""

from collections import defaultdict

LEVELS = {
    1: (4, 4, 8, 4), 2: (4, 5, 16, 8), 3: (4, 6, 32, 32), 4: (4, 4, 16, 16), 5: (8, 16, 32, 32),
    6: (8, 16, 128, 128), 7: (8, 32, 128, 256), 8: (32, 128, 258, 1024), 9: (32, 258, 258, 4096),
}  # fmt: skip
"""good, lazy, nice and depth of each level."""
RUNS, LITERALS = 10, 11
REACH = 2**15 - 262

Match = tuple[int, int]  # length and distance; (0, 0) for none


def hash_of(d: bytes, i: int, number: int) -> int:
    """The hashes 0 and 1."""
    a, b, c = d[i : i + 3]
    s = 5 + number
    return (a << 2 * s ^ b << s ^ c) % 2 ** (15 + number)


def equal(d: bytes, a: int, b: int, most: int) -> int:
    n = 0
    while n < most and d[a + n] == d[b + n]:
        n += 1
    return n


class Choice:
    def __init__(self, d: bytes, level: int, number: int, filtered: int) -> None:
        self.d, self.level, self.hash, self.filtered = d, level, number, filtered
        self.good, self.lazy, self.nice, self.depth = LEVELS.get(level, (0, 0, 0, 0))
        self.chains: dict[int, list[int]] = defaultdict(list)
        self.inserted = self.work = 0
        self.here = self.later = (0, 0)
        self.known = -1

    def guess(self, p: int) -> Match:
        """The match at p, or none for a literal."""
        if self.level == LITERALS:
            return 0, 0
        if self.level == RUNS:
            length = equal(self.d, p - 1, p, min(258, len(self.d) - p)) if p else 0
            return (length, 1) if length >= 3 else (0, 0)
        if self.known != p:
            self.here = self.longest(p, 2)
        if self.level <= 3 or not self.here[0]:
            return self.here
        length = self.here[0]
        self.later = self.longest(p + 1, length) if length < self.lazy else (0, 0)
        return (0, 0) if self.later[0] else self.here

    def take(self, p: int, length: int) -> None:
        """The token at p is a match of this length, or a literal."""
        self.insert(p + 1)
        if not length and self.level > 3 and self.here[0]:
            self.here, self.known = self.later, p + 1
        if self.level <= 3 and length > self.lazy:
            self.inserted = p + length

    def insert(self, end: int) -> None:
        for i in range(self.inserted, min(end, len(self.d) - 2)):
            self.chains[hash_of(self.d, i, self.hash)].append(i)
        self.inserted = max(self.inserted, end)

    def longest(self, p: int, least: int) -> Match:
        d, found = self.d, (0, 0)
        if p + 3 > len(d):
            return found
        self.insert(p)
        most, best = min(258, len(d) - p), least
        if best >= most:
            return found
        left = self.depth // 4 if least >= self.good else self.depth
        if self.work > 1024 * (p + 2**16):
            left = min(left, 16)
        for k, q in enumerate(reversed(self.chains[hash_of(d, p, self.hash)])):
            if k == left or q == 0 or p - q > REACH - (k > 0):
                break
            self.work += 1
            if (
                d[q : q + 2] != d[p : p + 2]
                or d[q + best - 1 : q + best + 1] != d[p + best - 1 : p + best + 1]
            ):
                continue
            length = equal(d, q, p, most)
            self.work += length // 16
            if length > best:
                best, found = length, (length, p - q)
                if length >= min(self.nice, most):
                    break
        far = found[0] == 3 and found[1] > 4096
        if self.level > 3 and (far or (self.filtered and found[0] < 6)):
            return 0, 0
        return found
