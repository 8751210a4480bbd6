"""Integer networks: exact on every machine, with any engine and any order of sums."""

from bitsback.integer.activations import ITEM, Activations, Size
from bitsback.integer.network import BoundNetwork, Network

__all__ = ["ITEM", "Activations", "BoundNetwork", "Network", "Size"]
