"""Fitting a module to images: the recipe, its optimiser, and what is done to weights on the way."""
