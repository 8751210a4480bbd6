"""bitsback's formats as slow, plain code, which follows only docs/format.md and
docs/model-format.md.

Start a port to another language here. Nothing here imports bitsback; only the tables, which are
data, come from its package. Integers are Python's own, which never overflow; networks are NumPy
int64. The tests compare bitsback with this bit for bit.

    message.py           the ANS stack: push and pop of one interval, the implicit tail, bytes
    picks.py             picks without replacement from a multiset
    codecs.py            uniform, Bernoulli, categorical, rows, Gaussian, mixture; several in turn,
                         and in any order
    weights.py           frequencies from float weights and from distribution functions
    combinators.py       parts that depend on each other, and mixtures of codecs
    rules.py             the questions that a model is asked; descriptions as JSON
    values.py            what is known of a value in a network: channels, place, range; tensors
    layers.py            integer layers and their bounds
    network.py           integer networks
    variables.py         the data x, and the latents
    grids.py             distributions over the levels of a pixel that two numbers choose from
    outputs.py           what the outputs of a network mean, by codec
    autoregressive.py    an image pixel by pixel, each given those before it
    planes.py            items as planes, and what is found beyond them
    item_vectors.py      items that a size-agnostic model is tested by, and their message
    least_squares.py     predictions whose weights follow a series: the one computation in doubles
    series.py            symbols over time, each predicted
    wavefront_rules.py   what a description says of the codec `wavefront`
    wavefront_plane.py   a plane while it is coded: its predictions, and what a network reads of it
    wavefront_bins.py    the distribution of a pixel
    wavefront_contexts.py  contexts that are mixed with it
    wavefront.py         images of any size as planes, many rows at once
    counted_rules.py     what a description says of contexts and mixers
    candidates.py        the symbols that a context remembers to have come after its keys
    counted.py           pixels as binary decisions, which contexts count and mixers predict
    distributions.py     a variable given others
    steps.py             the code of a model, and which variables are known at each step
    cost.py              what a model may cost
    program.py           all of these as a description has them
    model_file.py        the model file and its identity
    model.py             a model: its test vectors, and how it codes a batch
    chain.py             a block of items and one message: digest, batches, encode, decode
    fields.py            varints, dtypes and shapes, one after another
    embedded.py          a model in an archive
    labels.py            names of files, classes and labels
    jpeg_markers.py      the marker segments of JPEG streams
    jpeg_mixing.py       their decisions: the arithmetic coder, contexts and mixers
    jpeg_coefficients.py their coefficients
    jpeg_streams.py      blocks of bytes with JPEG streams, whose scans are written again
    archive.py           whole archives
"""
