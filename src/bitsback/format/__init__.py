"""The bytes of an archive and their meaning, without input and output (docs/format.md)."""
