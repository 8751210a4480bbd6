"""What the bytes of an archive mean: its sections and what it holds (docs/format.md)."""
