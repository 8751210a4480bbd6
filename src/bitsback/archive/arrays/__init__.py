"""The arrays of an open archive, read by regions."""
