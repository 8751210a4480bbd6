"""The message: a stack of bits. The core holds it; docs/format.md says what each of its bits
means.
"""

from bitsback._core import Message

__all__ = ["Message"]
