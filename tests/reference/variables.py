"""The variables of a model: the data x, and the latents."""

from dataclasses import dataclass
from typing import Any

from .rules import check_integer, check_keys, check_pair, check_text, objects, require
from .values import ITEM, Size, Value


@dataclass(frozen=True)
class Variable:
    name: str
    channels: int
    levels: int
    where: int  # ITEM, or s for the grid s
    of_planes: bool = False  # images of any number of planes; channels is 1

    @property
    def bits(self) -> int:
        """log2 of the levels of a latent."""
        return self.levels.bit_length() - 1

    @property
    def is_data(self) -> bool:
        return self.name == "x"

    @property
    def value(self) -> Value:
        """The value as a network takes it."""
        return Value(self.channels, self.where, (0, self.levels - 1))


def read_variables(about: Any) -> tuple[dict[str, Variable], Size | None]:
    """The variables, in their order, and the size of the images, if there is one for all."""
    variables, size = {}, None
    for name, of in objects(about):
        require(name not in ("context", "features"), "context and features name no variable")
        if name == "x":
            if type(of) is dict and "planes" in of:
                check_keys(of, "planes levels")
                check_text(of["planes"], "any")
                levels = check_integer(of["levels"], 2, 2**16)
                variables[name] = Variable(name, 1, levels, 1, of_planes=True)
                continue
            check_keys(of, "channels levels", "size")
            levels = check_integer(of["levels"], 2, 2**16)
            variables[name] = Variable(name, check_integer(of["channels"], 1, 256), levels, 1)
            if "size" in of:
                size = check_pair(of["size"], 1, 2**24)
                elements = size[0] * size[1] * of["channels"]
                require(elements <= 2**24, "an item has at most 2^24 elements")
        else:
            check_keys(of, "channels bits", "grid")
            levels = 1 << check_integer(of["bits"], 1, 12)
            grid = check_integer(of["grid"], 1, 64) if "grid" in of else ITEM
            variables[name] = Variable(name, check_integer(of["channels"], 1, 4096), levels, grid)
    require("x" in variables, "there is the variable x")
    require(len(variables) <= 17, "there are at most 16 latents")
    require(not variables["x"].of_planes or len(variables) == 1, "x of any planes has no latents")
    return variables, size
