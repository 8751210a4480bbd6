"""The demonstration: the MNIST test set, a table of measurements and the paper's Figure 1."""
