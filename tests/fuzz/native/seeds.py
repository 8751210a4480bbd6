"""Writes small initial test vectors for libFuzzer, a file for each kind of operation.

python tests/fuzz/native/seeds.py FOLDER
"""

import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "cross"))

from vectors import Vectors

SEEDS: dict[str, Callable[[Vectors], object]] = {
    "codecs": lambda vectors: vectors.codecs(5),
    "wide-linear": lambda vectors: vectors.linear(3, 64, 2, (0, 255), True, 128),
    "linear": lambda vectors: vectors.linear(65, 7, 3, (-128, 127), False, 255),
    "dense": lambda vectors: vectors.dense(4, 5, latents=2, hidden=4),
    "context": lambda vectors: vectors.context(2, 3),
    "mixture": lambda vectors: vectors.context(
        3, 2, codec="mixture", levels=30, precision=20, components=3
    ),
    "crc": lambda vectors: vectors.crc(9),
    **{f"program-{seed}": lambda vectors, seed=seed: vectors.any(seed) for seed in range(8)},
    **{f"series-{seed}": lambda vectors, seed=seed: vectors.series(seed) for seed in range(6)},
    **{
        f"wavefront-{seed}": lambda vectors, seed=seed: vectors.wavefront(seed) for seed in range(6)
    },
    **{
        f"contexts-{seed}": lambda vectors, seed=seed: vectors.wavefront(seed, 60, contexts=12)
        for seed in range(6)
    },
    **{f"counted-{seed}": lambda vectors, seed=seed: vectors.counted(seed) for seed in range(6)},
}

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for number, (name, add) in enumerate(SEEDS.items()):
        made = Vectors(number)
        made.start(1 + number % 5, (None, 0, 300)[number % 3] if name == "codecs" else 0)
        add(made)
        (folder / name).write_bytes(made.words)
