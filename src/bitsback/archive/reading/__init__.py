"""Archives to arrays and files: opening, indexing, finding damage, verifying."""
