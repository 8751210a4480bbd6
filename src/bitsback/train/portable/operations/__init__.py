"""What a traced network is made of: each operation computes with real numbers, rounded or not, and
with the integers of its layers in a model file, which it also writes.
"""

from bitsback.train.portable.operations.add import Add
from bitsback.train.portable.operations.affine import Affine
from bitsback.train.portable.operations.elementwise import Elementwise, Function
from bitsback.train.portable.operations.join import Join
from bitsback.train.portable.operations.moves import Flatten, Image, Move, Shuffle
from bitsback.train.portable.operations.operation import Operation
from bitsback.train.portable.operations.source import Source

__all__ = [
    "Add",
    "Affine",
    "Elementwise",
    "Flatten",
    "Function",
    "Image",
    "Join",
    "Move",
    "Operation",
    "Shuffle",
    "Source",
]
