"""Tiles to blocks and back: by a model, or without one."""
