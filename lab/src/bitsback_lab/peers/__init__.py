"""Other lossless compressors behind one interface, for comparisons."""
