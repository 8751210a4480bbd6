"""Archives: reading their inputs, writing, reading, restoring and comparing them."""
