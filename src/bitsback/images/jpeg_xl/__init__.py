"""Lossless JPEG XL files: the bits that tell that they are, and files made again by libjxl."""
