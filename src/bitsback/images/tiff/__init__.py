"""TIFF files: their structure by tifffile, the segments of their pixels, and the file made again."""
