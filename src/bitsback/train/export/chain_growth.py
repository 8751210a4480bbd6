"""How fast the batch of a chain may grow (docs/format.md, "Bits back and the chain"), measured on
validation data.
"""

import numpy as np

from bitsback.train.export.code_lengths import Bits, CodeLengths

FASTEST = 256
ITEMS = 2_048  # of a simulated block
BLOCKS = 64
TOLERATED_BITS = 2.0
# of the growth that is just safe on the validation data, for data that compress better or worse
MARGIN = 0.75


def deepest(net: Bits, popped: Bits, growth: int, batch: int) -> float:
    """How far below its start the message of a block sinks, in bits, when the items are coded in
    this order.
    """
    level = lowest = 0.0
    done = 0
    while done < len(net):
        size = min(max(done * growth >> 8, 1), batch, len(net) - done)
        lowest = min(lowest, level - float(popped[done : done + size].sum()))
        level += float(net[done : done + size].sum())
        done += size
    return -lowest


def safe_growth(lengths: CodeLengths, batch: int, seed: int = 1) -> int:
    """`MARGIN` times the fastest growth at which blocks of items in random order sink no deeper
    than at the slowest.

    The slowest takes one item after another for most of a block, so its depth is that of the first
    few items alone. Beyond the safe growth the depth rises at once to thousands of bits, since each
    batch sinks below the last.
    """
    random = np.random.default_rng(seed)
    orders = [random.permutation(len(lengths.net))[:ITEMS] for _ in range(BLOCKS)]

    def depth(growth: int) -> float:
        depths = [
            deepest(lengths.net[order], lengths.popped[order], growth, batch) for order in orders
        ]
        return float(np.mean(depths))

    allowed = depth(1) + TOLERATED_BITS
    fastest = next((growth for growth in range(FASTEST, 1, -1) if depth(growth) <= allowed), 1)
    return max(1, int(fastest * MARGIN))
