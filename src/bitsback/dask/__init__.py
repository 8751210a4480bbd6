"""Read and write archives on Dask clusters. Needs the extra `dask`."""

from importlib.util import find_spec

from bitsback.errors import MissingExtra

if find_spec("dask") is None:
    raise MissingExtra("dask", ".[dask]")

from bitsback.dask.reading import from_archive
from bitsback.dask.writing import to_archive, to_shards

__all__ = ["from_archive", "to_archive", "to_shards"]
