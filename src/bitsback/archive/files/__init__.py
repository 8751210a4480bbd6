"""The files of an open archive: listed, verified, and restored while their blocks are decoded."""
