"""Archives to arrays and files: opening, indexing, restoring, verifying, merging."""
