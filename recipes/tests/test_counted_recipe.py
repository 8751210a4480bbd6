"""The models that count contexts are what their recipe makes of them."""

from pathlib import Path

import counted
import pytest

from bitsback.models import bundled
from bitsback_train.export.size_agnostic import CONTEXTS


def test_the_recipe_makes_the_models_that_ship(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["counted.py", "--out", str(tmp_path)])
    counted.main()
    for name in [*(of["name"] for of in counted.DESCRIPTIONS), "universal-deep"]:
        written = (tmp_path / f"{name}.safetensors").read_bytes()
        assert written == bundled.load(name).to_bytes()
    assert (tmp_path / "contexts.json").read_text() == CONTEXTS.read_text()
