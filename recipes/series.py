"""The model for series and tables, `series`, of which nothing is learned: what stands here is all.

    python recipes/series.py --out src/bitsback/models/bundled/series.safetensors

The numbers were chosen by what `benchmarks/compare_series.py` prints.
"""

import argparse
from pathlib import Path

from bitsback.models import file
from bitsback.models.item_choice import build_with_items

Inputs = list[tuple[int, int]]


def before(steps: int) -> Inputs:
    """The last `steps` symbols of the channel."""
    return [(back, 0) for back in range(1, steps + 1)]


def beside(channels: int) -> Inputs:
    """The symbols of this step in the `channels` channels before the channel."""
    return [(0, channel) for channel in range(1, channels + 1)]


def neighbours(steps: int) -> Inputs:
    """The last `steps` symbols of the channels on both sides."""
    return [(back, channel) for back in range(1, steps + 1) for channel in (1, -1)]


def predictor(inputs: Inputs, forgetting: int) -> dict[str, object]:
    return {"inputs": inputs, "forgetting": forgetting, "every": 8, "ridge": 4096}


DESCRIPTION = {
    "format": "bitsback-model",
    "version": 1,
    "name": "series",
    "about": "Series and tables with any number of columns, up to 65,536 levels",
    "licence": "CC0-1.0",
    "variables": {"x": {"planes": "any", "levels": 65536}},
    "networks": {},
    "distributions": {
        "p(x)": {
            "codec": "series",
            "precision": 24,
            "predictors": [
                predictor(before(32) + beside(1) + neighbours(8), forgetting=11),
                predictor(before(16) + beside(1) + neighbours(4), forgetting=8),
                predictor(before(1) + beside(16), forgetting=12),
            ],
            "scales": [66, 92, 131, 185, 262, 370, 523],
        }
    },
    "code": ["push x ~ p(x)"],
    "chain": {"growth": 256, "batch": 1},
    "test": {"seed": 1, "count": 1, "size": [1, 1], "sha256": {}},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="where the model goes")
    model = build_with_items(DESCRIPTION, {})
    parser.parse_args().out.write_bytes(file.write(model.description, model.tensors))


if __name__ == "__main__":
    main()
