"""The lab of bitsback: the paper's tables and figures, the comparison with other compressors, and
the demonstration, with their images.

It contains the commands `bitsback bench`, `bitsback reproduce`, `bitsback explain` and `bitsback
demo`, and must have the same version as bitsback, whose internals it uses.
"""
