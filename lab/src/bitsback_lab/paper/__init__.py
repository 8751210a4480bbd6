"""The paper's tables, figures and analysis, each as something to run: `bitsback reproduce`.

Source: Townsend, Bird, Barber, "Practical Lossless Compression with Latent Variables using Bits
Back Coding" (ICLR 2019).
"""
