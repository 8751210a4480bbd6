"""The docstring of every public class and function has an example that runs; `dir` and `help` show
all of them.
"""

from __future__ import annotations

import doctest
import pydoc
import subprocess
import sys
from typing import Any

import pytest

import bitsback
import bitsback.dask
import bitsback.napari
import bitsback.pillow
import bitsback.torch
import bitsback.xarray
import bitsback_train
from bitsback import codecs
from bitsback_train import portable

PUBLIC = {
    name: found
    for package in (bitsback, bitsback.dask, bitsback.torch, bitsback_train, codecs)
    for name in package.__all__
    if callable(found := getattr(package, name))
} | {"bitsback": bitsback}
PUBLIC["Archive.extract"] = bitsback.Archive.extract
PUBLIC |= {
    found.__name__: found
    for found in (
        bitsback.pillow.BitsbackImageFile,
        bitsback.xarray.BitsbackBackend,
        bitsback.napari.get_reader,
    )
}
PUBLIC |= {f"portable.{name}": getattr(portable, name) for name in portable.__all__}


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_example(name: str) -> None:
    public: Any = PUBLIC[name]
    module = getattr(public, "__module__", name)
    known = {**vars(sys.modules[module]), name: public}
    test = doctest.DocTestParser().get_doctest(public.__doc__, known, name, None, None)
    assert test.examples, f"the docstring of {name} has no example"
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    said: list[str] = []
    runner.run(test, out=said.append)
    assert not said, "".join(said)


def test_what_there_is_can_be_seen() -> None:
    code = "import bitsback, sys; print(*dir(bitsback)); print('numpy' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    shown, numpy = ran.stdout.splitlines()
    assert set(bitsback.__all__) < set(shown.split())
    assert numpy == "False", "it is loaded when it is needed"
    text = pydoc.render_doc(bitsback, renderer=pydoc.plaintext)
    assert all(name in text for name in bitsback.__all__)
