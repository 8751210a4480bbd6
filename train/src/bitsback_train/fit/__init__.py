"""Fitting a module to images: the recipe, its optimiser, and changes of weights on the way."""
