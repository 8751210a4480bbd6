"""What all tests share: the folder of tests on the path, for `reference` and `laws`, one thread of
torch where every core has a process of its own, and one hypothesis profile.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

sys.path.insert(0, str(Path(__file__).parent))
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

settings.register_profile(
    "bitsback",
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("bitsback")


@pytest.fixture(autouse=True)
def floats_as_usual() -> Iterator[None]:
    """Training rounds the smallest floats to zero, which a test of it must not leave behind."""
    yield
    if (torch := sys.modules.get("torch")) is not None:
        torch.set_flush_denormal(False)
