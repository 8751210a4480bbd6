"""The containers of one array, by their numbers in archives (docs/format.md, `C`)."""

ARRAY, IDX, GZIPPED_IDX = 0, 2, 3
"""An array without a file, or in a .npy file; in an idx file; in a gzipped idx file."""
