"""Integer networks: exact on every machine, whatever the engine and the order of its sums."""

from bitsback.integer.network import BoundNetwork, Network
from bitsback.integer.values import ITEM, Size, Values

__all__ = ["ITEM", "BoundNetwork", "Network", "Size", "Values"]
