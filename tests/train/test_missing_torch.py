"""Without torch, `bitsback.train` says which extra to install."""

import importlib
import importlib.util
import sys

import pytest

from bitsback.errors import MissingExtra


def test_without_torch_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, *rest: None if name == "torch" else find(name, *rest),
    )
    for name in [name for name in sys.modules if name.startswith("bitsback.train")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(MissingExtra, match=r"bitsback\[train\]"):
        importlib.import_module("bitsback.train")
