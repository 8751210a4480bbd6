"""The paper's tables, figures and analysis, which `bitsback reproduce` runs.

Source: Townsend, Bird, Barber, "Practical Lossless Compression with Latent Variables using Bits
Back Coding" (ICLR 2019).
"""
