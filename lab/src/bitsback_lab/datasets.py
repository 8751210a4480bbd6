"""The names of public data sets' files."""

ENVIRONMENT = "BITSBACK_DATA"
"""The variable that names the folder of the data sets."""

TEST_IMAGES = "t10k-images-idx3-ubyte.gz"
