"""Integer networks: exact on every machine, with any engine and any order of sums."""

from bitsback.models.integer.activations import ITEM, Activations, Size
from bitsback.models.integer.network import BoundNetwork, Network

__all__ = ["ITEM", "Activations", "BoundNetwork", "Network", "Size"]
