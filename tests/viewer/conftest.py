"""The browser of the tests of the viewer."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from viewer.browser import Browser


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("profile")) as found:
        found.size(1280, 800)
        yield found


@pytest.fixture(autouse=True)
def no_errors(browser: Browser) -> Iterator[None]:
    browser.events.clear()
    yield
    assert not browser.errors()
