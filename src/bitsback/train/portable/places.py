"""Where the values of a graph live: how many pixels of x, each way, make a place of each."""

from collections.abc import Mapping, Sequence
from fractions import Fraction

from bitsback.errors import InputError
from bitsback.train.portable.graph import Node
from bitsback.train.portable.operations import Affine, Image, Shuffle

_MOST = 4096


def find_grids(
    name: str,
    nodes: Sequence[Node],
    known: Mapping[Node, int],
    size: tuple[int, int],
) -> dict[Node, int]:
    """Of all nodes on one. Sets the `grid` of each Image.

    known: the grids of sources and of outputs that have one. size: rows and columns of x. Raises
    InputError where the sizes of a network do not go with one another.
    """
    where: dict[Node, tuple[Node, Fraction]] = {}
    for node in nodes:
        if len(node.shape) == 1:
            continue
        if not node.inputs or isinstance(node.operation, Image):
            where[node] = node, Fraction(1)
            continue
        root, ratio = where[node.inputs[0]]
        if isinstance(node.operation, Affine):
            ratio *= node.operation.stride
        if isinstance(node.operation, Shuffle):
            ratio /= node.operation.factor
        where[node] = root, ratio
    found: dict[Node, int] = {}
    for root in {of for of, _ in where.values()}:
        members = {node: ratio for node, (of, ratio) in where.items() if of is root}
        fits = [
            grid
            for grid in range(1, _MOST + 1)
            if all(_fits(node, grid * ratio, known, size) for node, ratio in members.items())
        ]
        if not fits:
            raise InputError(_misfit(name, members, known, size))
        if isinstance(root.operation, Image):
            root.operation.grid = fits[0]
        found |= {node: int(fits[0] * ratio) for node, ratio in members.items()}
    return found


def _fits(node: Node, grid: Fraction, known: Mapping[Node, int], size: tuple[int, int]) -> bool:
    if grid.denominator != 1 or not 1 <= grid <= _MOST:
        return False
    cells = tuple(-(-length // int(grid)) for length in size)
    return cells == node.shape[:2] and known.get(node, grid) == grid


def _misfit(
    name: str, members: Mapping[Node, Fraction], known: Mapping[Node, int], size: tuple[int, int]
) -> str:
    root = next(iter(members))
    for node, ratio in members.items():
        grid = known.get(root, 1) * ratio
        if root in known and not _fits(node, grid, known, size):
            rows, columns = node.shape[:2]
            return (
                f"{node.place}: its images of {rows} x {columns} places do not go with x of"
                f" {size[0]} x {size[1]}: a place must be a square of whole pixels, the last ones"
                " cut off"
            )
    rows, columns = root.shape[:2]
    return (
        f"{root.place}: an image of {rows} x {columns} places does not lead to x of {size[0]} x"
        f" {size[1]} by the strides and factors of {name}"
    )
