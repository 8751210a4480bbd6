"""The sections and blocks of an open archive, and its damage."""
