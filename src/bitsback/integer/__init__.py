"""Integer networks: exact on every machine, whatever the engine and the order of its sums."""

from bitsback.integer.activations import ITEM, Activations, Size
from bitsback.integer.network import BoundNetwork, Network

__all__ = ["ITEM", "Activations", "BoundNetwork", "Network", "Size"]
