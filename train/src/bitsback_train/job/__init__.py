"""The job of `bitsback train` and of a recipe's script: from a collection of images to a model."""
