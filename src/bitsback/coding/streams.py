"""Code bytes that contain JPEG streams (docs/format.md, the method streams)."""

import zlib
from functools import cache

import numpy as np
from numpy.typing import NDArray

from bitsback import _core, lzma2
from bitsback.errors import ArchiveError
from bitsback.wire import Cursor, varint

_RAW_DEFLATE = -15
