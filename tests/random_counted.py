"""Models of the codec `counted` drawn at random, and small ones."""

import json
from typing import Any

import numpy as np

from bitsback.models import file
from choices import Choices, Seeded
from reference.item_vectors import hash_items
from reference.program import read_program

LEVELS = [2, 256, 3, 16, 200]


def describe(levels: int, codec: dict[str, Any]) -> Any:
    items: dict[str, Any] = {"shape": [1, 3, 5, 2], "levels": levels, "seeds": [1, 2]}
    about = {
        "format": "bitsback-model",
        "version": 1,
        "name": "counted",
        "about": "",
        "licence": "",
        "variables": {"x": {"planes": "any", "levels": levels}},
        "networks": {},
        "distributions": {"p(x)": {"codec": "counted", **codec}},
        "code": ["push x ~ p(x)"],
        "chain": {"growth": 1, "batch": 1},
        "test": {"seed": 1, "count": 1, "size": [1, 1], "sha256": {}, "items": items},
    }
    items["sha256"] = hash_items(read_program(about, {}).prediction, items)
    return about


def counted_model(choose: Choices, seed: int) -> bytes:
    """A model file."""
    levels = choose.of(LEVELS)
    return file.write(json.dumps(describe(levels, prediction(choose, seed, levels))), {})


def prediction(choose: Choices, seed: int, levels: int) -> dict[str, Any]:
    """The fields of the distribution of x, but for `codec`."""
    return Grower(choose, np.random.default_rng(seed), levels).prediction()


class Grower:
    def __init__(
        self, choose: Choices, rng: np.random.Generator, levels: int, tells_flat: bool = False
    ) -> None:
        """tells_flat: whether flat surroundings are told apart, which is for two levels."""
        self.choose, self.rng, self.levels, self.tells_flat = choose, rng, levels, tells_flat
        self.lag: int = choose.of([2, 1, 7, 256])
        # pixels as they are, and nothing else
        self.plain: bool = tells_flat or choose.of([True, False])
        self.guesses: bool = not tells_flat and choose.of([False, True])  # with candidates
        self.guessed = True  # whether terms may depend on the candidate
        self.blends: bool = not tells_flat and choose.of([False, True])  # predictors
        self.foreseen = self.blends  # whether terms may be predictions
        self.lag = max(self.lag, 2) if self.blends else self.lag

    def prediction(self) -> dict[str, Any]:
        """The fields of the distribution, but for `codec`."""
        choose = self.choose
        precision = choose.of([24, 16, 20])
        slot = choose.of([[22, 10], [16, 7], [12, 5]])
        contexts = self.contexts(choose.of([2, 1, 5]), slot)
        kinds = ["known", "node", "depth", "term", *(["odds"] if self.blends else [])]
        return (
            {"precision": precision, "lag": self.lag}
            | ({"candidate": self.candidate(slot)} if self.guesses else {})
            | ({"predictors": self.predictors()} if self.blends else {})
            | self.maps()
            | {
                "queues": choose.of([1, 2, 256]),
                "table": choose.of([12, 10, 16]),
                "slot": slot,
                "trust": choose.of([30, 1, 255]),
                "contexts": contexts,
                "mixers": self.mixers(len(contexts), kinds),
            }
            | ({"flat": self.flat(slot)} if self.tells_flat else {})
        )

    def predictors(self) -> list[Any]:
        """Some like those of pictures, and others."""
        most = self.levels - 1
        near = [[0, 0, -1, 0], [0, -1, 0, 0]]
        plane = [[0, 0, -1, 1], [0, -1, 0, 1], [0, -1, -1, -1]]
        gradients = [{"sum": plane, "shift": 0, "range": [0, most]}]
        low = int(self.rng.integers(-300, 300))
        strange = [
            {"sum": self.parts(), "shift": self.choose.of([0, 15]), "range": [low, low + most]}
            for _ in range(self.choose.of([0, 1, 29]))
        ]
        return [*near, *gradients, *strange]

    def maps(self) -> dict[str, Any]:
        maps = self.choose.of([None, [1, 255], [0, 1], [16, 1023]])
        return {"maps": maps} if maps else {}

    def flat(self, slot: list[int]) -> dict[str, Any]:
        def sites() -> list[list[int]]:
            return [self.site() for _ in range(self.choose.of([2, 1, 64]))]

        return {
            "around": sites(),
            "regions": [sites() for _ in range(self.choose.of([1, 0, 8]))],
            "offset": self.choose.of([26, 16, 255]),
            "limit": min(self.choose.of([255, 1, 1023]), 2 ** slot[1] - 1),
        }

    def candidate(self, slot: list[int]) -> dict[str, Any]:
        foreseen, self.foreseen = self.foreseen, False
        self.guessed = False
        contexts = self.contexts(self.choose.of([2, 1, 4]), slot)
        memory = int(self.rng.integers(len(contexts)))
        self.guessed = True
        contexts += self.contexts(self.choose.of([1, 0]), slot)
        mixers = self.mixers(len(contexts), ["failures", "known", "term"])
        self.foreseen = foreseen
        return {
            "table": self.choose.of([12, 10, 16]),
            "sure": self.choose.of([1, 0, 9, 15]),
            "memory": memory,
            "contexts": contexts,
            "mixers": mixers,
        } | self.maps()

    def contexts(self, count: int, slot: list[int]) -> list[dict[str, Any]]:
        choose = self.choose
        contexts = [
            {
                "offset": choose.of([26, 16, 255]),
                "limit": min(choose.of([255, 1, 1023]), 2 ** slot[1] - 1),
                "terms": [self.term() for _ in range(choose.of([2, 0, 1, 12, 64]))],
            }
            for _ in range(count)
        ]
        for context in contexts:  # at most 512 bits
            del context["terms"][64 if self.levels == 2 and self.plain else 25 :]
        return contexts

    def mixers(self, contexts: int, kinds: list[str]) -> list[dict[str, Any]]:
        choose = self.choose
        return [
            {
                "select": [self.selector(contexts, kinds) for _ in range(choose.of([1, 0, 2]))],
                "start": choose.of([4096, 0, 2**15 - 1]),
                "rates": choose.of([[470, 470], [2047, 1], [2047, 300]]),
            }
            for _ in range(choose.of([1, 2, 4]))
        ]

    def site(self) -> list[int]:
        back = int(self.choose.of([0, 0, 1, 3]))
        reach = self.choose.of([2, 15])
        rows, columns = self.rng.integers(-reach, reach + 1, 2).tolist()
        if back == 0 and (rows > 0 or (rows == 0 and columns >= 0)):
            rows, columns = -rows - 1 if rows < reach else -reach, columns
        if back == 0 and rows < 0:
            columns = min(columns, -rows * self.lag - 1)
        return [back, rows, columns]

    def parts(self) -> list[list[int]]:
        weights = self.rng.integers(-64, 65, self.choose.of([2, 1, 16])).tolist()
        return [[*self.site(), weight] for weight in weights]

    def term(self) -> Any:
        guessed = ["equal", "candidate"] if self.guesses and self.guessed else []
        kinds = ["pixel"] if self.plain else ["pixel", "sum", "steps", "place"]
        kind = self.choose.of([*kinds, *guessed])
        if kind == "equal":
            return {"equal": self.site()}
        if kind == "candidate":
            return {
                "place": kind,
                "shift": self.choose.of([0, 2]),
                "most": self.choose.of([255, 256]),
            }
        if kind == "pixel":
            return [*self.site(), 0 if self.plain else self.choose.of([0, 1, 15])]
        if kind == "place":
            foreseen = ["prediction", "unit"] if self.foreseen else []
            place = self.choose.of(["row", "column", "channel", *foreseen])
            return {"place": place, "shift": self.choose.of([0, 2]), "most": self.choose.of([3, 0])}
        parts: dict[str, Any] = {"sum": self.parts()}
        if kind == "steps":
            steps = sorted(set(self.rng.integers(-500, 500, self.choose.of([3, 1, 9])).tolist()))
            return parts | {"steps": steps}
        low = int(self.rng.integers(-300, 300))
        high = low + self.choose.of([255, 0, 1000])
        return parts | {"shift": self.choose.of([0, 3]), "range": [low, high]}

    def selector(self, contexts: int, kinds: list[str]) -> Any:
        kind = self.choose.of(kinds)
        if kind == "known":
            return {"known": int(self.rng.integers(contexts))}
        if kind != "term":
            return kind
        return [*self.site(), 0] if self.plain else {"place": "row", "shift": 1, "most": 5}


