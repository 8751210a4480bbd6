"""Export a module to a model file, with its test vectors and the growth of its chain."""
