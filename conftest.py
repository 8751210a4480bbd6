"""Common setup of all tests: the tools that some of them need; one thread of torch where every core
has a process of its own; the profiles of hypothesis; and a local server of S3.
"""

import ctypes.util
import importlib.util
import json
import logging
import os
import re
import shutil
import signal
import sys
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

import second_decoder
from viewer.browser import CHROMIUM


@dataclass(frozen=True)
class Tool:
    """A tool that no Python package contains. The tests that need it have its name as a marker."""

    found: Callable[[], object]
    """Gives a true value if the tool is there."""
    tested: str
    """The subject of these tests."""
    package: str
    """How to get the tool."""


def _loads(library: str | None) -> bool:
    """Whether the library can be loaded; the system's cache may name one that is gone."""
    try:
        return library is not None and ctypes.CDLL(library) is not None
    except OSError:
        return False


TOOLS = {
    "rust": Tool(
        lambda: all(path.exists() for path in second_decoder.BUILT),
        "the second decoder",
        "install cargo 1.85 or newer (Debian: rustc cargo), and run `make decoder`",
    ),
    "h5dump": Tool(
        lambda: shutil.which("h5dump"),
        "HDF5 files that other programs read",
        "install the package hdf5-tools",
    ),
    "tiffcp": Tool(
        lambda: shutil.which("tiffcp"),
        "TIFF files that libtiff writes",
        "install the package libtiff-tools",
    ),
    "fuse": Tool(
        lambda: _loads(os.environ.get("FUSE_LIBRARY_PATH") or ctypes.util.find_library("fuse")),
        "`bitsback mount`",
        "install libfuse 2, by the package libfuse2t64 or libfuse2",
    ),
    "chromium": Tool(
        lambda: CHROMIUM,
        "the viewer in a browser",
        "install the package chromium",
    ),
}
MISSING = {name: tool for name, tool in TOOLS.items() if not tool.found()}


def pytest_configure(config: pytest.Config) -> None:
    for name, tool in TOOLS.items():
        config.addinivalue_line("markers", f"{name}: tests {tool.tested}; {tool.package}")
    if MISSING and os.environ.get("BITSBACK_ALL_TOOLS") == "1":
        lines = (f"{name} is missing: {tool.package}" for name, tool in MISSING.items())
        raise pytest.UsageError("BITSBACK_ALL_TOOLS=1 needs all tools\n" + "\n".join(lines))


def pytest_runtest_setup(item: pytest.Item) -> None:
    missing = [name for name in MISSING if item.get_closest_marker(name)]
    if missing:
        pytest.skip(f"missing: {', '.join(missing)}")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter,
) -> Generator[None, None, None]:
    """Ends with the tools whose lack has skipped tests."""
    yield
    reasons = [str(report.longrepr) for report in terminalreporter.getreports("skipped")]
    for name, tool in MISSING.items():
        count = sum(bool(re.search(rf"missing: .*\b{name}\b", reason)) for reason in reasons)
        if count:
            terminalreporter.line(
                f"{name} is missing: {tool.package}; skipped tests of {tool.tested}: {count}"
            )


# A shell that runs the tests in the background makes them and their processes ignore Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)

if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# `make test-slow` runs the property tests again, with more examples.
for profile, examples in (("bitsback", 20), ("bitsback-slow", 500)):
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
