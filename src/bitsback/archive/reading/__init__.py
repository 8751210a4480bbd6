"""Read archives: opening, indexing, finding damage, verifying."""
