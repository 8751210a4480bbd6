"""Read files at URLs by ranges, write them as streams, and list them.

It uses fsspec, which is imported when a URL is used.
"""
