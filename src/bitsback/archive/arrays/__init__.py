"""The arrays of an open archive, of which regions are read."""
