"""docs/worked-example.md has the numbers of the executable specification; the program agrees."""

from __future__ import annotations

import hashlib
import io
import zlib

import numpy as np

import bitsback
from bitsback.coding import chain
from bitsback.files.tokens import TokenReader
from bitsback.models import Model
from docs import traced_pixels, traced_tokens
from docs.blocks import ROOT
from docs.worked_example import ARCHIVE, ITEMS, PICTURE, coded, model, texts


def test_the_page_has_the_numbers_of_the_specification() -> None:
    page = (ROOT / "docs" / "worked-example.md").read_text(encoding="utf-8")
    for text in [*texts(), *traced_pixels.texts(), *traced_tokens.texts()]:
        assert text in page


def test_the_program_writes_the_archive() -> None:
    out = io.BytesIO()
    bitsback.compress(PICTURE, out)
    assert out.getvalue() == bytes.fromhex("".join(part for part, _ in ARCHIVE))


def test_the_program_codes_the_block() -> None:
    of = Model.build(*model())
    start = hashlib.sha256(bytes.fromhex("01 04 7C 75 31 02 01 01 00") + ITEMS.tobytes()).digest()
    parts = [of.bind([(len(ITEMS), of.shape_of(None))])]
    data, _ = coded()
    assert chain.encode(parts, ITEMS.reshape(-1), start, 1) == data
    message = bitsback.Message.from_bytes(data)
    assert np.array_equal(chain.decode(parts, message, len(ITEMS)), ITEMS.reshape(-1))


def test_the_program_and_zlib_read_the_tokens() -> None:
    stream, coded, _ = traced_tokens.trace()
    assert zlib.decompress(stream, -15) == traced_tokens.PLAINTEXT
    reader = TokenReader(coded)
    assert reader.stream(traced_tokens.PLAINTEXT, len(stream)) == stream
    reader.end()
