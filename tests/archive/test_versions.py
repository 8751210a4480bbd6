"""Archives and models of another format version are refused with a remedy."""

import io

import pytest

import bitsback
from bitsback.errors import ArchiveError, ModelError
from bitsback.format.layout import MAGIC
from bitsback.models import Model


@pytest.mark.parametrize(("version", "said"), [(6, "an older bitsback"), (8, "a newer bitsback")])
def test_an_archive_of_another_version(version: int, said: str) -> None:
    data = MAGIC + bytes([version]) + bytes(50)
    with pytest.raises(ArchiveError, match=said):
        bitsback.decompress(io.BytesIO(data))
    with pytest.raises(ArchiveError, match=said):
        bitsback.open(io.BytesIO(data))


@pytest.mark.parametrize(
    ("version", "said"), [(0, "train it again"), (2, "needs a newer bitsback")]
)
def test_a_model_of_another_version(version: int, said: str) -> None:
    known = bitsback.load_model("mnist-binary")
    description = known.description.replace('"version": 1', f'"version": {version}').replace(
        '"version":1', f'"version":{version}'
    )
    with pytest.raises(ModelError, match=said):
        Model.build(description, known.tensors)
