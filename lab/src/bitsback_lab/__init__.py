"""The lab of bitsback: the paper's tables and figures, the comparison with other compressors, and
the demonstration, with the images that they are made on.

It brings the bodies of `bitsback bench`, `bitsback reproduce`, `bitsback explain` and
`bitsback demo`, and is of one version with bitsback, whose internals it uses.
"""
