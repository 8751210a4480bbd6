"""Files at URLs, by fsspec, which is imported when a URL is used and not before: read by ranges,
written as a stream, listed.
"""
