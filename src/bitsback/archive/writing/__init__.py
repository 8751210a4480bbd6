"""Inputs to archives, and archives changed: the writer, generations, merging, parity, previews."""
