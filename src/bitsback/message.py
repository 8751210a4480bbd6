"""The message: a stack of bits, which the core implements. docs/format.md defines its bits."""

from bitsback._core import Message

__all__ = ["Message"]
