"""Common setup of all tests: one thread of torch where every core has a process of its own; the
profiles of hypothesis; and a server of S3 on this machine for the tests that need one.
"""

import importlib.util
import json
import logging
import os
import signal
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# A shell that runs the tests in the background makes them and their processes ignore Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)

if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# `make test-slow` runs the property tests again, with more examples.
for profile, examples in (("bitsback", 30), ("bitsback-slow", 500)):
    settings.register_profile(
        profile,
        max_examples=examples,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
settings.load_profile("bitsback")


@pytest.fixture(scope="module")
def s3_server() -> Iterator[dict[str, Any]]:
    """The storage options for an S3 server of its own."""
    from moto.server import ThreadedMotoServer  # takes a second to import

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield {"key": "me", "secret": "mine", "endpoint_url": f"http://{host}:{port}"}
    server.stop()


@pytest.fixture
def without_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hides PyTorch, as if it were not installed."""
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, *rest: None if name == "torch" else find(name, *rest),
    )
    for name in [name for name in sys.modules if name.startswith("bitsback_train")]:
        monkeypatch.delitem(sys.modules, name)


@pytest.fixture(scope="session")
def private() -> Any:
    """An unbundled model."""
    import bitsback

    model = bitsback.load_model("mnist-binary-paper")
    description = json.loads(model.description)
    description["name"] = "private"
    return bitsback.Model.build(json.dumps(description), model.tensors)


@pytest.fixture(autouse=True)
def floats_as_usual() -> Iterator[None]:
    """Restores the treatment of subnormal floats, which training sets to zero."""
    yield
    if (torch := sys.modules.get("torch")) is not None:
        torch.set_flush_denormal(False)
