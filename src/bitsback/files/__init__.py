"""Read and write files of arrays and pictures, a few items at a time."""
