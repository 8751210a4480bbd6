"""The recipe makes the bundled context-mixing models."""

from pathlib import Path

import counted
import pytest

from bitsback.models import bundled


def test_the_recipe_makes_the_models_that_ship(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["counted.py", "--out", str(tmp_path)])
    counted.main()
    for description in counted.DESCRIPTIONS:
        written = (tmp_path / f"{description['name']}.safetensors").read_bytes()
        assert written == bundled.load(description["name"]).to_bytes()
