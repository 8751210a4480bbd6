"""Plan how everything is coded: which model, which meaning of axes and values, or a general
compressor, by trials on samples and one policy.
"""
