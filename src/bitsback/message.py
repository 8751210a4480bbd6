"""The message: the stack of bits of ANS. The core implements it, and docs/format.md defines it."""

from bitsback._core import Message

__all__ = ["Message"]
