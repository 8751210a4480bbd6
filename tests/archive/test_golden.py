"""Old archives decode to the same arrays, and are written with the same bytes, except for those of
general compressors, which may change with their versions.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import bitsback
from bitsback import _core
from reference import archive as spec

from .conftest import assert_same
from .golden.make import FOLDER, GOLDEN, PINNED, make


@pytest.mark.parametrize("name", GOLDEN)
def test_it_decodes_to_its_array(name: str) -> None:
    assert_same(bitsback.decompress(FOLDER / f"{name}.bb"), GOLDEN[name][0]())


@pytest.mark.parametrize("name", [name for name in GOLDEN if name.startswith("context-")])
def test_the_specification_reads_those_of_pixels_in_context(name: str) -> None:
    data = (FOLDER / f"{name}.bb").read_bytes()
    assert_same(spec.decode(data), GOLDEN[name][0]())
    methods = bitsback.open(data).info()["methods"]
    assert methods["model"] == sum(methods.values()) == 3


@pytest.mark.parametrize("name", PINNED)
def test_its_array_gives_the_same_bytes(name: str) -> None:
    assert make(name) == (FOLDER / f"{name}.bb").read_bytes()


ENGINES = [
    pytest.param(engine, marks=[pytest.mark.slow] * (engine != "scalar"))
    for engine in _core.simd_paths()
]


@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_gives_the_same_bytes(engine: str) -> None:
    """Runs in its own process, since loading a model chooses the engine."""
    code = (
        "from archive.golden.make import FOLDER, GOLDEN, PINNED, make\n"
        "for name in PINNED: assert make(name) == (FOLDER / f'{name}.bb').read_bytes(), name"
    )
    before = os.environ.get("PYTHONPATH")
    environment = {
        **os.environ,
        "BITSBACK_SIMD": engine,
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1]), *filter(None, [before])]),
    }
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)


def test_there_are_no_others() -> None:
    assert {path.stem for path in FOLDER.glob("*.bb")} == set(GOLDEN)
