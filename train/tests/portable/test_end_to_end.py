"""From torch modules to archives, which one engine writes, and which all others, the specification,
and a machine without torch read.
"""

import io
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from numpy.typing import NDArray

import bitsback
from agreement import Pair, a_message
from bitsback.cli.main import bitsback as command
from bitsback.models import Model
from networks import SIMD_PATHS, engine
from own_models import OWN, dense
from reference import archive as spec
from reference import blocks as spec_blocks


@cache
def model_file(name: str) -> bytes:
    torch.manual_seed(1)
    return OWN[name]().build().model.to_bytes()


def likely(model: Model) -> NDArray[Any]:
    """Items that are likely under the model: what it decodes from random bits."""
    count = 6_000 // model.pixels
    message = a_message(3, 2, words=200_000)
    x = model.pop(message, [(count, 1)])
    return x.reshape(count, *(model.item_shape or ()))


@pytest.mark.parametrize("name", OWN)
def test_what_one_engine_writes_the_others_and_the_specification_read(name: str) -> None:
    data = model_file(name)
    images = likely(Model.from_bytes(data))
    archives = set()
    for path in SIMD_PATHS:
        with engine(path):
            out = io.BytesIO()
            bitsback.compress(images, out, model=Model.from_bytes(data), embed="always")
            archives.add(out.getvalue())
    (archive,) = archives
    sections = spec.read_sections(archive)
    assert [section.kind for section in sections] == ["C", "M", "B", "I"]
    reader = spec.Reader(sections[2].payload)
    reader.varint()
    list(spec_blocks.read_runs(reader))
    assert reader.byte() == spec_blocks.MODEL, "it is the model that codes the images"
    for path in SIMD_PATHS:
        with engine(path):
            assert np.array_equal(bitsback.decompress(io.BytesIO(archive)), images)
    assert np.array_equal(spec.decode(archive), images)


@pytest.mark.parametrize("name", OWN)
def test_the_core_codes_as_the_specification_does(name: str) -> None:
    pair = Pair.of(model_file(name))
    pair.check_chain(pair.items(4), 2)


_READ = """
import sys
sys.modules["torch"] = None  # importing it fails from here on
import numpy as np
import bitsback
assert np.array_equal(bitsback.decompress(sys.argv[1]), np.load(sys.argv[2]))
print("restored")
"""


def test_the_command_takes_the_file_and_torch_is_not_needed_to_decode(tmp_path: Path) -> None:
    torch.manual_seed(3)
    made = dense().build()
    images, model, archive = (tmp_path / name for name in ("a.npy", "mine.safetensors", "a.bb"))
    np.save(images, likely(made.model))
    made.save(model)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.npy", "mine.safetensors"]
    call = ["compress", str(images), "-m", str(model), "--embed", "always", "-o", str(archive)]
    result = CliRunner().invoke(command, call)
    assert result.exit_code == 0, result.output
    reading = [sys.executable, "-c", _READ, archive, images]
    ran = subprocess.run(reading, capture_output=True, text=True, check=False)
    assert ran.stdout == "restored\n", ran.stderr


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    made = dense().build()
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(bitsback.InputError, match=r"file/mine\.safetensors: "):
        made.save(tmp_path / "file" / "mine.safetensors")
    made.save(tmp_path / "new" / "mine.safetensors")
    assert (tmp_path / "new" / "mine.safetensors").exists()
    (there := tmp_path / "mine.safetensors").write_text("of somebody")
    with pytest.raises(bitsback.InputError, match=r"mine\.safetensors: exists already"):
        made.save(there)
    assert there.read_text() == "of somebody"
    made.save(there, force=True)
    assert bitsback.load_model(there).identity == made.model.identity


def test_the_same_modules_and_images_give_the_same_model() -> None:
    name = "convolutions and SiLU"
    torch.manual_seed(1)
    assert OWN[name]().build().model.to_bytes() == model_file(name)
