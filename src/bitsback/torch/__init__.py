"""Archives for PyTorch: a dataset that decodes the blocks of a batch, and a sampler that shuffles
so that these are few. Needs the extra `torch`.

Nothing else in bitsback imports this package, and besides it only training needs PyTorch.
"""

from importlib.util import find_spec

from bitsback.errors import MissingExtra

if find_spec("torch") is None:
    raise MissingExtra("torch", ".[torch]")

from bitsback.torch.dataset import ArchiveDataset
from bitsback.torch.sampler import BlockSampler

__all__ = ["ArchiveDataset", "BlockSampler"]
