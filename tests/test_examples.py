"""Every public class shows in its docstring how it is used, and that runs as it stands."""

from __future__ import annotations

import doctest
import sys
from typing import Any

import pytest

import bitsback
from bitsback import codecs, dask

CLASSES = {
    name: found
    for package in (bitsback, codecs, dask)
    for name in package.__all__
    if isinstance(found := getattr(package, name), type)
}


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_example(name: str) -> None:
    public: Any = CLASSES[name]
    known = {**vars(sys.modules[public.__module__]), name: public}
    test = doctest.DocTestParser().get_doctest(public.__doc__, known, name, None, None)
    assert test.examples, f"the docstring of {name} has no example"
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    said: list[str] = []
    runner.run(test, out=said.append)
    assert not said, "".join(said)
