"""Write and change archives: the writer, generations, merging, parity, previews."""
