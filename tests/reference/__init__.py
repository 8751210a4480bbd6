"""bitsback's formats as slow, plain code: what docs/format.md and docs/model-format.md say, and
nothing else.

This is where to start a port to another language. Nothing here imports bitsback; only the tables,
which are data, are read from the bytes that it ships. Whole numbers are Python's own, which never
overflow; networks are NumPy int64. The tests compare bitsback with this bit for bit.

    message.py      the ANS stack: push and pop of one interval, the supply, bytes codecs.py
    uniform, Bernoulli, categorical, rows, Gaussian, mixture; several in turn; bits back network.py
    integer networks and their bounds grids.py        distributions over the levels of a pixel that
    two numbers choose from pixels.py       what a network's outputs say of pixels context.py
    pixels given those before them description.py  what the description of a model may hold model.py
    the model file: reading it, its identity, its test vectors, its codecs chain.py        a block
    of items and one message: digest, batches, encode, decode fields.py       varints, dtypes and
    shapes, one after another embedded.py     a model in an archive archive.py      whole archives
"""
