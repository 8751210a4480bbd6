"""Plan how each part of the input is coded.

A plan names a model, the meaning of axes and values, or a general compressor. Trials on samples
decide, by the thresholds of one policy.
"""
