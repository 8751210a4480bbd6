"""Without torch, `bitsback_train` says which extra to install."""

import importlib

import pytest

from bitsback.errors import MissingExtra


def test_without_torch_the_extra_is_named(without_torch: None) -> None:
    with pytest.raises(MissingExtra, match=r"\./train\[torch\]"):
        _ = importlib.import_module("bitsback_train").train_model
