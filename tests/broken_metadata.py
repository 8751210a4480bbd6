"""Container metadata that break a rule of docs/format.md."""

from __future__ import annotations

from typing import Any

import pytest
from numpy.typing import NDArray

import bitsback
from bitsback.errors import ArchiveError
from bitsback.files.picture_files import file_of
from packing import archive_of_file
from reference.container_metadata import restore
from reference.fields import ArchiveError as SpecArchiveError


def assert_both_refuse(pixels: NDArray[Any], metadata: bytes) -> None:
    """The program, alone and in an archive, and the specification refuse it in one line."""
    with pytest.raises(ArchiveError):
        file_of(pixels, metadata)
    with pytest.raises(SpecArchiveError):
        restore(pixels, metadata)
    with (
        bitsback.open(archive_of_file(metadata, pixels)) as archive,
        pytest.raises(ArchiveError) as caught,
    ):
        archive.open("a")
    assert "\n" not in str(caught.value)
