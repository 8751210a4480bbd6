"""Pack and unpack the sections of an archive (docs/format.md), without reading or writing files."""