def random_counted(seed: int) -> bytes:
    return counted_model(Seeded(np.random.default_rng(seed)), seed)


def flat_model(choose: Choices, seed: int) -> bytes:
    """A model file of one that tells flat surroundings apart."""
    grower = Grower(choose, np.random.default_rng(seed), 2, tells_flat=True)
    return file.write(json.dumps(describe(2, grower.prediction())), {})


def random_flat(seed: int) -> bytes:
    return flat_model(Seeded(np.random.default_rng(seed)), seed)


def small_guesses() -> Any:
    """The description of one with candidates."""
    description = small_counted()
    near = [[0, 0, -1, 0], [0, -1, 0, 0]]
    description["distributions"]["p(x)"]["candidate"] = {
        "table": 12,
        "memory": 0,
        "sure": 2,
        "contexts": [
            {"offset": 20, "limit": 127, "terms": [*near, [0, -1, -1, 0]]},
            {"offset": 20, "limit": 127, "terms": [{"equal": [0, 0, -1]}, {"equal": [0, -1, 0]}]},
        ],
        "mixers": [{"select": ["failures", {"known": 1}], "start": 3277, "rates": [2047, 900]}],
    }
    items = description["test"]["items"]
    items["sha256"] = hash_items(read_program(description, {}).prediction, items)
    return description


def small_flat() -> Any:
    """The description of one that tells flat surroundings apart."""
    description = small_counted(2)
    description["distributions"]["p(x)"]["flat"] = {
        "around": [[0, 0, -1], [0, -1, 0], [0, -1, 1]],
        "regions": [[[0, 0, -2], [0, 0, -3]], [[0, -2, 1]]],
        "offset": 20,
        "limit": 255,
    }
    items = description["test"]["items"]
    items["sha256"] = hash_items(read_program(description, {}).prediction, items)
    return description


def small_counted(levels: int = 256) -> Any:
    """A description."""
    near = [[0, 0, -1, 0], [0, -1, 0, 0]]
    fields: dict[str, Any] = {
        "precision": 24, "lag": 3, "queues": 2, "table": 16, "slot": [18, 8], "trust": 30,
    }  # fmt: skip
    fields["contexts"] = [
        {"offset": 26, "limit": 255, "terms": near},
        {"offset": 24, "limit": 100, "terms": [*near, [0, -1, -1, 0], [0, -1, 1, 0]]},
    ]
    fields["mixers"] = [{"select": [{"known": 1}, "node"], "start": 4096, "rates": [1000, 200]}]
    return describe(levels, fields)
