"""Skips all tests here without torch."""

from importlib.util import find_spec
from pathlib import Path

if find_spec("torch") is None:
    collect_ignore = [path.name for path in Path(__file__).parent.glob("*.py")]
else:
    import torch

    torch.set_num_threads(1)
