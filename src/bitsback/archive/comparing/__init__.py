"""Compare archives with their inputs, and with each other."""
