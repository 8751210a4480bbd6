"""The architectures: torch modules of the integer networks and of their likelihoods."""
