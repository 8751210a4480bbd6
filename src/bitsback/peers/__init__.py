"""Other lossless compressors behind one interface, and what one of them makes of images."""
