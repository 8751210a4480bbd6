"""The job of `bitsback train` for free models: images of any size, kind and depth."""
