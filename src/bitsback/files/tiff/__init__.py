"""TIFF files: their structure by tifffile, their pixels by segments, and files made again."""
