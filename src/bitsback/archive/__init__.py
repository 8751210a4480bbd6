"""Archives: what goes into them, reading, writing, restoring and comparing them."""
