"""The architectures: torch twins of the integer networks and of their likelihoods."""
