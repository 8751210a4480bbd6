"""Archives on clusters, with Dask: lazy arrays of archives, and archives of lazy arrays. Needs the
extra `bitsback[dask]`.
"""

from importlib.util import find_spec

from bitsback.errors import MissingExtra

if find_spec("dask") is None:
    raise MissingExtra("dask", "bitsback[dask]", ".[dask]")

from bitsback.dask.reading import from_archive
from bitsback.dask.sharding import Sharded, to_archives

__all__ = ["Sharded", "from_archive", "to_archives"]
