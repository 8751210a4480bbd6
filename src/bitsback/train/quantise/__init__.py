"""From floats to integers: the grids that values are rounded to, and the tables a model carries."""
