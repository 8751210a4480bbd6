"""bitsback beside other compressors, on any images: measured, kept, tabulated and drawn."""
