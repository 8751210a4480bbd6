"""PNG files, still and animated: their chunks, their pixels, and files made again."""
